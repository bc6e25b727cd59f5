"""Runs that have ended, written at once as trainer and supervisor leave them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gladius.pulse.events import EventWriter
from gladius.pulse.rundir import Home, RunDir
from pulse_wrapper import write_done_status


def ended_run(
    home: Home,
    name: str,
    losses: Sequence[float] = (2.0, 1.0),
    state: str = "done",
    verdict: str = "finished",
    **run: Any,
) -> RunDir:
    """One attempt of a run; `run` goes into run.json."""
    facts = {"source": "api", "engine": "script", "profile": "tiny-moe", **run}
    directory = home.new_run(name, facts)
    directory.write_attempt(1, {"argv": ["x"]})
    trainer, supervisor = EventWriter(directory.events, 1), EventWriter(directory.supervisor_events, 1)
    for step, loss in enumerate(losses):
        trainer.metrics({"train/loss": loss}, step, None, None)
    if state in ("done", "error", "cancelled"):
        trainer.write("state", {"state": state})
    supervisor.write("process", {"event": "exited", "verdict": verdict})
    trainer.close()
    supervisor.close()
    write_done_status(directory.status, 1.0, 1.0, 0.5)
    directory.report_json.write_text("{}")
    return directory
