"""A run's metrics as they were written, row by row, whatever their number. Upstream: both streams. Downstream: table, columns.

The rules are those of the store: numbers that the supervisor parsed count only where the trainer said no hello, and
points that a later attempt trained again are superseded. Here they are kept, and told apart.
"""

from __future__ import annotations

import heapq
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gladius.pulse.plain_file import open_plain
from gladius.pulse.rundir import RunDir

_BLOCK = 1 << 20
_LONGEST_LINE = 64 << 20
_SPELLED = frozenset({"NaN", "Infinity", "-Infinity"})

Value = float | int | str
"""A number as written; the three that JSON cannot say are spelled."""


class Row(NamedTuple):
    """The numbers of one `metrics` event. `superseded_by` is the attempt that trained this step again."""

    step: int | None
    epoch: float | None
    time: float
    attempt: int
    superseded_by: int | None
    values: dict[str, Value]


class _Event(msgspec.Struct):
    seq: int
    type: str
    time: float
    attempt: int
    step: Any = None
    epoch: Any = None
    values: Any = None
    resumed_from: Any = None


@dataclass
class Survey:
    """What must be known before the first row can be told: taken once, over the files as long as they are then."""

    directory: RunDir
    ends: dict[Path, int]
    names: list[str] = field(default_factory=list)
    instrumented: set[int] = field(default_factory=set)
    rewinds: list[tuple[int, int]] = field(default_factory=list)
    """(attempt, the last step that it took over from earlier ones), by attempt."""
    rows: int = 0

    def superseded_by(self, attempt: int, step: int | None) -> int | None:
        """The first later attempt that went back before this step."""
        if step is None:
            return None
        return next((later for later, after in self.rewinds if later > attempt and step > after), None)


def survey(directory: RunDir) -> Survey:
    """Look once over a run's streams; what is appended afterwards stays out of the export."""
    ends = {path: size_of(path) for path in (directory.events, directory.supervisor_events, directory.console_log)}
    found = Survey(directory, ends)
    rewinds: dict[int, int] = {}
    names: set[str] = set()
    parsed: dict[int, set[str]] = {}
    parsed_rows: dict[int, int] = {}
    for event in _events(directory.events, ends):
        if event.type == "hello":
            found.instrumented.add(event.attempt)
            step = event.resumed_from.get("step") if isinstance(event.resumed_from, dict) else None
            if isinstance(step, int) and _is_whole(step):
                rewinds[event.attempt] = min(step, rewinds.get(event.attempt, step))
        elif isinstance(event.values, dict):
            found.rows += 1
            names.update(name for name, value in event.values.items() if _is_number(value))
            _first_step(rewinds, event)
    for event in _events(directory.supervisor_events, ends):
        if event.attempt not in found.instrumented and isinstance(event.values, dict):
            parsed.setdefault(event.attempt, set()).update(key for key, one in event.values.items() if _is_number(one))
            parsed_rows[event.attempt] = parsed_rows.get(event.attempt, 0) + 1
            _first_step(rewinds, event)
    found.names = sorted(names.union(*parsed.values()))
    found.rows += sum(parsed_rows.values())
    found.rewinds = sorted(rewinds.items())
    return found


def rows(found: Survey) -> Iterator[Row]:
    """Yield every row in the order of time; only a block of each file is in memory."""
    directory, ends = found.directory, found.ends
    trainer = (event for event in _events(directory.events, ends) if event.type == "metrics")
    supervisor = (
        event
        for event in _events(directory.supervisor_events, ends)
        if event.type == "metrics" and event.attempt not in found.instrumented
    )
    for event in heapq.merge(trainer, supervisor, key=lambda event: event.time):
        if not isinstance(event.values, dict):
            continue
        values = {name: value for name, value in event.values.items() if _is_number(value)}
        step = event.step if _is_whole(event.step) else None
        epoch = event.epoch if isinstance(event.epoch, float | int) and not isinstance(event.epoch, bool) else None
        by = found.superseded_by(event.attempt, step)
        yield Row(step, epoch, event.time, event.attempt, by, values)


def blocks(path: Path, end: int, size: int = _BLOCK) -> Iterator[bytes]:
    """Yield the first `end` bytes of a file; nothing where there is no plain file."""
    try:
        file = open_plain(path)
    except OSError:
        return
    with file:
        while end > 0 and (block := file.read(min(size, end))):
            end -= len(block)
            yield block


def _first_step(rewinds: dict[int, int], event: _Event) -> None:
    """An attempt that did not say where it went on from took over what lies before its first step."""
    if event.attempt > 1 and event.attempt not in rewinds:
        rewinds[event.attempt] = (event.step if _is_whole(event.step) else 0) - 1


def _events(path: Path, ends: dict[Path, int]) -> Iterator[_Event]:
    """Yield the `metrics` and `hello` events of a stream; seqs only rise."""
    decode = msgspec.json.Decoder(_Event).decode
    last = -1
    for line in _lines(path, ends[path]):
        if b'"metrics"' not in line and b'"hello"' not in line:
            continue
        try:
            event = decode(line)
        except (ValueError, RecursionError):
            continue
        if event.type in ("metrics", "hello") and event.seq > last and event.attempt >= 1:
            last = event.seq
            yield event


def _lines(path: Path, end: int) -> Iterator[bytes]:
    """Yield whole lines; a last one without its newline is not whole yet."""
    rest = b""
    for block in blocks(path, end):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
        if len(rest) > _LONGEST_LINE:
            # No event is that long: what it belongs to is damaged, and must not fill the memory.
            rest = b""


def size_of(path: Path) -> int:
    """Bytes of a file now; 0 where there is none."""
    try:
        found = path.lstat()
        return found.st_size if stat.S_ISREG(found.st_mode) else 0
    except OSError:
        return 0


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value in _SPELLED
    return isinstance(value, float | int) and not isinstance(value, bool)
