"""`python -m gladius.supervise RUN_DIR`: become the supervisor of a run. Upstream: launch. Downstream: supervisor.

The process that was started forks and answers its caller through its exit: 0 when the trainer was spawned or adopted,
1 with the reason on stderr when it was not. So the supervisor is nobody's child and leaves no zombie.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

from gladius.errors import RunBusy
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import Home, RunDir

_log = logging.getLogger("gladius.supervise")


def main() -> int:
    """Parse the arguments, detach, supervise."""
    parser = argparse.ArgumentParser(prog="python -m gladius.supervise")
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--attempt", type=int, required=True)
    parser.add_argument("--adopt", action="store_true", help="take over an attempt instead of starting it")
    options = parser.parse_args()
    home = Home(options.home)
    home.create()
    read_end, write_end = os.pipe()
    if os.fork():
        os.close(write_end)
        with os.fdopen(read_end) as answer:
            said = answer.read()
        if said != "ok":
            print(said or "the supervisor died while it started", file=sys.stderr)  # noqa: T201
        return 0 if said == "ok" else 1
    os.close(read_end)
    os.setsid()
    log = home.supervisor_logs / f"{options.run_dir.name}.log"
    _redirect(log)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for number in (signal.SIGHUP, signal.SIGINT):
        # A handler that does nothing, since an ignored signal would be ignored by the trainer, too: exec keeps that.
        signal.signal(number, lambda *_: None)
    return _supervise(RunDir(options.run_dir.resolve()), home, options.attempt, options.adopt, write_end)


def _supervise(directory: RunDir, home: Home, attempt: int, adopt: bool, answer: int) -> int:
    from gladius.supervise.supervisor import Supervisor

    lock = FileLock(directory.supervisor_lock)
    try:
        lock.acquire()
        _settle(directory, home, attempt)
        supervisor = Supervisor(directory, home, attempt)
        if adopt:
            supervisor.adopt()
        elif supervisor.has_started:
            raise RunBusy(f"Attempt {attempt} was started already.", "Look at it: 'gladius show' tells.")
        else:
            supervisor.start()
    except Exception as error:  # noqa: BLE001
        _log.exception("not supervised")
        os.write(answer, str(error).encode())
        return 1
    os.write(answer, b"ok")
    os.close(answer)
    supervisor.watch()
    while (following := supervisor.following_attempt()) is not None:
        supervisor = Supervisor(directory, home, following)
        supervisor.start(reason="the loss policy goes on from the last good checkpoint")
        supervisor.watch()
    return 0


def _settle(directory: RunDir, home: Home, attempt: int) -> None:
    """What is owed to the past must not keep a training from starting."""
    from gladius.supervise.closing import close_earlier_attempts

    try:
        close_earlier_attempts(directory, home, attempt)
    except Exception:  # noqa: BLE001
        _log.exception("the record of an earlier attempt could not be completed")


def _redirect(log: Path) -> None:
    """Detach from the caller's terminal; whatever is said from here on goes to the supervisor's log."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(nothing)
    os.close(descriptor)


if __name__ == "__main__":
    raise SystemExit(main())
