"""Show a run's progress in the terminal until it has ended. Upstream: `train --follow`, `demo`. Downstream: client."""

from __future__ import annotations

import time

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from gladius.cli.output import STATE_COLOURS, errors, number
from gladius.client import Client, RunHandle
from gladius.wire.base import TERMINAL_STATES
from gladius.wire.runs import RunSummary

_POLL_S = 0.5


def place_of(client: Client, run_id: str) -> str:
    """Where a run that waits stands in the queue."""
    waiting = client.queue().waiting
    here = next((one.position for one in waiting if one.run_id == run_id), None)
    return "" if here is None else f"waits, {here} of {len(waiting)} in the queue"


def follow(run: RunHandle, client: Client | None = None) -> RunSummary:
    """Draw one line of progress; return the run's last summary. Ctrl+C leaves the training running.

    With a `client` a run that waits tells its place in the queue.
    """
    columns = (
        TextColumn("{task.fields[state]}"), BarColumn(bar_width=32), TextColumn("{task.percentage:5.1f} %"),
        TextColumn("{task.fields[loss]}"), TextColumn("[dim]{task.description}"), TimeElapsedColumn(),
    )  # fmt: skip
    said = ""
    with Progress(*columns, console=errors, transient=False) as progress:
        line = progress.add_task("", total=100, state="preparing", loss="")
        while True:
            summary = run.summary()
            waits = place_of(client, summary.run_id) if client is not None and summary.state == "queued" else ""
            if waits not in ("", said) and not errors.is_terminal:
                # Where no line is redrawn, a place that changed is a line of its own.
                errors.print(f"gladius: it {waits}")
                said = waits
            _draw(progress, line, summary, waits)
            if summary.state in TERMINAL_STATES or summary.state == "released":
                return summary
            time.sleep(_POLL_S)


def _draw(progress: Progress, line: TaskID, summary: RunSummary, waits: str) -> None:
    colour = STATE_COLOURS.get(summary.state, "default")
    loss = number(summary.loss)
    progress.update(
        line,
        completed=summary.progress,
        state=f"[{colour}]{summary.state:<10}[/{colour}]",
        loss=f"loss {loss}" if loss is not None else "",
        description=waits or summary.message,
    )
