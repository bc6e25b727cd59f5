"""Every sentence that server or trainer tells a person has its Russian, and the page's own words stand in its catalogues."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "src" / "gladius"
WEB = REPOSITORY / "web" / "src"
RUSSIAN = WEB / "i18n" / "server.ru.ts"

# Who speaks to people through the page. Alerts have codes, and are translated by those.
ROOMS = ("errors.py", "desk", "launch", "store", "catalog", "server", "exchange", "knowledge", "flows", "users")
MODULES = (
    "pulse/adjust.py", "pulse/checkpoints.py", "pulse/control.py", "pulse/reporter.py", "pulse/saving.py",
    "pulse/steering.py", "integrations/config_file.py", "integrations/records.py", "integrations/record_rows.py",
    "integrations/record_json.py", "integrations/record_tables.py", "recipes/token_lengths.py", "supervise/closing.py",
    "supervise/verdict.py",
)  # fmt: skip
# Not for a person before the page: pages of their own, what a terminal is told, files, formulas, and what only the author of a script can do wrong.
SILENT = (
    "server/login.py", "server/login_page.py", "server/pages.py", "server/serve.py", "server/access.py", "server/door.py", "exchange/archive.py", "launch/schedule.py",
    "launch/environment.py",
    "knowledge/__main__.py", "knowledge/search.py", "knowledge/shelf.py", "store/blocks.py", "store/errorlog.py", "store/columns.py", "store/grep.py", "store/stream.py",
)  # fmt: skip
LOG_CALLS = frozenset({"debug", "info", "warning", "warn", "error", "exception"})
SIGNATURES = frozenset({"Query", "Path", "Body", "Header", "Field", "cast", "compile"})
FOR_AUTHORS = frozenset(
    {"ValueError", "TypeError", "RuntimeError", "KeyError", "AssertionError", "NotImplementedError"}
)
# Markup, headers and SQL are no sentences.
NO_SENTENCE = re.compile(
    r"[<>]|^[a-z-]+-src |^attachment; |^sandbox |max-age|\w\[\w+\] \||^(CREATE|SELECT|INSERT|DELETE|PRAGMA) "
)


def speakers() -> list[Path]:
    found = [
        path
        for room in ROOMS
        for path in ([PACKAGE / room] if room.endswith(".py") else (PACKAGE / room).rglob("*.py"))
    ]
    found += [PACKAGE / module for module in MODULES]
    return sorted(path for path in found if path.relative_to(PACKAGE).as_posix() not in SILENT and path.is_file())


def pattern_of(node: ast.expr) -> str | None:
    """The text of a literal; what is filled in stands as {1}, {2}, ..."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        count = iter(range(1, 20))
        return re.sub(r"\{[^{}]*\}", lambda _: f"{{{next(count)}}}", node.value)
    if not isinstance(node, ast.JoinedStr):
        return None
    count = iter(range(1, 20))
    return "".join(part.value if isinstance(part, ast.Constant) else f"{{{next(count)}}}" for part in node.values)


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def unsaid(tree: ast.Module) -> set[ast.AST]:
    """Docstrings, what goes into a log, signatures, and errors that only a program's author can cause."""
    quiet: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            quiet.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            quiet |= set(ast.walk(node)) - {node}
        elif isinstance(node, ast.Call) and called(node) in LOG_CALLS | SIGNATURES | FOR_AUTHORS:
            quiet |= set(ast.walk(node))
    return quiet


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """What a module can tell: its texts of three words and more."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    quiet = unsaid(tree)
    for node in ast.walk(tree):
        if node in quiet or not isinstance(node, ast.expr):
            continue
        text = (pattern_of(node) or "").strip()
        if text.count(" ") >= 2 and re.search("[a-z]{2}", text) and not NO_SENTENCE.search(text):
            yield node.lineno, text


def translated() -> set[str]:
    """The English sides of the catalogue: the strings that open a pair."""
    pairs = re.findall(
        r"^  \[\s*('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`),", RUSSIAN.read_text(encoding="utf-8"), re.M
    )
    return {re.sub(r"\\(.)", r"\1", text[1:-1]) for text in pairs}


@pytest.mark.parametrize("path", speakers(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_sentence_of_the_server_has_its_russian(path: Path) -> None:
    known = translated()
    missing = [f"line {line}: {text}" for line, text in sentences(path) if text not in known]
    assert not missing, f"add to {RUSSIAN.relative_to(REPOSITORY)}"
