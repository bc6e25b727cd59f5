"""The verb that puts runs beside each other: compare. Upstream: the person. Downstream: client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from gladius.cli.connect import connected
from gladius.cli.output import Json, console, local_time, number, print_json, print_table, state
from gladius.cli.say import say
from gladius.errors import ConfigError
from gladius.units import duration
from gladius.wire.compare import MOST_RUNS, ComparedRun, ComparedSetting, Comparison, MetricPlace

_USUAL = ("eval/loss", "train/loss")


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(compare)


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN RUN...", help=f"2 to {MOST_RUNS} runs: ids, unique prefixes or names.")
    ],
    metric: Annotated[list[str] | None, typer.Option(help="A metric of the table; may be repeated.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the settings that are the same.")] = False,
    results: Annotated[Path | None, typer.Option(help="Write the results into this CSV file.")] = None,
    curves: Annotated[Path | None, typer.Option(help="Write every point of the metrics into this CSV file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Put runs beside each other: what they came to, and which settings differ."""
    if len(runs) < 2:
        raise ConfigError("One run is no comparison.", "Name 2 or more: 'gladius ls' lists them.")
    for path in (results, curves):
        if path is not None and path.exists() and not force:
            raise ConfigError(f"{path} exists already.", "--force replaces it.")
    with connected() as client:
        found = client.compare(runs, metric or ())
        shown = [name for name in metric or _USUAL if any(name in run.metrics for run in found.runs)]
        if results is not None:
            client.save_comparison(runs, results, metric or (), force=force)
        if curves is not None:
            if not shown:
                raise ConfigError("These runs have none of the metrics.", "Name some: --metric NAME.")
            client.save_comparison(runs, curves, shown, curves=True, force=force)
    if as_json:
        print_json(found)
    else:
        _print(found, shown, everything)
    for one in found.missing:
        where = " It is in the trash." if one.reason == "trash" else ""
        say(f"{one.message}{where} It is left out.", err=True)
    if found.missing:
        raise typer.Exit(1)


def _print(found: Comparison, metrics: list[str], everything: bool) -> None:
    columns = ["run", "name", "state", "step", "took", "rate", "started", "forked from", "best"]
    columns += [f"{name} {end}" for name in metrics for end in _ends(found, name)]
    print_table(columns, [_row(found, run, metrics) for run in found.runs], empty="None of these runs is there.")
    shown = [one for one in found.settings if everything or one.differs]
    if not found.runs:
        return
    console.print()
    same = sum(not one.differs for one in found.settings)
    rows = [_setting(one, found.runs) for one in shown]
    nothing = "No setting differs." if found.settings else "No configuration is known of these runs."
    print_table(["setting", *(run.run_id for run in found.runs)], rows, empty=nothing)
    if same and not everything:
        console.print(f"{same} settings are the same; --all shows them.")


def _row(found: Comparison, run: ComparedRun, metrics: list[str]) -> list[object]:
    rate = f"{run.rate.per_second:,.0f} {run.rate.unit}/s" if run.rate else None
    best = f"{number(run.best.value)} ({run.best.name})" if run.best else None
    facts: list[object] = [
        run.run_id, run.name, state(run.state), run.step, duration(run.seconds), rate, local_time(run.started_at),
        run.parent.run_id if run.parent else None, best,
    ]  # fmt: skip
    return [*facts, *(cell for name in metrics for cell in _values(found, run, name))]


def _ends(found: Comparison, name: str) -> tuple[str, ...]:
    """A loss is best where it is lowest; of another metric nobody knows, so both ends are told."""
    lowest = any(one.name == name and one.best == "lowest" for one in found.metrics)
    return ("final", "lowest") if lowest else ("final", "lowest", "highest")


def _values(found: Comparison, run: ComparedRun, name: str) -> list[str | None]:
    result = run.metrics.get(name)
    return [_at(getattr(result, end) if result else None) for end in _ends(found, name)]


def _at(place: MetricPlace | None) -> str | None:
    if place is None:
        return None
    return f"{number(place.value)} @ {place.step}" if place.step is not None else number(place.value)


def _setting(one: ComparedSetting, runs: list[ComparedRun]) -> list[object]:
    return [one.key, *(_value(one.values[run.run_id]) if run.run_id in one.values else None for run in runs)]


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
