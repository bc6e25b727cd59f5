"""Build instruction pairs from the standard library's docstrings. Upstream: this Python's sources. Downstream: data."""

from __future__ import annotations

import ast
import json
import os
import platform
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Union

from gladius.errors import ConfigError

NAME = "stdlib-docs"

_SKIPPED_FOLDERS = {"__pycache__", "dist-packages", "idle_test", "site-packages", "test", "tests"}
_SHORTEST_ANSWER = 20
_LONGEST_ANSWER = 400
_LONGEST_SIGNATURE = 80

Documented = Union[ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef]  # noqa: UP007 (Python 3.9)


def cache_file(folder: Path) -> Path:
    """Where the pairs of this very Python are kept: another version has other texts."""
    return folder / f"{NAME}-{platform.python_version()}.jsonl"


def build(folder: Path, progress: bool = True) -> Path:
    """Return the JSONL file of alpaca records; it is built in `folder` when this Python has none there yet.

    The same Python always gives the same records in the same order. Raises ConfigError where Python came without sources.
    """
    target = cache_file(folder)
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    sources = _sources()
    pairs = list(dict.fromkeys(_read_all(sources, progress)))
    if len(pairs) < 100:
        raise ConfigError(
            f"This Python's standard library holds only {len(pairs)} documented names in {_root()}.",
            "Use a Python that came with its sources, or name a JSONL file in data.path.",
            "data.builtin",
        )
    _publish(target, pairs)
    return target


def _root() -> Path:
    return Path(sysconfig.get_paths()["stdlib"])


def _sources() -> list[Path]:
    found = []
    for folder, subfolders, files in os.walk(_root()):
        subfolders[:] = [name for name in subfolders if name not in _SKIPPED_FOLDERS]
        found += [Path(folder, name) for name in files if name.endswith(".py")]
    return sorted(found)


def _read_all(sources: list[Path], progress: bool) -> Iterator[tuple[str, str, str]]:
    from tqdm import tqdm  # type: ignore[import-untyped]

    bar = tqdm(
        sources,
        desc="Reading the standard library",
        unit="file",
        disable=not progress,
        mininterval=0.5,
        file=sys.stdout,
    )
    for path in bar:
        module = ".".join(path.relative_to(_root()).with_suffix("").parts)
        module = module[: -len(".__init__")] if module.endswith(".__init__") else module
        yield from _pairs(path, module)


def _pairs(path: Path, module: str) -> Iterator[tuple[str, str, str]]:
    """Instruction, input and output of every documented module, class and function of one file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old sources hold escapes that newer parsers frown upon
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return  # templates and files of another Python are no source of ours
    answer = _answer(tree)
    if answer:
        yield f"What is the module {module} for?", "", answer
    for node, name in _documented(tree, module):
        answer = _answer(node)
        if answer and isinstance(node, ast.ClassDef):
            yield f"What is the class {name} for?", "", answer
        elif answer:
            yield f"What does {name} do?", _signature(node), answer


def _documented(tree: ast.AST, prefix: str) -> Iterator[tuple[Documented, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            name = f"{prefix}.{node.name}"
            yield node, name
            yield from _documented(node, name)


def _answer(node: ast.AST | Documented) -> str | None:
    """The first paragraph of the documentation, on one line; None where it says nearly nothing."""
    text = ast.get_docstring(node) or ""  # type: ignore[arg-type]
    paragraph = " ".join(text.split("\n\n")[0].split())
    if len(paragraph) < _SHORTEST_ANSWER or not paragraph.isprintable():
        return None
    return paragraph[:_LONGEST_ANSWER]


def _signature(node: Documented) -> str:
    if isinstance(node, ast.ClassDef):
        return ""
    text = f"{node.name}({ast.unparse(node.args)})"
    return text if len(text) <= _LONGEST_SIGNATURE else ""


def _publish(target: Path, pairs: list[tuple[str, str, str]]) -> None:
    """Write beside the target and rename: two runs that build at once both end with one whole file."""
    descriptor, name = tempfile.mkstemp(dir=str(target.parent), prefix=target.stem, suffix=".part")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            for instruction, given, output in pairs:
                record = {"instruction": instruction, "input": given, "output": output}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink()
        raise
