"""The one way to a new run of a profile: it starts when the machine has room, else it waits. Upstream: server, flows. Downstream: start."""

from __future__ import annotations

from gladius.launch.start import Starter
from gladius.pulse.rundir import RunDir
from gladius.wire.catalog import StartRequest


class Queue:
    """Runs on their way to the machine. `submit` blocks while a supervisor is started: call it in a thread."""

    def __init__(self, starter: Starter) -> None:
        self._starter = starter

    def submit(
        self,
        request: StartRequest,
        source: str,
        asked_by: str | None = None,
        wait: bool | None = None,  # noqa: ARG002 - as long as nothing has to wait
    ) -> RunDir:
        """Start a run, or let it wait for its turn, and return its directory.

        `wait` None and True: it waits when the machine is full; False: it starts at once, whatever else runs.
        Raises ProfileNotFound, DatasetNotFound, PresetNotFound or ConfigError before anything is created, LaunchError after.
        """
        return self._starter.start(request, source, asked_by)
