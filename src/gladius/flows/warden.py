"""Beside one program of a COMMAND step: starts it, ends it in time, keeps its exit code. Upstream: steps.command. Downstream: papers.

`python -m gladius.flows.warden FOLDER NAME`. It is in a session of its own, so
that a server's death touches neither it nor the program, and it runs a try once: whoever comes second finds `begun` there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gladius.pulse.identity import Identity
from gladius.pulse.signals import exit_code, leaves_unreaped
from pulse_wrapper import atomic_write_json, safe_read_json

_LOOK_S = 0.1
_GRACE_S = 5.0


class Papers:
    """The files of one try in the folder of its flow's run."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.order = folder / f"{name}.order.json"
        self.begun = folder / f"{name}.begun.json"
        self.child = folder / f"{name}.child.json"
        self.ended = folder / f"{name}.ended.json"
        self.output = folder / f"{name}.log"


class _Stop:
    """Whether somebody asked for the end."""

    asked = False

    @classmethod
    def ask(cls, *_: Any) -> None:
        cls.asked = True


def main(arguments: list[str]) -> int:
    """Run one try; 0 also when another warden has it."""
    papers = Papers(Path(arguments[0]), arguments[1])
    signal.signal(signal.SIGTERM, _Stop.ask)
    order = safe_read_json(papers.order) or {}
    if not _first(papers):
        return 0
    atomic_write_json(papers.ended, _run(papers, order))
    return 0


def _first(papers: Papers) -> bool:
    """Sign that this try is ours; False when another warden has. The paper appears whole or not at all."""
    mine = papers.begun.with_name(f".{papers.begun.name}-{os.getpid()}")
    atomic_write_json(mine, Identity.current().as_dict())
    try:
        os.link(mine, papers.begun)
    except FileExistsError:
        return False
    finally:
        mine.unlink()
    return True


def _run(papers: Papers, order: dict[str, Any]) -> dict[str, Any]:
    try:
        child = subprocess.Popen(order["argv"], cwd=papers.folder, stdin=subprocess.DEVNULL, start_new_session=True)
    except (OSError, ValueError) as error:
        return {"code": None, "problem": getattr(error, "strerror", None) or str(error)}
    atomic_write_json(papers.child, Identity.of(child.pid).as_dict())
    timeout = order.get("timeout_s")
    deadline = None if timeout is None else time.monotonic() + timeout
    timed_out = False
    while child.poll() is None and not _Stop.asked and not timed_out:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_LOOK_S if deadline is None else max(0.01, min(_LOOK_S, deadline - time.monotonic())))
        timed_out = deadline is not None and time.monotonic() >= deadline and child.poll() is None
    stopped = child.poll() is None
    if stopped:
        _end(child)
    code = child.returncode
    return {
        "code": code if code >= 0 else None, "signal": _signal_name(-code) if code < 0 else None,
        "timed_out": timed_out, "stopped": stopped and not timed_out, "time": time.time(),
    }  # fmt: skip


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the program with its whole group: asked first, then made, the group too where the program alone obeyed."""
    _signal(child, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    while not _is_over(child) and time.monotonic() < deadline:
        time.sleep(_LOOK_S / 2)
    _signal(child, signal.SIGKILL)
    child.wait()


def _is_over(child: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended; not reaped yet, where that can be, so that its group's number is still its own."""
    return exit_code(child.pid, wait=False) is not None if leaves_unreaped() else child.poll() is not None


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
