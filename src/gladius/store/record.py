"""Everything about one run but its bulk data. Upstream: view, summary. Downstream: server."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from gladius.errors import ConfigError
from gladius.pulse.plain_file import open_plain, read_bytes
from gladius.store.commands import command_records
from gladius.store.family import Family, Place
from gladius.store.resumable import checkpoint_here, resumable
from gladius.store.series import number
from gladius.store.suggestions import suggestions
from gladius.store.summary import summarize
from gladius.store.view import RunView
from gladius.wire.base import Wire
from gladius.wire.events import Adjustable, HyperparameterChange, ModelInfo, PauseMode, Split
from gladius.wire.runs import Attempt, Cursors, RunRecord, Status
from gladius.wire.steering import ParentLink

T = TypeVar("T", bound=Wire)

_LAST_BYTES = 16_384
_LAST_LINES = 20
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")

TOLD = frozenset({"training_arguments", "model_dtype", "adapter", "torch_loop"})
"""Parts of `hello.config` in which a framework says what it trains with; nobody launched it with these words."""


@dataclass(frozen=True)
class Steering:
    """What of the record is not the store's to judge: why a command cannot be sent, and which ways of one can."""

    disabled: Mapping[str, str] = field(default_factory=dict)
    pause_modes: Sequence[PauseMode] = ()
    splits: Sequence[Split] = ()


def record(view: RunView, steering: Steering, family: Family | None = None) -> RunRecord:
    """Build the record."""
    family = family or Family()
    hello, facts = view.hello, view.current
    error = facts.error or {}
    settings = config(view, view.attempt)
    adjustable = adjustables(view)
    changes = [_parse(HyperparameterChange, raw) for raw in view.hyperparameters]
    went_well = view.state in ("done", "cancelled")
    return RunRecord(
        summary=summarize(view),
        status=None if view.status is None else Status(**view.status),
        stale=view.stale,
        cursors=Cursors(events=view.trainer.last_seq, supervisor=view.supervisor.last_seq, console=view.console_size),
        world_size=hello.get("world_size"),
        mode=hello.get("mode"),
        samples=hello.get("samples"),
        model=_parse(ModelInfo, hello.get("model")),
        capabilities=hello.get("capabilities") or [],
        disabled=dict(steering.disabled),
        pause_modes=list(steering.pause_modes),
        splits=list(steering.splits),
        adjustable=adjustable,
        attributions=hello.get("attributions") or {},
        config=settings,
        config_source=source if isinstance(source := view.run.get("config_source"), str) else None,
        run=view.run,
        attempts=attempts(view),
        checkpoints=[found for found in map(checkpoint_here, view.checkpoints) if found is not None],
        commands=command_records(view, children=family.children),
        hyperparameters=[change for change in changes if change is not None],
        error=None if went_well else error.get("message") or (facts.exited or {}).get("evidence"),
        error_code=None if went_well else error.get("code"),
        retryable=None if went_well else error.get("retryable"),
        traceback=error.get("traceback"),
        last_words=None if went_well or error.get("traceback") or not view.ended else last_words(view),
        suggestions=suggestions(view, settings, adjustable),
        resumable=resumable(view),
        parent=_parent(view.run.get("parent"), family.parent),
        children=list(family.children),
        children_in_trash=list(family.in_trash),
        notes=notes if isinstance(notes := view.annotations.get("notes"), str) else "",
    )


def _parent(raw: Any, place: Place) -> ParentLink | None:
    link = _parse(ParentLink, raw)
    return None if link is None else link.model_copy(update={"place": place})


