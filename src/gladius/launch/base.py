"""What every launcher promises. Upstream: server, cli. Downstream: local (and, later, clusters)."""

from __future__ import annotations

from typing import Protocol

from gladius.pulse.rundir import RunDir


class Launcher(Protocol):
    """Puts a supervisor beside a run. Neither call waits for the training."""

    name: str

    def start(self, run: RunDir, attempt: int) -> None:
        """Start the supervisor that spawns attempt `attempt`; raises LaunchError with the reason."""

    def adopt(self, run: RunDir, attempt: int) -> None:
        """Start a supervisor for an attempt that has none; raises LaunchError with the reason."""
