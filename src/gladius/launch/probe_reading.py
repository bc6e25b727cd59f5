"""What a probe's files tell: its steps, their time, its memory, its end. Upstream: the probe's run directory. Downstream: probe."""

from __future__ import annotations

import itertools
import math
from statistics import median
from typing import Any

from gladius.pulse.events import EventReader
from gladius.pulse.failures import CUDA_OUT_OF_MEMORY, OUT_OF_MEMORY
from gladius.pulse.probe import PEAK, SECONDS, STEPS
from gladius.pulse.rundir import RunDir
from gladius.supervise.observe import number
from gladius.supervise.probe import LATE
from gladius.wire.probe import ProbeGpu
from pulse_wrapper import read_training_status

_READ_EVERY_S = 0.4
"""Output is read five times a second: what is nearer together than two looks was not measured."""


class ProbeReading:
    """`refresh` reads what is new; everything else answers from memory. Bytes and seconds; None is not known."""

    def __init__(self, run: RunDir) -> None:
        self.total_steps: int | None = None
        self.peak: int | None = None
        self.gpu_peaks: dict[int, int | None] = {}
        self.late = False
        self.error: str | None = None
        self.exited: dict[str, Any] | None = None
        self._run = run
        self._trainer = EventReader(run.events)
        self._supervisor = EventReader(run.supervisor_events)
        self._began: float | None = None
        self._first: float | None = None
        self._told = 0
        self._seconds: list[float] = []
        self._read: dict[int, float] = {}
        self._no_memory = False

    def refresh(self) -> None:
        """Read what trainer and supervisor wrote since the last call."""
        for event in self._supervisor:
            self._take_supervisor(event)
        for event in self._trainer:
            self._take_trainer(event)

    @property
    def steps(self) -> int:
        """Steps that have ended: as the trainer told, else those that its output names."""
        return self._told or (max(self._read) - min(self._read) + 1 if self._read else 0)

    @property
    def running(self) -> bool:
        """Whether a first step has ended."""
        return self.steps > 0

    @property
    def message(self) -> str:
        """What the trainer says that it does."""
        return str((read_training_status(self._run.status) or {}).get("message") or "")

    @property
    def step_seconds(self) -> float | None:
        """The median of the steps after the first."""
        if self._told:
            return median(self._seconds) if self._seconds else None
        marks = sorted(self._read.items())
        gaps = [(after - before, to - of) for (of, before), (to, after) in itertools.pairwise(marks)]
        known = [gap / steps for gap, steps in gaps if gap >= _READ_EVERY_S]
        return median(known) if known and len(known) == len(gaps) else None

    @property
    def first_step_seconds(self) -> float | None:
        """From the start of the process to the end of its first step."""
        first = self._first if self._told else self._read.get(min(self._read)) if self._names_its_first else None
        return None if first is None or self._began is None else max(0.0, first - self._began)

    @property
    def duration(self) -> float | None:
        """What all the steps of the run would take."""
        first, each, total = self.first_step_seconds, self.step_seconds, self.total_steps
        if first is None or not total:
            return None
        return first if total == 1 else None if each is None else first + (total - 1) * each

    @property
    def out_of_memory(self) -> bool:
        """Whether memory ran out, by the kernel's or the trainer's own word."""
        return self._no_memory or (self.exited or {}).get("verdict") == "out_of_memory"

    def fits(self, free: int | None, gpus: dict[int, ProbeGpu]) -> bool | None:
        """Whether the peaks were within what was free before; None where one of both is not known."""
        if self.out_of_memory:
            return False
        pairs = [(self.peak, free)]
        pairs += [(peak, gpus[index].free) for index, peak in self.gpu_peaks.items() if index in gpus]
        known = [(peak, free) for peak, free in pairs if peak is not None and free is not None]
        if any(peak > free for peak, free in known):
            return False
        return True if len(known) == len(pairs) else None

    @property
    def _names_its_first(self) -> bool:
        return bool(self._read) and min(self._read) <= 1

    def _take_supervisor(self, event: dict[str, Any]) -> None:
        if event["type"] == "process" and event.get("event") == "started":
            self._began = number(event.get("time"))
        elif event["type"] == "process":
            self.exited = event
        elif event["type"] == "system":
            self._take_memory(event)
        elif event["type"] == "alert":
            self.late = self.late or event.get("code") == LATE
        elif event["type"] == "metrics":
            step, at = number(event.get("step")), number(event.get("time"))
            if step is not None and at is not None:
                self._read.setdefault(int(step), at)

    def _take_memory(self, event: dict[str, Any]) -> None:
        group, gpus = event.get("group"), event.get("gpus")
        self._rise(group.get("rss") if isinstance(group, dict) else None)
        for gpu in gpus if isinstance(gpus, list) else ():
            held, index = gpu.get("memory_run"), int(gpu["index"])
            if held is None:
                self.gpu_peaks.setdefault(index, None)
            elif held or index in self.gpu_peaks:
                self.gpu_peaks[index] = max(int(held), self.gpu_peaks.get(index) or 0)

    def _take_trainer(self, event: dict[str, Any]) -> None:
        if event["type"] == "hello":
            total = number(event.get("total_steps"))
            self.total_steps = int(total) if total else self.total_steps or _by_epochs(event)
        elif event["type"] == "state" and isinstance(event.get("error"), dict):
            self.error = str(event["error"].get("message") or "") or None
            self._no_memory = event["error"].get("code") in (OUT_OF_MEMORY, CUDA_OUT_OF_MEMORY)
        elif event["type"] == "metrics" and isinstance(event.get("values"), dict) and STEPS in event["values"]:
            self._take_step(event)

    def _take_step(self, event: dict[str, Any]) -> None:
        values = event["values"]
        self._told = int(values[STEPS])
        self._first = number(event.get("time")) if self._first is None else self._first
        seconds = number(values.get(SECONDS))
        if seconds is not None:
            self._seconds.append(seconds)
        self._rise(values.get(PEAK))

    def _rise(self, value: Any) -> None:
        seen = number(value)
        if seen:
            self.peak = max(int(seen), self.peak or 0)


def _by_epochs(hello: dict[str, Any]) -> int | None:
    each, epochs = number(hello.get("steps_per_epoch")), number(hello.get("total_epochs"))
    return math.ceil(each * epochs) if each and epochs else None
