"""See to it that every run has a supervisor, or a complete record. Upstream: view. Downstream: launch, by a callback."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from gladius.errors import GladiusError
from gladius.pulse.identity import this_host
from gladius.pulse.plain_file import read_object
from gladius.pulse.rundir import RunDir
from gladius.store.view import RunView

_log = logging.getLogger("gladius.store")

Attach = Callable[[RunDir, int], object]
"""Start a supervisor for an attempt that runs already, or that ended unrecorded."""

PATIENCE_S = 2.0
"""A supervisor on its way has this long to take its lock."""
UNKNOWN_PATIENCE_S = 30.0
_RETRY_S = 10.0
_MAX_TRIES = 5
_AT_ONCE = 2


class Adoption:
    """Decides which runs need a supervisor and asks for one, a few at a time, less and less often for the same run."""

    def __init__(self, attach: Attach | None) -> None:
        self._attach = attach
        self._due: dict[str, RunView] = {}
        self._tries: dict[str, int] = {}
        self._not_before: dict[str, float] = {}

    def incomplete(self, view: RunView) -> bool:
        """Whether an ended run lacks its record and this process could still have it completed."""
        return (
            self._attach is not None
            and not view.attached
            and not _recorded(view)
            and self._tries.get(view.run_id, 0) < _MAX_TRIES
            and _is_here(view)
        )

    def consider(self, view: RunView) -> None:
        """Queue a run for a supervisor when it has none and should."""
        if self._attach is None or view.attempt == 0 or view.supervised or not self.incomplete(view):
            return
        patience = PATIENCE_S if view.current.host is not None else UNKNOWN_PATIENCE_S
        if view.attempt_age() > patience and time.monotonic() >= self._not_before.get(view.run_id, 0.0):
            self._due[view.run_id] = view

    async def run_due(self) -> None:
        """Attach supervisors to the next few runs that are due."""
        for run_id in list(self._due)[:_AT_ONCE]:
            view = self._due.pop(run_id)
            tries = self._tries[run_id] = self._tries.get(run_id, 0) + 1
            self._not_before[run_id] = time.monotonic() + _RETRY_S * 2 ** (tries - 1)
            assert self._attach is not None
            try:
                await asyncio.to_thread(self._attach, view.directory, view.attempt)
                _log.info("attached a supervisor to %s", run_id)
            except (OSError, GladiusError) as error:
                _log.warning("no supervisor could be attached to %s: %s", run_id, error)


def _recorded(view: RunView) -> bool:
    """Whether the newest attempt has its exit event and its report."""
    try:
        reported = view.directory.report_json.stat().st_mtime
        launched = view.directory.attempt_json(view.attempt).stat().st_mtime
    except OSError:
        return view.attempt == 0
    return view.current.exited is not None and is_report_of(view.directory, view.attempt, launched, reported)


def is_report_of(directory: RunDir, attempt: int, launched: float, reported: float) -> bool:
    """Whether the report tells of this attempt; by the files' times where they can be believed, else by its own word.

    A report that was written and could not be entered in the history has the time 0.
    """
    if launched <= reported <= time.time():
        return True
    return reported > 0 and (read_object(directory.report_json) or {}).get("attempt") == attempt


def _is_here(view: RunView) -> bool:
    """Whether the run is, or may be, this machine's; another's supervisor is another's to attach."""
    identity = view.trainer_identity()
    host = view.current.host or (identity.host if identity else None)
    return host is None or host == this_host()
