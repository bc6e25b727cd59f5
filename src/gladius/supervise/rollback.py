"""Start the attempt that a trainer asked for when its loss broke. Upstream: its last words. Downstream: supervisor, attempts/."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gladius.pulse.checkpoints import read_facts
from gladius.pulse.events import events_of_type
from gladius.pulse.files import write_text
from gladius.pulse.plain_file import read_bytes
from gladius.pulse.rundir import RunDir

_log = logging.getLogger("gladius.supervise")

MOST_IN_A_ROW = 3
"""A training that breaks again and again needs a person."""
_EDITABLE = "config.yaml"


def prepare_rollback(directory: RunDir, attempt: int, asked: Mapping[str, Any] | None) -> int | None:
    """Record the attempt that goes on from a checkpoint with other settings, and return its number.

    `asked` is `{checkpoint, overrides}` of the trainer's error. None when nothing was asked, when nobody knows how to
    start the command again, when somebody has launched a later attempt already, or when it was done `MOST_IN_A_ROW`
    times before. Raises OSError.
    """
    facts = directory.read_attempt(attempt)
    done = int(facts.get("rollbacks") or 0)
    if not asked or done >= MOST_IN_A_ROW or max(directory.attempt_numbers(), default=attempt) != attempt:
        return None
    if not facts.get("argv") or not facts.get("cwd"):
        _log.warning("attempt %d cannot be gone on with: how it was started is not known", attempt)
        return None
    old, new = directory.attempt_config(attempt), directory.attempt_config(attempt + 1)
    before = _load(old) if old.exists() else None
    earlier = facts.get("overrides") or {}
    lowered = dict(asked.get("overrides") or {})
    names = _names(directory, attempt, asked.get("checkpoint"))
    overrides = {**_set_live(directory, attempt, asked, {**_flat(before), **earlier}, names), **lowered}
    if before is not None:
        _write(new, _changed(_load(old), overrides))
    directory.write_attempt(
        attempt + 1,
        {
            **facts, "attempt": attempt + 1, "argv": [str(word).replace(str(old), str(new)) for word in facts["argv"]],
            "checkpoint": asked.get("checkpoint"), "overrides": {**_others(earlier, overrides, names), **overrides},
            "asked_by": "the loss policy", "rollbacks": done + 1,
        },
    )  # fmt: skip
    if before is not None:
        _follow_along(directory.root / _EDITABLE, _flat(before), overrides)
    _log.info("attempt %d goes on from %s with %s", attempt + 1, asked.get("checkpoint"), overrides)
    return attempt + 1


def _set_live(
    directory: RunDir, attempt: int, asked: Mapping[str, Any], launched: Mapping[str, Any], names: Mapping[str, str]
) -> dict[str, Any]:
    """What a person had set in this attempt when the checkpoint was saved, but for what the rollback itself lowers."""
    facts = read_facts(Path(str(asked.get("checkpoint"))))
    values = facts.get("hyperparameters")
    if (facts.get("run_id"), facts.get("attempt")) != (directory.run_id, attempt) or not isinstance(values, dict):
        return {}
    began = _announced(directory, attempt)
    found = {}
    for name, value in values.items():
        key = names.get(name, name)
        was = launched.get(key, launched.get(name, began.get(name, {}).get("value")))
        if (
            value is not None
            and was is not None
            and value != was
            and not {name, key} & (asked.get("overrides") or {}).keys()
        ):
            found[key] = value
    return found


def _names(directory: RunDir, attempt: int, checkpoint: Any) -> dict[str, str]:
    """Adjustable -> its key in the configuration, by the checkpoint's word and by the trainer's."""
    told = read_facts(Path(str(checkpoint))).get("config_keys")
    announced = {name: str(one.get("key") or name) for name, one in _announced(directory, attempt).items()}
    return {**announced, **({str(k): str(v) for k, v in told.items()} if isinstance(told, dict) else {})}


def _announced(directory: RunDir, attempt: int) -> dict[str, dict[str, Any]]:
    """The adjustables as the attempt's trainer first told of them."""
    hellos = (event for event in events_of_type(directory.events, "hello") if event.get("attempt") == attempt)
    found = next(hellos, {}).get("adjustable")
    return {name: one for name, one in found.items() if isinstance(one, dict)} if isinstance(found, dict) else {}


def _others(earlier: Mapping[str, Any], later: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The earlier overrides that no later one replaces, be it by an adjustable's name or by its key."""
    said = {names.get(given, given) for given in later}
    return {given: value for given, value in earlier.items() if names.get(given, given) not in said}


# The configuration


def _load(path: Path) -> Any:
    """However large: Gladius wrote it, from values that it took."""
    from gladius import yaml_text

    return yaml_text.load(read_bytes(path).decode("utf-8"), "rt", of_any_size=True)


def _flat(config: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted key -> value; empty for what holds no keys."""
    found: dict[str, Any] = {}
    for key, value in config.items() if isinstance(config, Mapping) else ():
        found.update(_flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value})
    return found


def _changed(config: Any, changes: Mapping[str, Any]) -> Any:
    """The configuration with the settings that it has under these dotted keys changed; comments stay."""
    for key, value in changes.items():
        *parents, last = key.split(".")
        place: Any = config
        for parent in parents:
            place = place.get(parent) if isinstance(place, Mapping) else None
        if isinstance(place, dict) and last in place:
            place[last] = value
    return config


def _follow_along(path: Path, before: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """Change the editable file too, but for what a person has edited there; one that cannot be read is left alone."""
    from gladius import yaml_text

    try:
        config = _load(path)
        now = _flat(config)
        meant = {key: value for key, value in changes.items() if key in before and now.get(key) == before[key]}
        if meant:
            _write(path, _changed(config, meant))
    except (OSError, UnicodeDecodeError, yaml_text.YAMLError) as error:
        _log.warning("%s is left as it is: %s", path, error)


def _write(path: Path, config: Any) -> None:
    from gladius import yaml_text

    write_text(path, yaml_text.dump(config))
