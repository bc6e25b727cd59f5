"""Start supervisors on this machine. Upstream: server, cli. Downstream: `python -m gladius.supervise`."""

from __future__ import annotations

import subprocess
import sys

from gladius.errors import LaunchError
from gladius.pulse.rundir import Home, RunDir

_PATIENCE_S = 60


class LocalLauncher:
    """Supervisors in sessions of their own: they outlive whoever asked for them."""

    name = "local"

    def __init__(self, home: Home) -> None:
        self.home = home

    def start(self, run: RunDir, attempt: int) -> None:
        """Start the supervisor that spawns attempt `attempt`; raises LaunchError with the reason."""
        self._supervise(run, attempt, adopt=False)

    def adopt(self, run: RunDir, attempt: int) -> None:
        """Start a supervisor for an attempt that has none; raises LaunchError with the reason."""
        self._supervise(run, attempt, adopt=True)

    def _supervise(self, run: RunDir, attempt: int, adopt: bool) -> None:
        argv = [
            sys.executable,
            # A `signal.py` or `queue.py` in the caller's folder must not take the place of Python's own.
            "-P",
            "-m",
            "gladius.supervise",
            str(run.root),
            "--home",
            str(self.home.root),
            "--attempt",
            str(attempt),
        ]
        if adopt:
            argv.append("--adopt")
        try:
            answer = subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                timeout=_PATIENCE_S, check=False, start_new_session=True, text=True,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LaunchError(
                f"The supervisor of {run.run_id} could not be started: {error}.", self._hint(run)
            ) from error
        if answer.returncode != 0:
            reason = answer.stderr.strip() or f"exit code {answer.returncode}"
            raise LaunchError(f"The supervisor of {run.run_id} could not be started: {reason}", self._hint(run))

    def _hint(self, run: RunDir) -> str:
        return f"Its log: {self.home.supervisor_logs / (run.run_id + '.log')}"
