"""The page and its files: what may be had by whom, and from which address."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from gladius.compose import build
from gladius.pulse.rundir import Home
from gladius.server.app import create_app
from gladius.server.credentials import Credentials
from gladius.server.pages import ASSETS
from gladius.users.keys import Keys

TOKEN = "t" * 40
SIGNED_IN = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    folder = tmp_path / "built"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(
        '<html><head><base href="/"><script src="assets/app-1a2b.js"></script></head></html>'
    )
    (folder / "assets" / "app-1a2b.js").write_text("export {}")
    (folder / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("hidden words")
    return folder


def get(home: Home, assets: Path, path: str, base: str = "", method: str = "GET", **headers: str) -> httpx.Response:
    home.token.write_text(TOKEN)
    app = create_app(build(home), Credentials(Keys(home), "127.0.0.1", 1), base, assets)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:1") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(ask())


def test_files_are_open_and_hashed_ones_are_kept_for_ever(home: Home, assets: Path) -> None:
    script = get(home, assets, "/assets/app-1a2b.js")
    assert (script.status_code, script.text) == (200, "export {}")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    icon = get(home, assets, "/favicon.svg")
    assert (icon.status_code, icon.headers["cache-control"]) == (200, "no-cache")
    assert icon.headers["content-type"] == "image/svg+xml"


def test_each_kind_of_file_of_the_built_page_has_its_type(home: Home) -> None:
    kinds = {file.suffix: file for file in ASSETS.rglob("*.*") if file.suffix not in ("", ".html")}
    for file in kinds.values():
        told = get(home, ASSETS, f"/{file.relative_to(ASSETS)}").headers["content-type"]
        assert told.partition("/")[0] in ("text", "image", "font"), file


def test_the_page_itself_needs_credentials(home: Home, assets: Path) -> None:
    for path in ("/", "/index.html", "/runs/some-run", "/settings"):
        assert get(home, assets, path).headers["location"] == "/login"
        page = get(home, assets, path, **SIGNED_IN)
        assert page.status_code == 200 and '<base href="/">' in page.text, path
    assert get(home, assets, "/assets/%2e%2e/index.html").headers["location"] == "/login"


def test_the_page_learns_its_base_path(home: Home, assets: Path) -> None:
    page = get(home, assets, "/proxy/1/runs/x", "/proxy/1", **SIGNED_IN)
    assert '<base href="/proxy/1/">' in page.text and page.text.count("<base") == 1
    assert get(home, assets, "/proxy/1/assets/app-1a2b.js", "/proxy/1").status_code == 200


def test_a_runs_page_has_the_consoles_code_fetched_ahead(home: Home, assets: Path) -> None:
    (assets / "assets" / "RunPage-3c4d.js").write_text("export {}")
    (assets / "assets" / "RunPage-5e6f.css").write_text("p {}")
    page = get(home, assets, "/runs/x", **SIGNED_IN).text
    assert '<link rel="modulepreload" crossorigin href="./assets/RunPage-3c4d.js">' in page
    assert '<link rel="preload" as="style" crossorigin href="./assets/RunPage-5e6f.css">' in page
    assert "RunPage" not in get(home, assets, "/", **SIGNED_IN).text


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/assets/%00", "//etc/passwd"]
)
def test_nothing_outside_the_folder_is_served(home: Home, assets: Path, path: str) -> None:
    assert "hidden words" not in get(home, assets, path, **SIGNED_IN).text
    assert get(home, assets, path).status_code != 200


def test_a_missing_file_is_404_and_a_page_cannot_be_written(home: Home, assets: Path) -> None:
    assert get(home, assets, "/assets/gone-77.js", **SIGNED_IN).status_code == 404
    assert get(home, assets, "/settings", method="POST", **SIGNED_IN).status_code == 405
    assert get(home, assets, "/api/v1/nope", **SIGNED_IN).json()["code"] == "not_found"


def test_a_server_without_the_built_page_says_what_to_do(home: Home, tmp_path: Path) -> None:
    page = get(home, tmp_path / "empty", "/", **SIGNED_IN)
    assert page.status_code == 503 and "npm" in page.text
