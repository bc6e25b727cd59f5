"""No line of ours hands a text to a shell, and nothing of the server unpickles: by the sources, so that no test has to hit it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src"
SHELLS = {
    "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell",
    "subprocess_shell", "commands.getoutput", "pty.spawn", "eval", "exec", "compile",
}  # fmt: skip
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "torch"}
IN_TRAINERS = ("integrations", "recipes")


def calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path, node


def test_no_call_goes_through_a_shell() -> None:
    found = 0
    for path, call in calls():
        found += 1
        where = f"{path}:{call.lineno}"
        assert ast.unparse(call.func) not in SHELLS, where
        for word in call.keywords:
            assert word.arg != "shell", where
            assert word.arg != "executable" or "subprocess" not in ast.unparse(call.func), where
    assert found > 1000


def test_programs_are_started_with_a_list_of_words() -> None:
    starts = {
        "subprocess.run",
        "subprocess.Popen",
        "subprocess.call",
        "subprocess.check_call",
        "subprocess.check_output",
    }
    for path, call in calls():
        if ast.unparse(call.func) in starts and call.args:
            assert not isinstance(call.args[0], ast.Constant | ast.JoinedStr | ast.BinOp), f"{path}:{call.lineno}"


def test_only_what_runs_in_a_trainer_can_unpickle() -> None:
    for path in (SOURCES / "gladius").rglob("*.py"):
        if path.relative_to(SOURCES / "gladius").parts[0] in IN_TRAINERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            named += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.partition(".")[0] for name in named} & PICKLES, f"{path}:{node.lineno}"
