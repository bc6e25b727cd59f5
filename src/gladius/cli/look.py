"""The verbs that look: ls, show, logs, metrics, history, report. Upstream: the person. Downstream: client."""

from __future__ import annotations

import os
from typing import Annotated, Any, get_args

import typer

from gladius.cli.connect import connected
from gladius.cli.output import (
    Json,
    RunName,
    console,
    epoch_of,
    local_time,
    number,
    print_facts,
    print_json,
    print_list,
    print_table,
    progress_of,
    state,
)
from gladius.cli.say import say
from gladius.client import Client
from gladius.errors import ConfigError
from gladius.units import duration, size
from gladius.wire.base import State
from gladius.wire.messages import ConsoleMessage, Gap, RunMessage
from gladius.wire.runs import Best, Cursors, RunRecord, RunSummary

_ENDED = ("done", "error", "cancelled", "killed", "out_of_memory", "lost", "unknown", "released")
_MOST_HITS = 1000
_SORTS = ("created", "ended", "name", "profile", "dataset", "status", "loss", "eval_loss", "best", "duration")
_NOTHING_YET = (
    "You have not trained anything yet. 'gladius demo' trains a small model; 'gladius run -- COMMAND' watches yours."
)


def add_to(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    for verb in (ls, show, logs, metrics, history, report):
        app.command()(verb)


def ls(
    status: Annotated[str | None, typer.Option(help="Only runs in this state.")] = None,
    profile: Annotated[str | None, typer.Option(help="Only runs of this profile.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Only runs on this dataset.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only runs with this tag; may be repeated.")] = None,
    search: Annotated[str | None, typer.Option(help="Only runs that have these words in name, tags or notes.")] = None,
    sort: Annotated[
        str, typer.Option(help=f"{', '.join(_SORTS)}; a '-' before it turns the order round.")
    ] = "-created",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List the runs, newest first unless sorted otherwise."""
    if status is not None and status.replace(" ", "_") not in get_args(State):
        raise ConfigError(f"'{status}' is no state.", f"States: {', '.join(get_args(State))}.")
    if sort.removeprefix("-") not in _SORTS:
        raise ConfigError(f"Runs are not sorted by '{sort}'.", f"They are by {', '.join(_SORTS)}.")
    with connected() as client:
        runs = client.runs(
            status=status.replace(" ", "_") if status else None, profile=profile, dataset=dataset,
            tag=",".join(tag) if tag else None, q=search, sort=sort.removeprefix("-"),
            order="desc" if sort.startswith("-") else "asc", limit=limit,
        )  # fmt: skip
    chosen = any((profile, dataset, tag, search))
    empty = "No run fits." if chosen else f"No run is {status}." if status else _NOTHING_YET
    columns = ("run", "name", "state", "epoch", "loss", "best", "progress", "started", "tags")
    print_list(runs, as_json, columns, _row, empty=empty)


def _row(run: RunSummary) -> tuple[object, ...]:
    best = number(run.best.value) if run.best else None
    return (
        run.run_id, run.name, state(run.state), epoch_of(run.epoch, run.total_epochs), number(run.loss), best,
        progress_of(run), local_time(run.started_at), ", ".join(run.tags) or None,
    )  # fmt: skip


def show(run: RunName, as_json: Json = False) -> None:
    """Show everything about a run but its bulk data."""
    with connected() as client:
        record = client.run(run).record()
    if as_json:
        print_json(record)
        return
    print_facts(_facts(record))
    for suggestion in record.suggestions:
        settings = " ".join(f"--set {key}={value}" for key, value in suggestion.overrides.items())
        console.print(f"{suggestion.text} 'gladius resume {run} {settings}'", markup=False, soft_wrap=True)
    if record.traceback:
        console.print(record.traceback, style="red", markup=False)


def _facts(record: RunRecord) -> list[tuple[str, object]]:
    run, model = record.summary, record.model
    saved = run.last_checkpoint
    return [
        ("run", run.run_id),
        ("name", run.name),
        ("state", state(run.state)),
        ("health", run.health.message),
        ("message", run.message or None),
        ("profile, dataset", f"{run.profile_id or '—'}, {run.dataset_id or '—'}"),
        ("model", f"{model.name or '—'}, {model.parameters:,} parameters" if model and model.parameters else None),
        ("epoch", epoch_of(run.epoch, run.total_epochs)),
        ("step", run.step if run.total_steps is None else f"{run.step} of {run.total_steps}"),
        ("loss", number(run.loss)),
        ("best", f"{number(run.best.value)} ({_best_of(run.best)})" if run.best else None),
        ("eval loss", number(run.eval_loss)),
        ("progress", progress_of(run)),
        ("remaining", duration(run.eta_seconds)),
        ("elapsed", duration(run.elapsed)),
        ("started", local_time(run.started_at)),
        ("ended", local_time(run.finished_at)),
        ("last checkpoint", f"step {saved.step}, {saved.path} ({size(saved.bytes)})" if saved else None),
        ("attempts", "; ".join(f"{a.attempt}: {a.evidence or a.verdict or 'runs'}" for a in record.attempts) or None),
        ("obeys", ", ".join(record.capabilities) or None),
        ("can be changed", ", ".join(f"{name} {one.value}" for name, one in record.adjustable.items()) or None),
        ("forked from", _parent_of(record)),
        (
            "forks",
            ", ".join([*record.children, *(f"{one} (in the trash)" for one in record.children_in_trash)]) or None,
        ),
        ("tags", ", ".join(run.tags) or None),
        ("notes", record.notes or None),
        ("can be resumed", "yes" if record.resumable.possible else record.resumable.reason),
    ]


def _parent_of(record: RunRecord) -> str | None:
    if record.parent is None:
        return None
    place = {"here": "", "trash": " (in the trash)", "gone": " (removed)"}[record.parent.place]
    return f"{record.parent.run_id}{place}, {record.parent.checkpoint}"


def _best_of(best: Best) -> str:
    return f"epoch mean of {best.name}" if best.name == "train/loss" else best.name


def logs(
    run: RunName,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as more is written.")] = False,
    search: Annotated[str | None, typer.Option(help="Only the lines that hold this text.")] = None,
    as_json: Json = False,
) -> None:
    """Print what the trainer wrote, byte by byte."""
    with connected() as client:
        handle = client.run(run)
        if search is not None:
            hits = handle.search(search, limit=_MOST_HITS)
            if as_json:
                print_json(hits)
            for hit in [] if as_json else hits:
                say(f"{hit.line or '—'}: {hit.text}")
            return
        text = handle.console()
        if as_json:
            print_json({"run_id": handle.id, "text": text.decode("utf-8", "replace")})
            return
        _write(text)
        if follow:
            _follow(client, handle.id, len(text))


def _follow(client: Client, run_id: str, offset: int) -> None:
    """Print new output until the run has ended."""
    cursors = {run_id: Cursors(console=offset)}
    ended = client.run(run_id).summary().state in _ENDED
    for message in client.stream([run_id], ["console", "runs"], cursors):
        if isinstance(message, ConsoleMessage):
            _write(message.text.encode())
            offset = message.offset + message.length
        elif isinstance(message, Gap):
            say(f"[{message.skipped} skipped]", err=True)
        elif isinstance(message, RunMessage):
            ended = message.summary.state in _ENDED
        if ended:
            _write(client.run(run_id).console(offset))
            return


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def metrics(
    run: RunName,
    name: Annotated[list[str] | None, typer.Option(help="Only this metric; may be repeated.")] = None,
    as_json: Json = False,
) -> None:
    """Print a run's metrics: the last value of each, or with --name every point."""
    with connected() as client:
        series: dict[str, Any] = client.run(run).metrics(*(name or []), frame=False)
    if as_json:
        print_json(_spelled(series))
        return
    if not name:
        rows = [
            (key, number(columns["value"][-1], 6), len(columns["value"])) for key, columns in sorted(series.items())
        ]
        print_table(("metric", "last", "points"), rows, empty="No metrics yet.")
        return
    points = [
        (key, step, number(value, 6)) for key, columns in series.items()
        for step, value in zip(columns["step"], columns["value"], strict=True)
    ]  # fmt: skip
    print_table(("metric", "step", "value"), points, empty="No such metric; 'gladius metrics RUN' lists them.")


def _spelled(value: Any) -> Any:
    """Spell numbers that JSON cannot say as the protocol does."""
    if isinstance(value, float) and value - value != 0.0:
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    return [_spelled(item) for item in value] if isinstance(value, list) else value


def history(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 10, as_json: Json = False
) -> None:
    """List ended trainings, newest first."""
    with connected() as client:
        entries = client.history(limit)
    if as_json:
        print_json([{"run_id": entry.training_id, **entry.model_dump(mode="json")} for entry in entries])
        return
    rows = [
        (entry.training_id, entry.profile_id or entry.name, entry.dataset_id, state(entry.status), number(entry.final_loss),
         duration(entry.finished_at - entry.started_at) if entry.finished_at and entry.started_at else None,
         local_time(entry.finished_at))
        for entry in entries
    ]  # fmt: skip
    print_table(("run", "profile", "dataset", "result", "loss", "took", "ended"), rows, empty=_NOTHING_YET)


def report(run: RunName, as_json: Json = False) -> None:
    """Print the report of a run's last ended attempt."""
    with connected() as client:
        found = client.run(run).report(markdown=not as_json)
    if as_json:
        print_json(found)
    else:
        say(found)
