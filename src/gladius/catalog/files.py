"""YAML files that people write: found, read, and blamed by their line. Upstream: folders. Downstream: profiles, presets, launch."""

from __future__ import annotations

import contextlib
import datetime
import difflib
import hashlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gladius.errors import ConfigError
from gladius.pulse.plain_file import within

if TYPE_CHECKING:
    from gladius.yaml_text import MarkedYAMLError

SUFFIXES = (".yaml", ".yml")
_LARGEST = 256 * 1024
_MOST_VALUES = 20_000
_DEEPEST = 32
_MENDS = (
    ("'\\t'", "Indent with spaces, not with tabs."),
    ("duplicate key", "Keep one of the two."),
    ("another document", "Keep one document in the file: no second '---'."),
)


def find(builtin: Path, own: Path) -> Iterator[tuple[Path, bool]]:
    """Every file, and whether it came with Gladius: a user's own replaces the built-in one of the same name."""
    mine = {path.stem: path for path in files_in(own)}
    for name, path in {**{path.stem: path for path in files_in(builtin)}, **mine}.items():
        yield path, name not in mine


def files_in(folder: Path) -> list[Path]:
    """The YAML files of a folder; a link that leads nowhere is one too, so that it can be told."""
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in SUFFIXES
            and not path.name.startswith(".")
            and (path.is_file() or (path.is_symlink() and not path.exists()))
        )
    except (FileNotFoundError, NotADirectoryError):
        return []


def read(path: Path, known: Collection[str], hint: str) -> Any:
    """Read with line numbers kept, so that every complaint can name its line.

    `hint` is said of a file that is no YAML at all. Raises ConfigError; also for a key that is not `known`.
    """
    data = parse(path, read_bytes(path), known, hint)
    for error in unknown_keys(path, data, known):
        raise error
    return data


def read_bytes(path: Path) -> bytes:
    """What the file holds; raises ConfigError."""
    try:
        with within(path, path.parent) as file:
            return file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}.", "Make it a readable file in this folder.") from error


def parse(path: Path, raw: bytes, known: Collection[str], hint: str) -> Any:
    """The mapping in a file, its lines known; raises ConfigError that names the line."""
    from gladius import yaml_text

    if len(raw) > _LARGEST:
        raise _at(path, 1, f"it is larger than {_LARGEST // 1024} KiB", hint)
    try:
        data = yaml_text.load(raw.decode("utf-8"), "rt")
    except UnicodeDecodeError as error:
        raise _at(path, raw[: error.start].count(b"\n") + 1, "it holds bytes that are no UTF-8", hint) from error
    except yaml_text.MarkedYAMLError as error:
        raise _no_yaml(path, error) from error
    except yaml_text.ReaderError as error:
        line = raw.decode("utf-8")[: error.position].count("\n") + 1
        raise _at(path, line, "it holds a character that no text has", hint) from error
    except yaml_text.TooMuch as error:
        raise _at(path, 1, str(error), hint) from error
    except RecursionError as error:
        raise _at(path, 1, "it is nested too deeply", hint) from error
    except (yaml_text.YAMLError, ValueError, OverflowError) as error:
        raise _at(path, 1, f"it cannot be read: {error}", hint) from error
    if not isinstance(data, Mapping):
        raise _at(path, 1, "it holds no keys", f"Known: {', '.join(known)}.")
    _measure(path, data, hint)
    return data


def unknown_keys(path: Path, data: Any, known: Collection[str]) -> Iterator[ConfigError]:
    """An error for each key that is not known, with the one that was probably meant."""
    for key in data:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            guess = f"Did you mean '{near[0]}'? " if near else ""
            yield wrong(path, data, key, f"unknown key '{key}'", f"{guess}Known: {', '.join(known)}.")


@contextlib.contextmanager
def at_line(path: Path, section: Any, key: str) -> Iterator[None]:
    """A ConfigError about a dotted key of a section is raised with file and line."""
    try:
        yield
    except ConfigError as error:
        line = line_of(section, key.split("."))
        raise ConfigError(f"{path}, line {line}: {error.message}", error.hint, error.field, line) from error


def wrong(path: Path, data: Any, key: str, problem: str, hint: str = "") -> ConfigError:
    """The error of one top-level key, with its line."""
    line = line_of(data, [key])
    return ConfigError(f"{path}, line {line}: {problem}.", hint or f"Mend '{key}' there.", str(key), line)


def line_of(data: Any, keys: list[str]) -> int:
    """The line, from 1, of a nested key, or of the innermost part of it that is there."""
    line = int(data.lc.line) + 1
    for key in keys:
        if not isinstance(data, Mapping) or key not in data:
            break
        with contextlib.suppress(KeyError, TypeError):  # what a merge brought in has no line of its own
            line = int(data.lc.key(key)[0]) + 1  # type: ignore[attr-defined]
        data = data[key]
    return line


def plain(value: Any) -> Any:
    """Shed the YAML reader's own types (they carry comments and positions)."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value if value is None or isinstance(value, datetime.date) else str(value)


def version_of(raw: bytes) -> str:
    """A name for these contents of a file, the same wherever they are read."""
    return hashlib.sha256(raw).hexdigest()[:16]


def _measure(path: Path, data: Any, hint: str) -> None:
    """An alias may hold itself, and ten of them a billion values: neither is a thing that a person wrote to be read."""
    count, waiting = 0, [(data, 0)]
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if depth > _DEEPEST or count > _MOST_VALUES:
            raise _at(path, 1, "it is nested too deeply, or holds too many values", hint)
        items = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, set)) else ()
        waiting += [(item, depth + 1) for item in items]


def _no_yaml(path: Path, error: MarkedYAMLError) -> ConfigError:
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    problem = str(error.problem or "no YAML").strip().rstrip(".")
    mend = next((mend for sign, mend in _MENDS if sign in problem), "Mend the YAML there.")
    return _at(path, line, problem, mend)


def _at(path: Path, line: int, problem: str, hint: str) -> ConfigError:
    return ConfigError(f"{path}, line {line}: {problem}.", hint, line=line)
