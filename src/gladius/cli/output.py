"""How the verbs print: tables for people, JSON for programs. Upstream: the other verbs. Downstream: stdout."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gladius.cli.say import say, visible
from gladius.wire.runs import RunSummary

M = TypeVar("M", bound=BaseModel)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, a unique prefix, its name, or 'latest'.")]

DASH = "—"
STATE_COLOURS = {
    "running": "green", "validating": "green", "checkpointing": "green", "preparing": "green", "done": "green",
    "paused": "yellow", "released": "yellow", "stopping": "yellow", "error": "red", "killed": "red",
    "out_of_memory": "red", "lost": "red",
}  # fmt: skip

_PIPE_WIDTH = 240


class Markup(str):
    """A cell whose colours are ours: the only kind in which brackets mean something."""


class _Screen(Console):
    """Colours are ours alone: they come from markup, never from what is shown."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)


# A program that reads our table gets whole lines, not those of an imagined terminal.
console = _Screen(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
errors = _Screen(stderr=True, highlight=False)


def print_json(data: Any) -> None:
    """Print models or plain data as JSON."""
    # JSON writes the same escapes.
    say(json.dumps(_plain(data), ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print a table whose cells are shown as they are; None is a dash. `empty` stands for no rows."""
    rows = list(rows)
    if not rows:
        console.print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*map(_cell, row))
    console.print(table)


def print_list(
    found: Sequence[M], as_json: bool, columns: Sequence[str], row: Callable[[M], Sequence[object]], empty: str
) -> None:
    """Print models as JSON, or as a table with one row of each; `empty` stands for none."""
    if as_json:
        print_json(found)
    else:
        print_table(columns, map(row, found), empty)


def print_one(found: BaseModel, as_json: bool, facts: Iterable[tuple[str, object]] | None = None) -> None:
    """Print a model as JSON, or its fields, or the `facts` in their place, one a line."""
    if as_json:
        print_json(found)
    else:
        print_facts(found.model_dump(mode="json").items() if facts is None else facts)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, _cell(value))
    console.print(table)


def _cell(cell: object) -> Text:
    if isinstance(cell, Markup):
        return console.render_str(cell)
    return Text(DASH if cell is None else visible(str(cell)))


def state(name: str) -> Markup:
    """Return a state in its colour, never by colour alone."""
    colour = STATE_COLOURS.get(name, "default")
    return Markup(f"[{colour}]{name.replace('_', ' ')}[/{colour}]")


def number(value: float | str | None, digits: int = 4) -> str | None:
    """Return a number with `digits` decimals; NaN and infinity as they are."""
    return value if value is None or isinstance(value, str) else f"{value:.{digits}f}"


def local_time(seconds: float | None) -> str | None:
    """Return Unix seconds as local time."""
    return None if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def epoch_of(epoch: float | None, total: float | None) -> str | None:
    """Return `1.50/3`, or what of it is known; PULSE v1's 0 of 0 is a trainer that never spoke of epochs."""
    if epoch is None or not (epoch or total):
        return None
    return f"{epoch:.2f}/{total:g}" if total else f"{epoch:.2f}"


def progress_of(run: RunSummary) -> str | None:
    """Return percent; None while nobody knows of how much."""
    return f"{run.progress:.1f} %" if run.total_epochs or run.progress else None


def _plain(data: Any) -> Any:
    if isinstance(data, BaseModel):
        return data.model_dump(mode="json")
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    return [_plain(item) for item in data] if isinstance(data, list | tuple) else data
