"""No name in a path leads out of the folder that its route speaks of: nothing is read, written or told there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from direct import Answer, Direct
from traversals import traversals

from gladius.pulse.rundir import Home

SECRET = "the-canary-outside"
BODIES = {
    "PATCH /api/v1/runs/{run_id}": b'{"name": "new"}',
    "PATCH /api/v1/queue/{run_id}": b'{"priority": "high"}',
    "PUT /api/v1/runs/{run_id}/config": b'{"text": "a: 1"}',
    "POST /api/v1/runs/{run_id}/commands": b'{"command": "stop"}',
    "POST /api/v1/runs/{run_id}/revert": b'{"name": "learning_rate"}',
    "PUT /api/v1/profiles/{profile_id}": b'{"text": "engine: script\\ncommand: [\\"true\\"]\\n"}',
    "PUT /api/v1/presets/{preset_id}": b'{"name": "mine", "engine": "transformers", "config": {"train": {"epochs": 1}}}',
    "PUT /api/v1/datasets/{dataset_id}": b'{"name": "mine"}',
    "POST /api/v1/flows/{flow_id}/runs": b'{"args": {}}',
}
QUERIES = {"search": "q=x", "find": "q=x", "place": "step=1", "tokens": "tokenizer=%2fnowhere"}
OPENED: list[str] | None = None


def _audit(event: str, args: tuple[object, ...]) -> None:
    if OPENED is not None and event in (
        "open",
        "os.listdir",
        "os.scandir",
        "os.remove",
        "os.rename",
        "os.mkdir",
        "os.rmdir",
        "os.link",
    ):
        paths = args[:2] if event in ("os.rename", "os.link") else args[:1]
        OPENED.extend(os.fspath(one) for one in paths if isinstance(one, (str, os.PathLike)))


sys.addaudithook(_audit)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Direct, Path]]:
    outside = tmp_path_factory.mktemp("outside")
    home = Home(outside / "home")
    home.create()
    for place in (outside / "canary.json", outside / "server.json", home.root / "canary.json"):
        place.write_text(f'{{"{SECRET}": 1, "name": "{SECRET}", "run_id": "x", "steps": []}}')
    home.new_run("first", {"source": "script"})
    direct = Direct(home)
    yield direct, outside
    direct.stop()


def routes(direct: Direct) -> list[tuple[str, str, str]]:
    """(method, path, the one parameter to fill in) for each parameter of each operation."""
    described = direct.api.openapi()["paths"]
    found = [
        (method.upper(), path, part)
        for path, operations in described.items()
        for method in operations
        for part in path.split("/")
        if part.startswith("{")
    ]
    return [
        *found,
        ("GET", "/tensorboard/{path}", "{path}"),
        ("GET", "/{page}", "{page}"),
        ("GET", "/assets/{page}", "{page}"),
    ]


def tree(outside: Path) -> dict[str, int]:
    """Everything there is but what a server writes by itself."""
    found = (one for one in outside.rglob("*") if "/home/state" not in str(one) and "/home/logs" not in str(one))
    return {str(one): one.lstat().st_mtime_ns for one in found if not one.is_dir()}


def test_there_are_more_than_five_hundred_names() -> None:
    assert len(traversals()) >= 500


def shares(direct: Direct) -> Iterator[tuple[str, str, str, list[str]]]:
    """Each operation with its names. All 596 for each take a minute (`make paths`); here each parameter's operations
    share every sixth between them, and each has ten at least."""
    names, found = traversals(), routes(direct)
    for part in dict.fromkeys(part for _, _, part in found):
        same = [(method, path) for method, path, one in found if one == part]
        for number, (method, path) in enumerate(same):
            step = 1 if EVERY else min(6 * len(same), len(names) // 10)
            yield method, path, part, names[number % step :: step]


def test_no_name_leads_out_of_its_folder(world: tuple[Direct, Path]) -> None:
    global OPENED
    direct, outside = world
    run_id = direct.home.run(os.listdir(direct.home.runs)[0]).run_id
    before, asked = tree(outside), 0
    for method, path, part, names in shares(direct):
        query, body = QUERIES.get(path.rpartition("/")[2], ""), BODIES.get(f"{method} {path}", b"")
        for name in names:
            filled = path.replace(part, name).replace("{run_id}", run_id).replace("{flow_run_id}", "latest")
            OPENED = []
            answer = direct.ask(method, filled, query, body)
            opened, OPENED = OPENED, None
            judge(answer, method, path, name)
            strays = [one for one in opened if is_outside(one, direct.home.root)]
            assert not strays, (method, path, name, strays)
            asked += 1
    assert tree(outside) == before
    print(f"{asked} requests")


EVERY = bool(os.environ.get("GLADIUS_EVERY_PATH"))


def judge(answer: Answer, method: str, path: str, name: str) -> None:
    where = (method, path, name[:80], answer.status, answer.body[:300])
    assert SECRET.encode() not in answer.body and b"root:x:0:0" not in answer.body, where
    if path.startswith("/api/"):
        assert 400 <= answer.status < 500, where
        assert answer.headers["content-type"] == "application/problem+json", where
    else:
        assert answer.status < 500, where


def is_outside(opened: str, home: Path) -> bool:
    """Whether it is none of the home's, nor what Python and this package read of themselves."""
    place = os.path.realpath(os.path.join("/nowhere", opened))
    own = (
        str(home),
        sys.prefix,
        os.path.join(str(Path(__file__).parents[2]), ".venv"),
        os.path.realpath(sys.prefix),
        sys.base_prefix,
        str(Path(__file__).parents[2]),
        "/proc/",
        "/sys/",
        "/usr/lib/python3",
    )
    return not place.startswith(own)
