"""What the guides claim: each test that they name is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
GUIDES = sorted((REPOSITORY / "docs" / "guide").glob("*.md"))
NAMED = re.compile(r"`((?:\w+/)*test_\w+\.py)(?:::(\w+))?`")
BESIDE = re.compile(r"`([\w/.]+\.test\.ts)`")


def named_tests() -> list[tuple[str, str, str]]:
    return [
        (guide.name, file, test) for guide in GUIDES for file, test in NAMED.findall(guide.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("guide", "file", "test"), named_tests())
def test_a_test_that_a_guide_names_is_there(guide: str, file: str, test: str) -> None:
    places = [REPOSITORY / "tests" / file, REPOSITORY / "tests" / "integrations" / file]
    (path,) = [place for place in places if place.is_file()]
    functions = {
        node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)
    }
    assert not test or test in functions


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_a_test_of_the_page_that_a_guide_names_is_there(guide: Path) -> None:
    named = BESIDE.findall(guide.read_text(encoding="utf-8"))
    assert [name for name in named if not (REPOSITORY / "web" / "src" / name).is_file()] == []


def test_no_cell_of_a_guide_is_left_open() -> None:
    assert GUIDES
    for guide in GUIDES:
        assert not re.search(r"\|[ \t]*\|", guide.read_text(encoding="utf-8"))
