"""One look at all profiles' files: each with what it inherits and what is wrong with it. Upstream: files. Downstream: profiles."""

from __future__ import annotations

import functools
import importlib.util
import logging
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gladius.catalog import files
from gladius.catalog.environments import Environments
from gladius.catalog.files import plain
from gladius.catalog.profile_rules import KEYS, Rules
from gladius.errors import ConfigError, EnvironmentMissing, EnvironmentNotFound

_log = logging.getLogger("gladius.catalog")

NAMED_ENVIRONMENTS = {"llama_factory": "llama-factory"}
"""Where an engine's profiles run that name no interpreter; the others run in Gladius' own."""
_HINT = "A profile is a YAML file in UTF-8."
_DEEP = ("config", "adjustable", "resources", "epochs")
_OWN = ("name", "extends")
"""What is never inherited: two profiles of one name could not be told apart."""

Key = tuple[str, bool]
"""A profile's id, and whether the built-in one is meant."""


@dataclass
class Draft:
    """One file as far as it was understood. `lacks` says what the machine has not yet, of a file that is right."""

    path: Path
    version: str | None = None
    data: Any = field(default_factory=dict)
    whole: dict[str, Any] = field(default_factory=dict)
    mistakes: list[ConfigError] = field(default_factory=list)
    python: str | None = None
    lacks: str | None = None


class Reading:
    """Reads each file once; `instead` are texts that take a file's place without being kept."""

    def __init__(
        self,
        builtin: Path,
        own: Path,
        environments: Environments,
        instead: Mapping[str, str] | None = None,
    ) -> None:
        self._environments = environments
        self._texts = {own / f"{id_}.yaml": text for id_, text in (instead or {}).items()}
        self._doubles: dict[Key, Path] = {}
        self._paths = {**self._found(builtin, True), **self._found(own, False)}
        for path in self._texts:
            self._paths[path.stem, False] = path
        self._drafts: dict[Key, Draft] = {}
        self._raw: dict[Key, Draft] = {}

    def shown(self) -> list[Key]:
        """Every profile: a user's own hides the built-in one of the same id."""
        return [key for key in self._paths if not key[1] or (key[0], False) not in self._paths]

    def find(self, id_: str) -> Key | None:
        """The own one of that id, else the built-in one."""
        return next((key for key in ((id_, False), (id_, True)) if key in self._paths), None)

    def draft(self, key: Key) -> Draft:
        """The profile, whatever is wrong with it: no file keeps another from being read."""
        if key not in self._drafts:
            try:
                self._drafts[key] = self._made(key)
            except Exception as error:  # noqa: BLE001
                # Anyone may put any file there; what nobody thought of must not take the others away.
                _log.exception("%s cannot be read", self._paths[key])
                problem = ConfigError(f"{self._paths[key]}, line 1: it cannot be used: {error!r}.", _HINT, line=1)
                self._drafts[key] = Draft(self._paths[key], mistakes=[problem])
        return self._drafts[key]

    def _found(self, folder: Path, builtin: bool) -> dict[Key, Path]:
        found: dict[Key, Path] = {}
        for path in files.files_in(folder):
            key = path.stem, builtin
            if key in found:
                self._doubles[key] = path
            found.setdefault(key, path)
        return found

    def _made(self, key: Key) -> Draft:
        draft = self._read(key)
        if draft.mistakes:
            return draft
        rules = Rules(draft.path, draft.data, draft.whole)
        problem, parent = self._ancestry(key, rules)
        if problem is not None:
            draft.mistakes.append(problem)
            return draft
        if parent is not None:
            draft.whole = inherited(self.draft(parent).whole, draft.whole)
        draft.mistakes += Rules(draft.path, draft.data, draft.whole).mistakes()
        if not draft.mistakes:
            self._look_around(draft, rules)
        return draft

    def _read(self, key: Key) -> Draft:
        """The file itself, without what it inherits."""
        if key in self._raw:
            return self._raw[key]
        path = self._paths[key]
        draft = self._raw[key] = Draft(path)
        try:
            text = self._texts.get(path)
            raw = text.encode("utf-8") if text is not None else files.read_bytes(path)
            draft.version = files.version_of(raw)
            if key in self._doubles:
                problem = f"{path}, line 1: '{self._doubles[key].name}' beside it has the same name."
                raise ConfigError(problem, "Rename one of the two.", line=1)
            draft.data = files.parse(path, raw, KEYS, _HINT)
            draft.whole = plain(draft.data)
        except ConfigError as error:
            draft.mistakes.append(error)
        return draft

    def _ancestry(self, key: Key, rules: Rules) -> tuple[ConfigError | None, Key | None]:
        """What is wrong with `extends`, and whom it means."""
        named = self._read(key).whole.get("extends")
        if not isinstance(named, str):
            return None, None
        parent = self._parent(key)
        if parent is None:
            known = ", ".join(sorted({id_ for id_, _ in self._paths} - {key[0]}))
            return rules.wrong("extends", f"there is no profile '{named}' to extend", f"Known: {known}."), None
        circle = self._circle(key)
        if circle:
            hint = "Let one of them extend nothing."
            return rules.wrong("extends", f"it extends itself: {' -> '.join(circle)}", hint), None
        above = self.draft(parent)
        if above.mistakes:
            return rules.wrong("extends", f"it extends '{named}', which is wrong itself", str(above.mistakes[0])), None
        theirs, mine = above.whole.get("engine"), self._read(key).whole.get("engine")
        if mine is not None and mine != theirs:
            hint = "Take 'engine' out: it is inherited."
            return rules.wrong("engine", f"'{named}' has the engine '{theirs}', not {mine!r}", hint), None
        return None, parent

    def _parent(self, key: Key) -> Key | None:
        """Whom a file extends; one that names itself means the built-in one that it hides."""
        named = self._read(key).whole.get("extends")
        if not isinstance(named, str):
            return None
        if named == key[0] and not key[1] and (named, True) in self._paths:
            return named, True
        return self.find(named)

    def _circle(self, key: Key) -> list[str]:
        """The way from a profile back to itself; empty when there is none."""
        seen = [key]
        while (parent := self._parent(seen[-1])) is not None:
            if parent == key:
                return [id_ for id_, _ in [*seen, key]]
            if parent in seen:
                return []
            seen.append(parent)
        return []

    def _look_around(self, draft: Draft, rules: Rules) -> None:
        """Find its interpreter, and the packages that it needs there."""
        whole = draft.whole
        named = whole.get("python", NAMED_ENVIRONMENTS.get(whole["engine"]))
        if named is not None and "/" not in named:
            try:
                draft.python = str(self._environments.interpreter(named))
            except EnvironmentMissing as error:
                draft.lacks = str(error)
            except EnvironmentNotFound as error:
                draft.mistakes.append(rules.wrong("python", error.message.rstrip("."), error.hint))
        elif named is not None:
            found = Path(named).expanduser()
            if not found.is_file():
                draft.mistakes.append(rules.wrong("python", f"there is no interpreter {named}"))
            draft.python = str(found)
        if draft.python in (None, sys.executable) and draft.lacks is None:
            draft.lacks = _lacking(whole)
        if whole["engine"] == "lightning" and not draft.mistakes and draft.lacks is None:
            draft.lacks = _lightning(draft.python or sys.executable)


