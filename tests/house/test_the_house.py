"""The house's own rules: where each module stands, how long it may be, what it promises to the outside."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import gladius
import gladius.pulse
import pulse_wrapper
from gladius.errors import GladiusError

PACKAGE = Path(gladius.__file__).parent
MODULES = sorted([*PACKAGE.rglob("*.py"), Path(pulse_wrapper.__file__)])
LONGEST = 400
INSIDE_A_TRAINER = [
    path for path in MODULES if path.name in ("errors.py", "pulse_wrapper.py") or (path.parent.name == "pulse" and "cli" not in path.parts)
]  # fmt: skip
WHERE_INSTALLED = {"gladius/pulse/encode.py": {"msgspec"}}
"""What a module uses where it is installed, and does without."""


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_the_first_line_of_a_module_says_where_it_stands(path: Path) -> None:
    first = (ast.get_docstring(tree(path)) or "").partition("\n")[0]
    assert "Upstream: " in first
    assert "Downstream: " in first
    assert first.index("Upstream: ") < first.index("Downstream: ")


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_long_module_says_why(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if text.count("\n") > LONGEST:
        assert f"{LONGEST} lines because" in (ast.get_docstring(ast.parse(text)) or "")


@pytest.mark.parametrize("path", INSIDE_A_TRAINER, ids=name)
def test_what_runs_inside_a_trainer_is_python_3_9_of_the_standard_library(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    for node in ast.walk(tree(path)):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            modules = [node.module or ""]
        for module in modules:
            known = {*sys.stdlib_module_names, "gladius", "pulse_wrapper", *WHERE_INSTALLED.get(name(path), ())}
            assert module.split(".")[0] in known, module


@pytest.mark.parametrize("path", INSIDE_A_TRAINER, ids=name)
def test_nothing_posix_is_imported_by_a_module_of_the_protocol(path: Path) -> None:
    posix = {"fcntl", "grp", "pwd", "posix", "pty", "resource", "syslog", "termios", "tty"}
    for node in tree(path).body:
        if isinstance(node, ast.Import):
            assert not posix & {alias.name for alias in node.names}
        assert not (isinstance(node, ast.ImportFrom) and node.module in posix)


def test_there_is_no_room_of_odds_and_ends() -> None:
    assert not [name(path) for path in MODULES if path.stem in ("utils", "util", "helpers", "misc", "common")]


def test_the_public_names_are_the_documented_ones() -> None:
    assert set(gladius.__all__) == {"Run", "__version__", "finish", "init", "log", "start"}
    for public in gladius.__all__:
        assert getattr(gladius, public) is not None
    with pytest.raises(AttributeError, match="no attribute 'stop'"):
        _ = gladius.stop
    documented = {
        "TrainingStatus", "atomic_write_json", "safe_read_json", "read_training_status", "write_training_status",
        "write_idle_status", "write_running_status", "write_done_status", "write_error_status",
    }  # fmt: skip
    assert set(gladius.pulse.__all__) == documented
    assert set(pulse_wrapper.__all__) == documented | {"FIELDS", "STALE_AFTER_S", "STATUSES", "progress_percent"}
    for public in documented:
        assert getattr(gladius.pulse, public) is getattr(pulse_wrapper, public)


def test_every_error_has_a_code_of_its_own_and_says_what_to_do() -> None:
    def below(kind: type[GladiusError]) -> list[type[GladiusError]]:
        return [kind, *(deeper for child in kind.__subclasses__() for deeper in below(child))]

    kinds = [kind for kind in below(GladiusError) if kind.__module__ == "gladius.errors"]
    codes = [kind.code for kind in kinds if kind.__name__ != "RequestRejected"]
    assert len(codes) == len(set(codes))
    tree_text = sys.modules["gladius.errors"].__doc__ or ""
    for kind in kinds:
        assert kind.__name__ in tree_text
    assert str(GladiusError("It failed.", "Try again.")) == "It failed. Try again."
