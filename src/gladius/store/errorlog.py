"""One text with all that is known of a failure, to be sent to somebody who was not there. Upstream: view. Downstream: server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gladius import __version__
from gladius.pulse.plain_file import read_bytes
from gladius.store.logs import read_range
from gladius.store.record import config, config_file
from gladius.store.view import RunView

LINES = 200
_LONGEST_LINE = 4000


def error_log(view: RunView) -> str:
    """The error, its traceback, the end of the log, what it ran on, and the configuration."""
    return "\n".join(_parts(view)) + "\n"


def _parts(view: RunView) -> Iterator[str]:
    facts = view.current
    error, exited = facts.error or {}, facts.exited or {}
    yield f"# {view.run.get('name') or view.run_id}: error log"
    yield from _facts({
        "run": view.run_id, "attempt": view.attempt, "state": view.state, "code": error.get("code"),
        "error": error.get("message") or exited.get("evidence"),
        "step": facts.pace.step if facts.pace.step >= 0 else None,
        "exit code": exited.get("code"), "signal": exited.get("signal"),
        "ended (UTC)": _utc(facts.finished_at), "written (UTC)": _utc(time.time()),
    })  # fmt: skip
    if error.get("traceback"):
        yield from ("", "## Traceback", "", str(error["traceback"]).rstrip())
    yield from (
        "",
        f"## The last {LINES} lines of {view.directory.console_log}",
        "",
        *_tail(view.directory.console_log),
    )
    yield from ("", "## What it ran on", "")
    yield from _facts(_environment(view))
    yield from ("", "## Configuration", "", _configuration(view))


def _facts(facts: dict[str, Any]) -> Iterator[str]:
    width = max(map(len, facts))
    for name, value in facts.items():
        yield f"{name:<{width}}  {'—' if value is None or value == '' else value}"


def _environment(view: RunView) -> dict[str, Any]:
    launched = view.directory.read_attempt(view.attempt)
    argv = launched.get("argv")
    return {
        "gladius": __version__,
        "engine": view.run.get("engine"),
        "profile": view.run.get("profile"),
        "dataset": view.run.get("dataset"),
        "host": view.current.host,
        "processes": view.hello.get("world_size"),
        "command": " ".join(map(str, argv)) if isinstance(argv, list) else None,
        "folder": launched.get("cwd"),
    }


def _tail(path: Path) -> list[str]:
    raw = read_range(path, -LINES * _LONGEST_LINE, LINES * _LONGEST_LINE).data.decode("utf-8", "replace")
    lines = raw.replace("\r\n", "\n").rstrip("\n").split("\n")[-LINES:]
    return [line.rpartition("\r")[2][:_LONGEST_LINE] for line in lines]


def _configuration(view: RunView) -> str:
    """As the attempt's file says it, comments included; what a script gave to `start` as it is."""
    path = config_file(view, view.attempt)
    with contextlib.suppress(OSError):
        return read_bytes(path, view.directory.root).decode("utf-8", "replace").rstrip()
    given = config(view, view.attempt)
    return "\n".join(f"{key}: {value}" for key, value in given.items()) or "—"


def _utc(moment: float | None) -> str | None:
    return None if moment is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment))
