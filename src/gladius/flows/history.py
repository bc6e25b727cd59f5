"""The runs of flows that there were. Upstream: flow logs. Downstream: runner, server, `gladius.flows.history`."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from gladius.errors import FlowRunNotFound, InvalidRun
from gladius.flows.log import FlowLog
from gladius.flows.record import Record
from gladius.pulse.rundir import RUN_ID, Home
from gladius.wire.flows import FlowRun

_log = logging.getLogger("gladius.flows")


def get_flow_history(limit: int, home: Home | None = None) -> list[FlowRun]:
    """The newest runs of flows, newest first, as their logs tell it; [] when no flow was run yet."""
    return [record.wire() for record in records(home or Home(), limit)]


def records(home: Home, limit: int, flow_id: str | None = None) -> Iterator[Record]:
    """The newest runs, of one flow or of all; a log that says nothing is passed over, and named in the server's log."""
    found = 0
    for flow_run_id in flow_run_ids(home):
        if found >= limit:
            return
        try:
            record = load(home, flow_run_id)
        except (InvalidRun, OSError) as error:
            _log.warning("a flow's run is left out: %s", error)
            continue
        if flow_id in (None, record.flow.id):
            found += 1
            yield record


def flow_run_ids(home: Home) -> list[str]:
    """Every run of a flow, newest first."""
    with contextlib.suppress(FileNotFoundError):
        return sorted((path.stem for path in home.flow_logs.iterdir() if _is_log(path)), reverse=True)
    return []


def load(home: Home, flow_run_id: str) -> Record:
    """One run, from its log. Raises FlowRunNotFound, InvalidRun."""
    log = log_of(home, flow_run_id)
    if not RUN_ID.match(flow_run_id) or not log.path.is_file():
        raise FlowRunNotFound(flow_run_id)
    return Record.of(flow_run_id, str(log.path), log.lines())


def log_of(home: Home, flow_run_id: str) -> FlowLog:
    """The log of one run."""
    return FlowLog(home.flow_logs / f"{flow_run_id}.jsonl")


def _is_log(path: Path) -> bool:
    return path.suffix == ".jsonl" and RUN_ID.match(path.stem) is not None
