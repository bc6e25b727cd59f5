"""`python -m gladius.knowledge HOME INDEX`: become the process that makes an index. Upstream: indexer. Downstream: job.

The process that was started forks and answers its caller through its exit: 0 when the work has begun, 1 with the reason on
stderr when it has not. So the work is nobody's child, leaves no zombie and outlives a server.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys

from gladius.errors import LockHeld
from gladius.knowledge.folder import IndexFolder
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import Home

_log = logging.getLogger("gladius.knowledge")
_PATIENCE_S = 10.0
_NICE = 5
"""Reading documents makes way for what trains on the same machine."""


def main(arguments: list[str]) -> int:
    """Detach and index."""
    home, index_id = arguments
    folder = IndexFolder(Home(home), index_id)
    read_end, write_end = os.pipe()
    if os.fork():
        os.close(write_end)
        with os.fdopen(read_end) as answer:
            said = answer.read()
        if said != "ok":
            print(said or "the process died while it started", file=sys.stderr)  # noqa: T201
        return 0 if said == "ok" else 1
    os.close(read_end)
    os.setsid()
    _detach(folder)
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return _index(folder, write_end)


def _index(folder: IndexFolder, answer: int) -> int:
    from gladius.knowledge.job import Job

    lock = FileLock(folder.lock)
    try:
        # Its predecessor may have said its last word and not be gone yet.
        lock.acquire(_PATIENCE_S)
        job = Job(folder)
    except Exception as error:  # noqa: BLE001
        if not isinstance(error, LockHeld):
            _log.exception("not started")
        os.write(answer, str(error).encode())
        return 1
    os.write(answer, b"ok")
    os.close(answer)
    job.run()
    lock.release()
    return 0


def _detach(folder: IndexFolder) -> None:
    """Leave the caller's terminal; what is said from here on goes to the index's log."""
    log = os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with contextlib.suppress(OSError):
        os.nice(_NICE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
