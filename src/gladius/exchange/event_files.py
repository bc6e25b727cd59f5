"""A run's numbers as TensorBoard's event files, kept up to date. Upstream: both streams. Downstream: TensorBoard.

They stand beside what the trainer itself wrote for TensorBoard and are no part of the run's record: whoever deletes
them loses nothing. Only the package `tensorboard` writes them, and only its process imports it.
"""

from __future__ import annotations

import contextlib
import math
import shutil
from pathlib import Path
from typing import Any

from gladius.pulse.events import EventReader
from gladius.pulse.rundir import RunDir
from gladius.store.series import number
from gladius.store.stream import decode_event
from gladius.store.tolerance import finite, whole
from pulse_wrapper import atomic_write_json, safe_read_json

FOLDER = "gladius"
_STATE = ".gladius.json"
_FORMAT = 1
_BLOCK = 1 << 18
_QUEUE = 1000


class EventFiles:
    """The writer of one run's event files; it goes on where the last one ended."""

    def __init__(self, directory: RunDir) -> None:
        self.directory = directory
        self.folder = directory.tensorboard / FOLDER
        self._writer: Any = None
        self._begin()

    def catch_up(self) -> bool:
        """Write what the run logged since the last call; return whether there may be more at once."""
        before = self._offsets()
        wrote = self._take(self._trainer, parsed=False)
        wrote += self._take(self._supervisor, parsed=True)
        if self._trainer.lines.restarted or self._supervisor.lines.restarted:
            # A stream was replaced under us: what was made of the old one is not true any more.
            self._start_anew()
            return True
        if wrote and self._writer is not None:
            self._writer.flush()
        if self._offsets() != before:
            self._save()
        return self._offsets() != before

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _begin(self) -> None:
        state = safe_read_json(self.folder / _STATE) or {}
        if state.get("format") != _FORMAT or not self._fits(state):
            state = {}
            shutil.rmtree(self.folder, ignore_errors=True)
        self._trainer = EventReader(self.directory.events, state.get("events", 0), decode_event)
        self._supervisor = EventReader(self.directory.supervisor_events, state.get("supervisor", 0), decode_event)
        self._instrumented: set[int] = set(state.get("instrumented", ()))
        self._parsed: set[int] = set(state.get("parsed", ()))
        self._attempt = int(state.get("attempt", 0))
        self._row = int(state.get("row", 0))
        # Whoever wrote the last file may have been killed between it and its state: its last rows come again.
        self._restarted = bool(state)

    def _fits(self, state: dict[str, Any]) -> bool:
        """Whether the streams still begin with what was written of them."""
        with contextlib.suppress(OSError, TypeError):
            events, supervisor = self.directory.events, self.directory.supervisor_events
            trainer_fits = not state["events"] or events.stat().st_size >= state["events"]
            return trainer_fits and (not state["supervisor"] or supervisor.stat().st_size >= state["supervisor"])
        return False

    def _start_anew(self) -> None:
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._begin()

    def _offsets(self) -> tuple[int, int]:
        return self._trainer.lines.offset, self._supervisor.lines.offset

    def _save(self) -> None:
        events, supervisor = self._offsets()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic_write_json(self.folder / _STATE, {
            "format": _FORMAT, "events": events, "supervisor": supervisor, "attempt": self._attempt, "row": self._row,
            "instrumented": sorted(self._instrumented), "parsed": sorted(self._parsed),
        })  # fmt: skip

    def _take(self, reader: EventReader, parsed: bool) -> int:
        count = 0
        for event in reader.read_new(_BLOCK):
            if event["type"] == "hello" and not parsed:
                self._take_hello(event)
            elif event["type"] == "metrics" and not (parsed and event["attempt"] in self._instrumented):
                if parsed:
                    self._parsed.add(event["attempt"])
                count += self._take_metrics(event)
        return count

    def _take_hello(self, event: dict[str, Any]) -> None:
        attempt = event["attempt"]
        self._instrumented.add(attempt)
        if attempt in self._parsed:
            # The trainer speaks for itself after all: what was parsed from its output does not count.
            self._parsed.discard(attempt)
            self._restart(0)
        resumed = event.get("resumed_from")
        step = whole(resumed.get("step")) if isinstance(resumed, dict) else None
        if step is not None:
            self._attempt = attempt
            self._restart(step + 1)

    def _take_metrics(self, event: dict[str, Any]) -> int:
        values = event.get("values")
        if not isinstance(values, dict):
            return 0
        found = {name: value for name, raw in values.items() if (value := number(raw)) is not None}
        step, time = whole(event.get("step")), finite(event["time"])
        place = self._row if step is None else step
        if not found or time is None:
            return 0
        if event["attempt"] > self._attempt or self._restarted:
            self._restart(place) if self._attempt or self._restarted else None
            self._attempt = max(self._attempt, event["attempt"])
            self._restarted = False
        self._row += 1
        self._put(time, place, found)
        return 1

    def _restart(self, step: int) -> None:
        """TensorBoard's own way to say that what it has from this step on is superseded."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        log = SessionLog(status=SessionLog.START)
        self._open().add_event(Event(wall_time=0.0, step=step, session_log=log))

    def _put(self, time: float, step: int, values: dict[str, float]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        event = Event(wall_time=time, step=step)
        for name, value in values.items():
            event.summary.value.add(tag=name, simple_value=_as_float32(value))
        self._open().add_event(event)

    def _open(self) -> Any:
        if self._writer is None:
            from tensorboard.summary.writer.event_file_writer import EventFileWriter

            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._writer = EventFileWriter(str(self.folder), max_queue_size=_QUEUE)
        return self._writer


def link_own_files(directory: RunDir, folders: list[Path]) -> None:
    """Show what the trainer wrote for TensorBoard elsewhere: a link to each such folder, once there is one."""
    for folder in folders:
        inside = folder == directory.tensorboard or directory.tensorboard in folder.parents
        if inside or not _holds_event_files(folder):
            continue
        link = directory.tensorboard / f"trainer-{folder.parent.name}-{folder.name}"
        directory.tensorboard.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(folder, target_is_directory=True)


def own_folders(config: dict[str, Any], cwd: Path) -> list[Path]:
    """Where a trainer with this configuration writes its own event files, as far as its settings tell."""
    found: list[Path] = []
    for key, value in config.items():
        if isinstance(value, dict):
            found += own_folders(value, cwd)
        elif isinstance(value, str) and value and key in ("logging_dir", "tensorboard_dir", "output_dir"):
            folder = Path(cwd, value).expanduser()
            # A Trainer of Hugging Face that was given no folder for it takes this one.
            found.append(folder / "runs" if key == "output_dir" else folder)
    return found


def _holds_event_files(folder: Path) -> bool:
    """Whether there is one here or two folders down; no walk over a whole disk for a folder that was meant otherwise."""
    try:
        return any(next(folder.glob(f"{down}*tfevents*"), None) for down in ("", "*/", "*/*/"))
    except OSError:
        return False


def _as_float32(value: float) -> float:
    """What the format holds is single precision; what is greater than that is infinite there."""
    if math.isfinite(value) and abs(value) > 3.4028234e38:
        return math.copysign(math.inf, value)
    return value