def inherited(above: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What a file has with its parent's: sections are joined key by key, everything else is taken or replaced."""
    whole = {key: value for key, value in above.items() if key not in _OWN}
    if "num_train_epochs" in (own.get("config") or {}):
        whole.pop("default_epochs", None)  # LLaMA-Factory's own key says the same thing
    for key, value in own.items():
        whole[key] = _joined(whole.get(key), value) if key in _DEEP else value
    return whole


def _joined(above: Any, own: Any) -> Any:
    if not isinstance(above, Mapping) or not isinstance(own, Mapping):
        return own
    return {**above, **{key: _joined(above.get(key), value) for key, value in own.items()}}


def _lacking(whole: Mapping[str, Any]) -> str | None:
    """Which packages are not there, and what to type."""
    missing = [name for name in whole.get("modules", ()) if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    what = f"It needs what this Python has not: {', '.join(missing)}."
    return f"{what} In a terminal, type: {whole['install']}" if "install" in whole else f"{what} Install it there."


_LIGHTNING = ("lightning", "pytorch_lightning")


@functools.lru_cache(maxsize=64)
def _folders(python: str, changed: float) -> tuple[str, ...]:  # noqa: ARG001
    """Where an interpreter looks for packages; empty when it does not start. `changed` is when it was put there."""
    try:
        told = subprocess.run(
            [python, "-c", "import sys;print(*sys.path,sep=chr(10))"],
            capture_output=True, text=True, timeout=10, check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line for line in told.stdout.splitlines() if line)


def _lightning(python: str) -> str | None:
    """What to type where an interpreter has no Lightning; nothing is imported for the answer."""
    if python == sys.executable:
        there = any(importlib.util.find_spec(name) is not None for name in _LIGHTNING)
    else:
        folders = _folders(python, Path(python).stat().st_mtime)
        there = any((Path(folder) / name).is_dir() for folder in folders for name in _LIGHTNING)
    return None if there else f"{python} has no Lightning. In a terminal, type: {python} -m pip install lightning"
