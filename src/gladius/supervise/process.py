"""The trainer's process: spawned or adopted, awaited, signalled. Upstream: supervisor. Downstream: the kernel."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from gladius.pulse.identity import Identity, process_state
from gladius.pulse.plain_file import plain
from gladius.pulse.signals import exit_code, leaves_unreaped, send, send_group
from gladius.supervise.machine import with_descendants

_POLL_S = 0.1
_NEVER_PASSED_ON = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT}


class Trainer:
    """A running trainer. `code` is its exit code once it has ended, negative for a signal, None when nobody can know.

    Who has ended is not reaped before `reap`, so that what it left behind can be found by its number.
    """

    def __init__(self, identity: Identity, popen: subprocess.Popen[bytes] | None) -> None:
        self.identity = identity
        self.code: int | None = None
        self.ended = False
        self._popen = popen
        self._pidfd = self._open_pidfd()
        if self._pidfd < 0 and popen is None and identity.alive() is False:
            self._note_end()

    @classmethod
    def spawn(cls, argv: list[str], env: Mapping[str, str], cwd: Path, console: Path) -> Trainer:
        """Start a command in a session of its own, its output straight to the file. Raises OSError when it cannot."""
        output = plain(os.fspath(console), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            popen = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        finally:
            os.close(output)
        return cls(Identity.of(popen.pid), popen)

    @property
    def is_child(self) -> bool:
        """Whether this supervisor started it, and so will learn its exit code."""
        return self._popen is not None

    @property
    def session(self) -> int:
        """The trainer's session; one that was adopted from a shell has the shell's."""
        if self._popen is not None:
            return self.identity.pid
        with contextlib.suppress(OSError):
            return os.getsid(self.identity.pid)
        return self.identity.pid

    def wait(self, seconds: float) -> bool:
        """Wait at most so long for the end; return whether it has ended."""
        if self.ended:
            return True
        if self._pidfd >= 0:
            if select.select([self._pidfd], [], [], seconds)[0]:
                self._note_end()
        else:
            self._wait_by_polling(seconds)
        return self.ended

    @property
    def suspended(self) -> bool:
        """Whether it was stopped by a signal (SIGSTOP, a debugger)."""
        return not self.ended and process_state(self.identity.pid) in ("T", "t")

    def signal_group(self, number: int) -> bool:
        """Signal the whole process group, never a stranger: only while the very process that we know lives.

        What it started outside of its group (a launcher's ranks) is reached too by the signals that it cannot pass on.
        """
        if self.ended or not self.identity.alive():
            return False
        outside = self._outside() if number in _NEVER_PASSED_ON else []
        if not send_group(self.identity, number):
            return False
        for one in outside:
            send(one, number)
        return True

    def _outside(self) -> list[Identity]:
        """Its descendants that are in other process groups."""
        found = []
        with contextlib.suppress(ProcessLookupError):
            group = os.getpgid(self.identity.pid)
            for pid in with_descendants({self.identity.pid}):
                with contextlib.suppress(ProcessLookupError):
                    if os.getpgid(pid) != group:
                        found.append(Identity.of(pid))
        # Looked at once more: a number that was given away between the two looks is no descendant's now.
        family = with_descendants({self.identity.pid}) if found else set()
        return [one for one in found if one.pid in family]

    def kill_leftovers(self) -> None:
        """End what a killed trainer left in its group (workers); an empty group is no error.

        To be called before `reap`: only while nobody has collected the trainer is its number nobody else's.
        """
        if self._popen is not None and self._popen.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.identity.pid, signal.SIGKILL)

    def reap(self) -> None:
        """Let go of a child that has ended; from here on its number may be another's."""
        if self.ended and self._popen is not None:
            self._popen.wait()

    @staticmethod
    def kill_ranks(ranks: Iterable[Identity]) -> None:
        """End the processes of a job whose launcher is gone: it started each in a session of its own."""
        for rank in ranks:
            send(rank, signal.SIGKILL)

    def _open_pidfd(self) -> int:
        if not hasattr(os, "pidfd_open"):
            return -1
        try:
            pidfd = os.pidfd_open(self.identity.pid)
        except OSError:
            return -1
        if not self.identity.alive() and self._popen is None:
            os.close(pidfd)
            return -1
        return pidfd

    def _wait_by_polling(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            gone = self._exit_code(wait=False) is not None if self.is_child else self.identity.alive() is False
            if gone:
                self._note_end()
            left = deadline - time.monotonic()
            if gone or left <= 0:
                return
            time.sleep(min(_POLL_S, left))

    def _note_end(self) -> None:
        self.ended = True
        if self.is_child:
            self.code = self._exit_code(wait=True)
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _exit_code(self, wait: bool) -> int | None:
        """The child's code, None while it runs; it is left for `reap` where the platform can do that."""
        assert self._popen is not None
        if leaves_unreaped():
            return exit_code(self.identity.pid, wait)
        return self._popen.wait() if wait else self._popen.poll()
