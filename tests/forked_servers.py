"""Real console servers that are up in a tenth of a second: forked from a process that has done the imports."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from console_server import ConsoleServer

from gladius.pulse.rundir import Home

_FORGE = """
import os, signal, sys
from gladius.compose import up
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        up(line.strip(), port=0, on_ready=lambda address: print(address.url, address.token, os.getpid(), flush=True))
        os._exit(0)
"""
_NOT_OURS = ("RANK", "LOCAL_RANK")


class Forge:
    """Makes servers, each a process of its own with nothing but code in common with the one before."""

    def __init__(self, **more: str) -> None:
        env = {
            key: value for key, value in os.environ.items() if not key.startswith("GLADIUS_") and key not in _NOT_OURS
        } | more
        self._process = subprocess.Popen(
            [sys.executable, "-c", _FORGE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
            start_new_session=True,
        )  # fmt: skip
        self.pid = self._process.pid

    def server(self, home: Home, until: Callable[..., Any]) -> ConsoleServer:
        """A server of `home`, ready to answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{home.root}\n")
        self._process.stdin.flush()
        words = self._process.stdout.readline().split()
        return ConsoleServer(lambda *argv, **options: _Forked(words, until), home)

    def close(self) -> None:
        """End it, and every server of it that still lives: they are of its process group."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


class _Forked:
    """The server's process, as `ConsoleServer` wants to see it; the line that it printed when it was ready came before."""

    def __init__(self, words: list[str], until: Callable[..., Any]) -> None:
        self.stdout, self._line, self._until = self, " ".join(words[:2]), until
        self.pid = int(words[2])

    def readline(self) -> str:
        return self._line

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float) -> None:
        self._until(lambda: not Path(f"/proc/{self.pid}").exists(), timeout)
