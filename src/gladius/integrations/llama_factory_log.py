"""Make a run of a LLaMA-Factory folder whose training was started elsewhere. Upstream: trainer_log.jsonl. Downstream: a run directory.

Numbers are passed on as they stand there. What the log does not have is left out: no model, no settings, no checkpoints,
no gradient norm. It counts seconds since the training began, so the moment of its last line is taken for the file's own
time, and all others follow from that. A training that was resumed goes on in the same log: each part is an attempt, an
earlier one put right before the next.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional

from gladius.errors import ConfigError
from gladius.pulse.events import EventWriter
from gladius.pulse.identity import Identity
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import Home, RunDir
from pulse_wrapper import write_training_status

LOG = "trainer_log.jsonl"
_LOOK_S = 0.5
_NAMES = {
    "loss": "train/loss", "lr": "train/learning_rate", "eval_loss": "eval/loss", "predict_loss": "predict/loss",
    "reward": "train/reward", "accuracy": "train/rewards/accuracies", "throughput": "train/mean_tokens_per_second",
    "total_tokens": "train/tokens_seen", "vram_allocated": "train/vram_allocated", "vram_reserved": "train/vram_reserved",
}  # fmt: skip
"""LLaMA-Factory's words, and the names under which its own trainings record the same."""


class Entry(NamedTuple):
    """One line of the log; `elapsed` counts whole seconds since its training, or the resumed part of it, began."""

    step: int
    total_steps: Optional[int]
    epoch: Optional[float]
    elapsed: float
    values: Dict[str, float]

    @property
    def is_summary(self) -> bool:
        """Whether it is the line that LLaMA-Factory writes when a training has ended: a place without a number."""
        return self.epoch is not None and not self.values


