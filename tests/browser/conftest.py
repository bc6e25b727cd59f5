"""A real Chromium before a real server. Everything is found by its accessible name, as a person with a screen reader would."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from console_fixtures import serve, train
from console_server import ConsoleServer
from signed_in import Visit
from steered_run import steer, steered, steered_home
from watched_page import Guest, House

__all__ = ["serve", "steer", "steered", "steered_home", "train"]

ASSETS = Path(__file__).parents[2] / "src/gladius/server/assets"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def find_chromium() -> str | None:
    """CHROMIUM, or one of the machine's; None leaves it to Playwright's own."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium for one module: while Playwright is open its event loop runs in this thread, and asyncio's could not."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if not (ASSETS / "index.html").is_file():
        pytest.skip("the page is not built: npm --prefix web run build")
    with playwright.sync_playwright() as driver:
        try:
            running = driver.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        except playwright.Error as error:
            pytest.skip(f"no Chromium starts here (set CHROMIUM to one): {str(error).splitlines()[0]}")
        yield running
        running.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    contexts: list[Any] = []

    def start(server: ConsoleServer, **options: Any) -> Visit:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "en-US", **options})
        contexts.append(context)
        return Visit(context, server)

    yield start
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def house(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for a module, for runs that are told event by event. It comes after the browser, which may be missing."""
    running = House(tmp_path_factory.mktemp("house"))
    yield running
    running.close()


@pytest.fixture
def guest(browser: Any, house: House) -> Iterator[Callable[..., Guest]]:
    """Sign a browser of its own in to the module's server."""
    opened: list[Guest] = []

    def start(prepare: str = "", **options: Any) -> Guest:
        opened.append(Guest(browser, house.server, prepare, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
