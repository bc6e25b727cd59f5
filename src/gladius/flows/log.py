"""The log of one run of a flow: one JSON object a line, on the disk before what it tells is done. Upstream: runner. Downstream: record."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gladius.pulse.files import append_line

Event = dict[str, Any]


class FlowLog:
    """Appended by the server alone, which holds the home's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, type_: str, **fields: Any) -> Event:
        """Write one event and have it on the disk when this returns. Raises OSError; then it is not there."""
        event = {"type": type_, "time": round(time.time(), 3), **fields}
        line = json.dumps(event, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
        append_line(self.path, line)
        return event

    def read(self) -> Iterator[Event]:
        """Every event, oldest first; what is no whole event is left out."""
        return (event for _, event in self.lines() if event is not None)

    def lines(self) -> Iterator[tuple[int, Event | None]]:
        """The number and the event of every line, None for one that is no event. A torn last line is none yet."""
        *whole, last = self.path.read_bytes().split(b"\n")
        for number, line in enumerate(whole, start=1):
            if line.strip():
                yield number, _event(line)
        if (event := _event(last)) is not None:
            yield len(whole) + 1, event

    def unfinished(self) -> bool:
        """Whether there is something left to do, by the last event; read from the end alone."""
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 65_536))
            lines = file.read().split(b"\n")
        events = [event for event in map(_event, lines) if event is not None]
        return bool(events) and events[-1]["type"] != "ended"


def _event(line: bytes) -> Event | None:
    try:
        event = json.loads(line) if line.strip() else None
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("type"), str) else None