class LogFile:
    """Reads whole lines that are new; one that is none of the log's is counted and passed over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.passed_over = 0
        self._offset = 0

    def read_new(self) -> List[Entry]:
        """Return the entries since the last call; a half-written line waits for its end. Raises OSError."""
        with self.path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self._offset:
                self._offset = 0  # another training has begun in this folder, and its log with it
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        entries = [_entry(line) for line in whole.splitlines() if line.strip()]
        self.passed_over += entries.count(None)
        return [entry for entry in entries if entry is not None]


class Watched:
    """The run of one folder. It can be looked at, and told nothing."""

    def __init__(self, home: Home, folder: Path, name: Optional[str] = None) -> None:
        """Make the run. Raises ConfigError for a folder without a log."""
        self._log = LogFile(folder.absolute() / LOG)
        if not self._log.path.is_file():
            hint = "Give the output_dir of a LLaMA-Factory training; it writes the log with its first step."
            raise ConfigError(f"There is no {LOG} in {folder}.", hint)
        facts = {"source": "cli", "engine": "llama_factory", "watched": str(folder.absolute())}
        self.run: RunDir = home.new_run(name or folder.absolute().name, facts)
        self._lock = FileLock(self.run.trainer_lock)
        self._lock.acquire()
        self._now = time.time()
        self._began: Optional[float] = None
        self._last: Optional[Entry] = None
        self._loss = 0.0
        self._attempt = 0
        self._events: Optional[EventWriter] = None

    def follow(self, once: bool = False, wait: Callable[[float], None] = time.sleep) -> bool:
        """Pass on what the log says until it says that the training has ended; `once`: what it says by now.

        Returns whether the training has ended. Whoever leaves before leaves the run without an end, which is then unknown.
        """
        try:
            while True:
                self._take(self._log.read_new())
                ended = self._last is not None and self._last.is_summary
                if ended:
                    self._end()
                if ended or once:
                    return ended
                wait(_LOOK_S)
        finally:
            if self._events is not None:
                self._events.close()
            self._lock.release()

    @property
    def passed_over(self) -> int:
        """Lines that were none of the log's."""
        return self._log.passed_over

    def _take(self, entries: List[Entry]) -> None:
        parts = _parts(self._last, entries)
        begins = self._begins(parts, self._log.path.stat().st_mtime)
        for place, (part, began) in enumerate(zip(parts, begins)):  # noqa: B905 (Python 3.9)
            for entry in part:
                self._now = min(began + entry.elapsed, time.time())
                if self._events is None or (place and entry is part[0]):
                    self._events = self._begin_attempt(entry)
                self._tell(self._events, entry)
            self._began = began

    def _begins(self, parts: List[List[Entry]], written: float) -> List[float]:
        """When each part's training began: the last by the file's own time, one before it right before the next."""
        begins: List[float] = []
        end = written
        for place in range(len(parts) - 1, -1, -1):
            known = self._began if place == 0 else None
            begins.insert(0, known if known is not None else end - (parts[place][-1].elapsed if parts[place] else 0.0))
            end = begins[0]
        return begins

    def _begin_attempt(self, entry: Entry) -> EventWriter:
        """The first one, or one that goes on after a resume: its first step supersedes what was trained beyond it before."""
        if self._events is not None:
            self._events.close()
        self._attempt += 1
        self.run.write_attempt(self._attempt, {"env": [], "launcher": None, "config": {}, "checkpoint": None})
        events = EventWriter(self.run.events, self._attempt, clock=lambda: self._now)
        me = Identity.current()
        facts = {"run_id": self.run.run_id, "pid": me.pid, "host": me.host, "capabilities": [], "adjustable": {}}
        plan = {"total_steps": entry.total_steps, "total_epochs": _total_epochs(entry)}
        events.write("state", {"state": "preparing"}, durable=True)
        events.write("hello", {**facts, **{key: value for key, value in plan.items() if value}}, durable=True)
        events.write("state", {"state": "running"}, durable=True)
        return events

    def _tell(self, events: EventWriter, entry: Entry) -> None:
        self._last = entry
        if entry.values:
            events.metrics(entry.values, entry.step, entry.epoch, None)
            loss = entry.values.get("train/loss", self._loss)
            self._loss = loss if loss - loss == 0.0 else self._loss  # v1 holds finite numbers only
        self._write_status("running", f"step {entry.step}/{entry.total_steps}" if entry.total_steps else "")

    def _end(self) -> None:
        assert self._events is not None
        self._events.write("state", {"state": "done"}, durable=True)
        self._write_status("done", "Training completed, as its log says")

    def _write_status(self, status: str, message: str) -> None:
        assert self._last is not None
        total = _total_epochs(self._last) or 0.0
        epoch = self._last.epoch or 0.0
        fields = (status, min(epoch, total) if total else epoch, total, self._loss, message)
        write_training_status(self.run.status, *fields, timestamp=int(self._now))


def _entry(line: bytes) -> Optional[Entry]:
    """Read one line; None for what the log never holds."""
    try:
        told = json.loads(line)
        step, total = told["current_steps"], told.get("total_steps")
        elapsed = _seconds(str(told.get("elapsed_time", "0:00:00")))
        epoch = told.get("epoch")
        values = {name: float(told[word]) for word, name in _NAMES.items() if told.get(word) is not None}
        return Entry(int(step), int(total) if total else None, None if epoch is None else float(epoch), elapsed, values)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _seconds(text: str) -> float:
    """`0:02:05` and `1 day, 2:03:04`, as Python writes a timedelta."""
    days, _, clock = text.rpartition(", ")
    hours, minutes, seconds = (float(part) for part in clock.split(":"))
    return (int(days.split(" ")[0]) if days else 0) * 86_400 + hours * 3600 + minutes * 60 + seconds


def _parts(last: Optional[Entry], entries: List[Entry]) -> List[List[Entry]]:
    """What goes on behind `last`, then one list for each time that the log's clock, or its steps, went back."""
    parts: List[List[Entry]] = [[]]
    for entry in entries:
        if last is not None and (entry.elapsed < last.elapsed or entry.step < last.step or last.is_summary):
            parts.append([])
        parts[-1].append(entry)
        last = entry
    return parts


def _total_epochs(entry: Entry) -> Optional[float]:
    """Epochs planned: the steps planned, times the epochs that one step is."""
    if not entry.epoch or not entry.total_steps or entry.step < 1:
        return None
    return round(entry.epoch * entry.total_steps / entry.step, 4)
