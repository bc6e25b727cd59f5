"""Named ways to train. Upstream: YAML files, built in and the user's. Downstream: launch, server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gladius.catalog.environments import Environments
from gladius.catalog.profile_reading import Draft, Key, Reading
from gladius.catalog.profile_rules import PLACE, default_epochs
from gladius.catalog.settings import engine_settings, flatten
from gladius.errors import ConfigError, ProfileNotFound
from gladius.pulse.bounds import outside
from gladius.wire.catalog import Bounds, EpochBounds, ProfileInfo, ProfileProblem, Resources

BUILTIN = Path(__file__).with_name("builtin")


@dataclass(frozen=True)
class Profile:
    """A named way to train. `problem` says why it cannot be used now: file, line and how to mend it.

    What it inherits is in it already. `python` is the interpreter of its environment (None: that of Gladius), in its file
    a path or the name of one that `gladius env` makes; `config` the recipe's settings that differ from the engine's
    defaults, for `llama_factory` all of its own; `argv` the command of the engine `script`; `adjustable` the bounds of
    what a person may change; `resources` what a run needs of a machine.
    """

    id: str
    name: str
    engine: str
    description: str = ""
    default_epochs: float = 1.0
    epochs: EpochBounds = field(default_factory=EpochBounds)
    python: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    argv: tuple[str, ...] = ()
    adjustable: Mapping[str, Bounds] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    launcher: str = "local"
    needs_dataset: bool = True
    default_dataset: str | None = None
    tags: tuple[str, ...] = ()
    extends: str | None = None
    builtin: bool = False
    file: Path | None = None
    version: str | None = None
    problem: str | None = None
    problems: tuple[ProfileProblem, ...] = ()

    def info(self) -> ProfileInfo:
        """What clients see of it."""
        return ProfileInfo(
            id=self.id, name=self.name, description=self.description, engine=self.engine, extends=self.extends,
            default_epochs=self.default_epochs, epochs=self.epochs, needs_dataset=self.needs_dataset,
            default_dataset=self.default_dataset, tags=list(self.tags), builtin=self.builtin, python=self.python,
            config=dict(self.config), argv=list(self.argv), adjustable=dict(self.adjustable),
            resources=self.resources, launcher=self.launcher, problem=self.problem, problems=list(self.problems),
            file=str(self.file) if self.file and not self.builtin else None, version=self.version,
            max_length=self._max_length(),
        )  # fmt: skip

    def _max_length(self) -> int | None:
        settings, flat = engine_settings(self.engine), flatten(self.config)
        flat = {**(settings.defaults() if settings is not None else {}), **flat}
        found = flat.get("data.max_length", flat.get("cutoff_len"))
        return found if isinstance(found, int) else None

    def left_open(self, flat: Mapping[str, Any]) -> str | None:
        """A key that its command fills in, and nobody has said."""
        places = (place for word in self.argv for place in PLACE.findall(word))
        return next((place for place in places if "." in place and flat.get(place) is None), None)

    def allow(self, key: str, value: Any) -> None:
        """Raises ConfigError for a value outside of what the profile lets people change it to."""
        bounds = self.adjustable.get(key)
        if bounds is None or value is None:
            return
        wanted = outside(bounds.model_dump(exclude_none=True), value)
        if wanted is not None:
            raise ConfigError(f"Profile '{self.id}' takes for '{key}' {wanted}, not {value!r}.", field=key)


class Profiles:
    """The built-in profiles and those in `folder`; a user's file replaces the built-in one of the same name.

    `environments` are those that a profile's `python` may name.
    """

    def __init__(self, folder: Path, environments: Environments | None = None) -> None:
        self.folder = folder
        self._environments = environments or Environments(folder)

    def all(self) -> list[Profile]:
        """Read every file anew. A broken file is a profile with a `problem`, never left out.

        The built-in ones come first, and of those the ones that start without further choices.
        """
        reading = self._read()
        profiles = [_profile(key, reading.draft(key)) for key in reading.shown()]
        return sorted(profiles, key=lambda profile: (not profile.builtin, profile.default_dataset is None, profile.id))

    def get(self, profile_id: str) -> Profile:
        """Return one profile, a broken one too. Raises ProfileNotFound."""
        reading = self._read()
        key = reading.find(profile_id)
        if key is None:
            raise ProfileNotFound(profile_id)
        return _profile(key, reading.draft(key))

    def check(self, profile_id: str, text: str) -> Profile:
        """What a text would be as the file of that id; nothing is kept."""
        key = profile_id, False
        return _profile(key, self._read({profile_id: text}).draft(key))

    def _read(self, instead: Mapping[str, str] | None = None) -> Reading:
        return Reading(BUILTIN, self.folder, self._environments, instead)


def _profile(key: Key, draft: Draft) -> Profile:
    id_, builtin = key
    whole = draft.whole
    name, extends = whole.get("name"), whole.get("extends")
    said = [ProfileProblem(message=str(one), line=one.line, field=one.field) for one in draft.mistakes]
    always: dict[str, Any] = {
        "id": id_, "name": name if isinstance(name, str) and name.strip() else id_, "builtin": builtin,
        "file": draft.path, "version": draft.version, "extends": extends if isinstance(extends, str) else None,
    }  # fmt: skip
    if said:
        return Profile(**always, engine="unknown", problem=said[0].message, problems=tuple(said))
    bounds = EpochBounds(**whole.get("epochs", {}))
    config = dict(whole.get("config", {}))
    if whole["engine"] == "llama_factory":
        config.pop("num_train_epochs", None)
    return Profile(
        **always, engine=whole["engine"], argv=tuple(str(word) for word in whole.get("argv", ())), config=config,
        description=whole.get("description", "").strip(), default_epochs=default_epochs(whole, bounds), epochs=bounds,
        python=draft.python, needs_dataset=whole.get("needs_dataset", True),
        default_dataset=whole.get("default_dataset"), tags=tuple(str(tag) for tag in whole.get("tags", ())),
        adjustable={key: Bounds(**one) for key, one in whole.get("adjustable", {}).items()},
        resources=Resources(**whole.get("resources", {})), launcher=whole.get("launcher", "local"),
        problem=draft.lacks, problems=(ProfileProblem(message=draft.lacks),) if draft.lacks else (),
    )  # fmt: skip
