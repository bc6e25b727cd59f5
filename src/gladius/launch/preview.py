"""Say beforehand what a new attempt restores, what not, and what a change does in truth. Upstream: changes. Downstream: resume."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gladius.launch.changes import announced
from gladius.launch.continuity import BATCH, data_position, learning_rate
from gladius.launch.plan import Plan
from gladius.pulse.checkpoints import MANIFEST
from gladius.wire.steering import Change

CONTENTS = ("model", "optimizer", "scheduler", "scaler", "random_states", "data_position", "counters")
_ONLY_WITH_FP16 = "scaler"
_IN_OPTIMIZER = ("train.learning_rate", "train.weight_decay", "learning_rate", "weight_decay")
_COURSE = ("train.epochs", "train.max_steps", "train.schedule", "train.warmup_steps")
_SHAPE = ("model.", "tiny_moe.", "lora.", "train.method")
# What a shell or a session sets of itself, and no training looks at.
_NOISE = frozenset({
    "PWD", "OLDPWD", "SHLVL", "_", "TERM", "SHELL", "LOGNAME", "USER", "HOME", "LS_COLORS", "LESSOPEN", "LESSCLOSE",
    "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "COLUMNS", "LINES", "PS1", "MAIL", "PYTEST_CURRENT_TEST",
})  # fmt: skip


def restored(plan: Plan) -> tuple[list[str], list[str]]:
    """What the checkpoint gives back, and what begins anew; both empty where only the command itself knows."""
    if plan.origin is None:
        return [], [word for word in CONTENTS if word != _ONLY_WITH_FP16]
    if not plan.speaks or not plan.origin.contents:
        return [], []
    fp16 = plan.changes.base.get("train.precision") == "fp16"
    missing = [word for word in CONTENTS if word not in plan.origin.contents and (word != _ONLY_WITH_FP16 or fp16)]
    return [word for word in CONTENTS if word in plan.origin.contents], missing


def changed(plan: Plan) -> list[Change]:
    """Every value that the new attempt has otherwise than the last one had, or than the checkpoint has."""
    changes, found = plan.changes, []
    for key, value in changes.asked.items():
        old = _value_then(plan, key)
        if old != value:
            found.append(Change(key=key, old=old, new=value, effect=_effect(plan, key)))
    for key, value in changes.carried.items():
        effect = "It was set while the training ran, and goes on with the checkpoint."
        found.append(Change(key=key, old=_launched(plan, key), new=value, effect=effect))
    for key, value in changes.settled.items():
        if key not in changes.asked and key not in changes.carried:
            effect = "The checkpoint holds the old value; the new one is applied after it is loaded."
            found.append(Change(key=key, old=_in_checkpoint(plan, key), new=value, effect=effect))
    return found


def in_file(plan: Plan, edits: Mapping[str, Any]) -> list[Change]:
    """What the config file says and this attempt would not do."""
    return [
        Change(key=key, old=plan.changes.flat.get(key), new=value, effect="The config file says so.")
        for key, value in edits.items()
        if plan.changes.flat.get(key) != value
    ]


def warnings(plan: Plan) -> list[str]:
    """What a person should know before saying yes."""
    return [
        *(plan.origin.notes if plan.origin else ()),
        *_general(plan),
        *_data(plan),
        *_data_touched(plan),
        *_environment(plan),
    ]


def _effect(plan: Plan, key: str) -> str:
    """What a change does, in a sentence or two."""
    if not plan.speaks:
        return "It is recorded; this command does not look at it."
    if key in plan.changes.unknown:
        return "Nothing announced it: it takes effect only if the script looks at run.overrides."
    if key in _IN_OPTIMIZER:
        if plan.origin is None:
            return "It holds from the first step."
        return "The checkpoint's optimizer carries the old value; the new one is applied after it is loaded."
    if key in _COURSE:
        return "It changes how the learning rate runs from here on." + _jump(plan)
    if key in BATCH:
        return data_position(plan) or "It holds from the first step."
    if key.startswith("data."):
        return "The checkpoint's position belongs to the earlier data: which records were seen is no longer known."
    if key.startswith(_SHAPE):
        return "The checkpoint's weights belong to another model or adapter: they may not load."
    if key == "train.seed":
        return "The data come in another order; the generators go on from the checkpoint's states."
    one = next(
        (one for name, one in announced(plan.view, plan.base_attempt).items() if key in (name, one.get("key"))), None
    )
    if one is not None and not plan.changes.from_catalog:
        if one.get("applies") == "restart":
            return "The script takes it from run.overrides when it starts."
        return "It is applied before the first step, after the checkpoint was loaded."
    return "It holds from the first step."


def _jump(plan: Plan) -> str:
    rate = learning_rate(plan)
    if rate is None or rate.before is None or rate.after is None:
        return ""
    if rate.before == rate.after:
        return f" At step {rate.step} it stays {rate.before:.4g}."
    return f" At step {rate.step} it is {rate.after:.4g}; it would have been {rate.before:.4g}."


def _general(plan: Plan) -> Iterator[str]:
    if plan.origin is None:
        yield "There is no checkpoint: the training begins anew at step 0."
    elif not plan.speaks:
        yield "This command does not speak PULSE: whether it goes on from the checkpoint is its own affair."
    elif not plan.origin.contents:
        yield "The checkpoint does not say what it holds."
    if plan.changes.unknown and plan.speaks:
        yield f"Nothing announced {', '.join(plan.changes.unknown)}: only a script that reads run.overrides will see it."


def _data(plan: Plan) -> Iterator[str]:
    asked = plan.changes.asked.keys()
    if plan.origin is not None and any(key.startswith("data.") for key in asked):
        yield "The data are others than the checkpoint's: its position in them means nothing there."
    contents = plan.origin.contents if plan.origin is not None and plan.speaks else ()
    if contents and not asked & set(BATCH) and "data_position" not in contents:
        yield "The checkpoint holds no position in the data: the epoch begins anew."


def _data_touched(plan: Plan) -> Iterator[str]:
    """A file of records that was written after the checkpoint was: the records may be others, or in another order."""
    named = plan.changes.flat.get("data.path")
    if plan.origin is None or not isinstance(named, str) or "data.path" in plan.changes.asked:
        return
    facts = plan.view.directory.read_attempt(plan.base_attempt)
    path = Path(str(facts.get("cwd") or "."), named).expanduser()
    try:
        touched, saved = path.stat().st_mtime, (plan.origin.path / MANIFEST).stat().st_mtime
    except FileNotFoundError:
        if not path.exists():
            yield f"The records are gone: there is no {path}."
        return
    except OSError:
        return
    if touched > saved:
        yield f"{path.name} was changed after the checkpoint was saved: its records may be others, or in another order."


def _environment(plan: Plan) -> Iterator[str]:
    """The names are on record, the values never were: what is missing here may have mattered there."""
    facts = plan.view.directory.read_attempt(plan.base_attempt)
    names = facts.get("env")
    missing = sorted(set(names) - set(os.environ) - _NOISE) if isinstance(names, list) else []
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        yield f"Environment variables that the last attempt had and this server has not: {shown}."


def _value_then(plan: Plan, key: str) -> Any:
    """What was in force when the checkpoint was saved; without one, what the last attempt was launched with."""
    found = _in_checkpoint(plan, key)
    return _launched(plan, key) if found is None else found


def _launched(plan: Plan, key: str) -> Any:
    """What the last attempt was launched with; None where nobody told."""
    if key in plan.changes.base:
        return plan.changes.base[key]
    began = plan.view.attempt_facts(plan.base_attempt).began_with
    for name, one in announced(plan.view, plan.base_attempt).items():
        if key in (name, one.get("key")):
            return began.get(name)
    return None


def _in_checkpoint(plan: Plan, key: str) -> Any:
    origin = plan.origin
    if origin is None:
        return None
    for name, value in origin.hyperparameters.items():
        if key in (name, origin.config_keys.get(name)):
            return value
    return None
