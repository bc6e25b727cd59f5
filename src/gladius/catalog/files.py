"""YAML files that people write: found, read, and blamed by their line. Upstream: folders. Downstream: profiles, presets, launch."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from gladius.errors import ConfigError

SUFFIXES = (".yaml", ".yml")


def find(builtin: Path, own: Path) -> Iterator[tuple[Path, bool]]:
    """Every file, and whether it came with Gladius: a user's own replaces the built-in one of the same name."""
    mine = {path.stem: path for path in _in(own)}
    for name, path in {**{path.stem: path for path in _in(builtin)}, **mine}.items():
        yield path, name not in mine


def read(path: Path, known: Collection[str], hint: str) -> Any:
    """Read with line numbers kept, so that every complaint can name its line.

    `hint` is said of a file that is no YAML at all. Raises ConfigError; also for a key that is not `known`.
    """
    try:
        data = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}, line {line}: {error.problem or 'no YAML'}.", "Mend the YAML there.") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}.", hint) from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}.", "Make the file readable.") from error
    if not isinstance(data, Mapping):
        raise ConfigError(f"{path}, line 1: it holds no keys.", f"Known: {', '.join(known)}.")
    for key in data:
        if key not in known:
            raise wrong(path, data, key, f"unknown key '{key}'", f"Known: {', '.join(known)}.")
    return data


@contextlib.contextmanager
def at_line(path: Path, section: Any, key: str) -> Iterator[None]:
    """A ConfigError about a dotted key of a section is raised with file and line."""
    try:
        yield
    except ConfigError as error:
        line = line_of(section, key.split("."))
        raise ConfigError(f"{path}, line {line}: {error.message}", error.hint, error.field) from error


def wrong(path: Path, data: Any, key: str, problem: str, hint: str = "") -> ConfigError:
    """The error of one top-level key, with its line."""
    return ConfigError(f"{path}, line {line_of(data, [key])}: {problem}.", hint or f"Mend '{key}' there.", str(key))


def line_of(data: Any, keys: list[str]) -> int:
    """The line, from 1, of a nested key, or of the innermost part of it that is there."""
    line = int(data.lc.line) + 1
    for key in keys:
        if not isinstance(data, Mapping) or key not in data:
            break
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
    return value


def _in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
    except (FileNotFoundError, NotADirectoryError):
        return []
