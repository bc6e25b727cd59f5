"""The process of one TensorBoard: its server, and the event files that it shows. Upstream: boards. Downstream: the proxy.

    python -m gladius.exchange.board < {"run": ..., "prefix": ..., "title": ..., "folders": [...]}

Its settings come as one line on stdin, since a command line is everybody's to read and the prefix holds a key. It tells
its port as one line on stdout, and ends when stdin does: also when the server was killed and could end nobody.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from gladius.errors import LockHeld
from gladius.exchange.event_files import EventFiles, link_own_files
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import RunDir

_log = logging.getLogger("gladius.exchange")

_FOLLOW_S = 1.0
_LOCK_PATIENCE_S = 30.0
_SHOWN_POINTS = 5000
"""Of each curve, evenly drawn: TensorBoard's page draws more only slowly."""


def main() -> int:
    """Serve until stdin ends."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    settings = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    directory = RunDir(settings["run"])
    directory.tensorboard.mkdir(mode=0o700, parents=True, exist_ok=True)
    port = _serve(directory, settings)
    print(json.dumps({"port": port}), flush=True)  # noqa: T201
    _follow(directory, [Path(folder) for folder in settings["folders"]])
    return 0


def _serve(directory: RunDir, settings: dict[str, Any]) -> int:
    from tensorboard import program

    board = program.TensorBoard()
    board.configure(argv=[
        "tensorboard", "--logdir", str(directory.tensorboard), "--host", "127.0.0.1", "--port", "0",
        "--path_prefix", settings["prefix"], "--window_title", settings["title"], "--reload_interval", "2",
        "--reload_multifile", "true", "--samples_per_plugin", f"scalars={_SHOWN_POINTS}",
    ])  # fmt: skip
    url: str = board.launch()
    return int(url.split(":")[2].partition("/")[0])


def _follow(directory: RunDir, folders: list[Path]) -> None:
    """Write event files for as long as this process lives."""
    lock = FileLock(directory.tensorboard / ".gladius.lock")
    try:
        # A predecessor whose server was killed needs a moment to end.
        lock.acquire(patience=_LOCK_PATIENCE_S)
    except LockHeld as error:
        _log.warning("the event files are left to another process: %s", error)
        threading.Event().wait()
    files: EventFiles | None = None
    while True:
        more = False
        try:
            files = files or EventFiles(directory)
            more = files.catch_up()
            link_own_files(directory, folders)
        except OSError as error:
            # A full disk is no reason to take away what is shown already.
            _log.warning("event files: %s", error)
            with contextlib.suppress(OSError):
                files.close() if files else None
            files = None
        if not more:
            time.sleep(_FOLLOW_S)


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
