"""Processes of Gladius that are up in a tenth of a second: forked from one that has done the imports.

Most of what a server or a verb costs is its imports, a second of processor time, and the tests start hundreds of them. What is
started here is a process of its own all the same, with its own session, environment, directory, streams and end; it shares
nothing but code that was loaded before.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

_PROGRAM = """
import io, json, os, runpy, select, signal, socket, sys, time
import gladius.cli.main, gladius.cli.verbs, gladius.compose, uvicorn.protocols.http.h11_impl, uvicorn.protocols.websockets.auto, uvicorn.lifespan.on

gladius.cli.verbs.tree()
asked = socket.socket(fileno=int(sys.argv[1]))
woken, bell = os.pipe()
os.set_blocking(bell, False)
signal.signal(signal.SIGCHLD, lambda *_: None)
signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
ends = {}


def bury():
    while ends:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        end = ends.pop(pid)
        os.write(end, f"{status}\\n".encode())
        os.close(end)


def begin(words, env, cwd, streams):
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, 1024)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False))
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), line_buffering=os.isatty(1))
    sys.stderr = io.TextIOWrapper(open(2, "wb", closefd=False), errors="backslashreplace", line_buffering=True)
    sys.argv = ["-c", *words[3:]] if words[1] == "-c" else [gladius.cli.main.__file__, *words[3:]]


while True:
    ready, _, _ = select.select([asked, woken], [], [])
    if woken in ready:
        os.read(woken, 4096)
    bury()
    if asked not in ready:
        continue
    text, given, _, _ = socket.recv_fds(asked, 1 << 20, 4)
    if not text:
        for pid in ends:
            os.kill(pid, signal.SIGKILL)
        sys.exit()
    *streams, end = given
    request = json.loads(text)
    pid = os.fork()
    if pid == 0:
        asked.detach()
        begin(streams=streams, **request)
        break
    for stream in streams:
        os.close(stream)
    ends[pid] = end
    os.write(end, f"{pid}\\n".encode())

words = request["words"]
if words[1] == "-c":
    exec(compile(words[2], "<string>", "exec"), {"__name__": "__main__"})
else:
    __package__ = "gladius.cli"
    gladius.cli.main.main()
"""

_PATH = os.environ.get("PYTHONPATH")


def start(*argv: object, **options: Any) -> subprocess.Popen[Any]:
    """`subprocess.Popen` in a session of its own; forked where it is Gladius' command line or code that composes a server."""
    words = [str(word) for word in argv]
    composes = words[1:2] == ["-c"] and "gladius.compose" in words[2]
    ours = words[0] == sys.executable and (composes or words[1:3] == ["-m", "gladius.cli.main"])
    # Another path may mean other code, which the forge has not loaded.
    ours = ours and (options.get("env") or os.environ).get("PYTHONPATH") == _PATH
    settings = {"stdin": subprocess.DEVNULL, "text": True, "start_new_session": True, **options}
    return (_Forked if ours else subprocess.Popen)(words, **settings)


def run(*argv: object, timeout: float = 60, **options: Any) -> subprocess.CompletedProcess[Any]:
    """Start it, wait for its end and return what it printed."""
    process = start(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@functools.cache
def _forge() -> socket.socket:
    """The process that forks, one for each process of pytest; it ends, and what it started, when this end is closed."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with there:
        argv = [sys.executable, "-c", _PROGRAM, str(there.fileno())]
        # In a session of its own: what ends our group must leave it the moment to end what it started.
        forge = subprocess.Popen(argv, pass_fds=[there.fileno()], start_new_session=True)
    atexit.register(lambda: (here.close(), forge.wait()))
    return here


class _Forked(subprocess.Popen[Any]):
    """A child of the forge. Its pipe tells its pid, then how it ended; all else is as `Popen` does it."""

    def _execute_child(
        self, args: Any, executable: Any, preexec: Any, close: Any, keep: Any, cwd: Any, env: Any, *rest: Any
    ) -> None:
        pipes = rest[3:9]
        given = (pipes[0], pipes[3], pipes[5])
        streams = [number if fd == -1 else fd for number, fd in enumerate(given)]
        request = {"words": args, "env": dict(os.environ if env is None else env), "cwd": str(cwd or Path.cwd())}
        told, end = os.pipe()
        socket.send_fds(_forge(), [json.dumps(request).encode()], [*streams, end])
        os.close(end)
        self._told = os.fdopen(told, "rb", buffering=0)
        self.pid = int(self._told.readline())
        self._child_created = True
        self._close_pipe_fds(*pipes)

    def _try_wait(self, flags: int) -> tuple[int, int]:
        if flags & os.WNOHANG and not select.select([self._told], [], [], 0)[0]:
            return 0, 0
        with self._told:
            # A forge that was killed tells no status.
            return self.pid, int(self._told.readline() or signal.SIGKILL)

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(False):
            try:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self._handle_exitstatus(status)
            finally:
                self._waitpid_lock.release()
        return self.returncode
