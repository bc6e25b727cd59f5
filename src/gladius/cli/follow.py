"""Show a run's progress in the terminal until it has ended. Upstream: `train --follow`, `demo`. Downstream: client."""

from __future__ import annotations

import time

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from gladius.cli.output import STATE_COLOURS, errors, number
from gladius.client import RunHandle
from gladius.wire.base import TERMINAL_STATES
from gladius.wire.runs import RunSummary

_POLL_S = 0.5


def follow(run: RunHandle) -> RunSummary:
    """Draw one line of progress; return the run's last summary. Ctrl+C leaves the training running."""
    columns = (
        TextColumn("{task.fields[state]}"), BarColumn(bar_width=32), TextColumn("{task.percentage:5.1f} %"),
        TextColumn("{task.fields[loss]}"), TextColumn("[dim]{task.description}"), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=errors, transient=False) as progress:
        line = progress.add_task("", total=100, state="preparing", loss="")
        while True:
            summary = run.summary()
            _draw(progress, line, summary)
            if summary.state in TERMINAL_STATES or summary.state == "released":
                return summary
            time.sleep(_POLL_S)


def _draw(progress: Progress, line: TaskID, summary: RunSummary) -> None:
    colour = STATE_COLOURS.get(summary.state, "default")
    loss = number(summary.loss)
    progress.update(
        line,
        completed=summary.progress,
        state=f"[{colour}]{summary.state:<10}[/{colour}]",
        loss=f"loss {loss}" if loss is not None else "",
        description=summary.message,
    )