def last_words(view: RunView) -> str | None:
    """The last lines of its output, without colours; what a progress bar drew over counts once. None when there are none."""
    try:
        with open_plain(view.directory.console_log) as file:
            file.seek(max(0, view.console_size - _LAST_BYTES))
            text = file.read(_LAST_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    lines = [line.rpartition("\r")[2].rstrip() for line in _COLOURS.sub("", text).replace("\r\n", "\n").split("\n")]
    kept = [line for line in lines if line][-_LAST_LINES:]
    return "\n".join(kept) or None


def adjustables(view: RunView) -> dict[str, Adjustable]:
    """What the trainer of the newest attempt announced, each with the value that it has now."""
    found: dict[str, Adjustable] = {}
    now, bounds = live_values(view), view.run.get("bounds")
    for name, raw in (view.hello.get("adjustable") or {}).items():
        one = _parse(Adjustable, raw)
        if one is not None:
            narrowed = _narrowed(one, bounds.get(one.key or name) if isinstance(bounds, dict) else None)
            found[name] = one.model_copy(update={"value": now.get(name, one.value), **narrowed})
    return found


def _narrowed(one: Adjustable, bounds: Any) -> dict[str, float]:
    """The trainer's bounds within those of the run's profile."""
    said = bounds if isinstance(bounds, dict) else {}
    low = [value for value in (one.min, number(said.get("min"))) if value is not None]
    high = [value for value in (one.max, number(said.get("max"))) if value is not None]
    return {**({"min": max(low)} if low else {}), **({"max": min(high)} if high else {})}


def live_values(view: RunView) -> dict[str, Any]:
    """Name -> value of every adjustable of the newest attempt: as announced, then as each change left it."""
    announced = view.hello.get("adjustable") or {}
    values = {name: raw.get("value") for name, raw in announced.items() if isinstance(raw, dict)}
    since = view.hello.get("seq", -1)
    for event in view.hyperparameters:
        if event.get("name") in values and event.get("attempt") == view.attempt and event.get("seq", -1) > since:
            values[event["name"]] = event.get("new")
    return values


def attempts(view: RunView) -> list[Attempt]:
    """Each start of the trainer, oldest first."""
    return [_attempt(view, number) for number in sorted({*view.launched, *view.attempts})]


def config_file(view: RunView, attempt: int) -> Path:
    """The effective configuration of an attempt; it may be missing."""
    return view.directory.attempt_config(attempt)


def config(view: RunView, attempt: int) -> dict[str, Any]:
    """The effective configuration of an attempt: its YAML file, else what a script gave to `start`; {} when there is none."""
    path = config_file(view, attempt)
    if not path.is_symlink() and path.is_file():
        return load_yaml(path, view.directory.root)
    facts = view.directory.read_attempt(attempt) if attempt else None
    hello = view.attempts[attempt].hello if attempt in view.attempts else None
    given, announced = (facts or {}).get("config"), (hello or {}).get("config")
    if isinstance(given, dict) and given:
        return given
    return {key: value for key, value in announced.items() if key not in TOLD} if isinstance(announced, dict) else {}


def load_yaml(path: Path, root: Path | None = None) -> dict[str, Any]:
    """Read a YAML 1.2 mapping; raises ConfigError when it is none. Below `root`, a run's folder, no link is followed."""
    from gladius import yaml_text

    try:
        loaded = yaml_text.load(read_bytes(path if root is not None else path.resolve(), root).decode("utf-8"))
    except (OSError, UnicodeDecodeError, yaml_text.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", "Mend or remove the file.") from error
    return loaded if isinstance(loaded, dict) else {}


def _attempt(view: RunView, number: int) -> Attempt:
    launched = view.directory.read_attempt(number)
    argv = launched.get("argv")
    planned = [str(word) for word in argv] if isinstance(argv, list) else []
    facts = view.attempt_facts(number)
    started, exited = facts.started or {}, facts.exited or {}
    overrides = launched.get("overrides")
    return Attempt(
        attempt=number,
        asked_by=_text(launched.get("asked_by")),
        checkpoint=_text(launched.get("checkpoint")),
        overrides=overrides if isinstance(overrides, dict) else {},
        argv=started.get("argv") or planned,
        pid=started.get("pid") or (facts.hello or {}).get("pid"),
        host=facts.host,
        started_at=facts.started_at,
        finished_at=facts.finished_at,
        verdict=facts.verdict,
        code=exited.get("code"),
        signal=exited.get("signal"),
        evidence=exited.get("evidence"),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _parse(model: type[T], raw: Any) -> T | None:
    try:
        return model.model_validate(raw) if raw is not None else None
    except ValueError:
        return None
