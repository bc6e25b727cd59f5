"""Look in seconds whether a run can start, and say what will go wrong. Upstream: server. Downstream: start, files, NVML.

What is certain is an error, and no run starts with it; what is only likely (an estimate, a hub) is a warning.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psutil

from gladius.catalog.datasets import Datasets
from gladius.catalog.settings import flatten
from gladius.errors import ConfigError, GladiusError
from gladius.launch.footprint import Footprint, footprint
from gladius.launch.model_folder import ModelShape, examine, is_path
from gladius.launch.queue import Queue
from gladius.launch.start import Order, Starter
from gladius.launch.trainer_modules import TrainerModules
from gladius.pulse.rundir import Home
from gladius.supervise.machine import Gpus, find_gpus
from gladius.units import size
from gladius.wire.catalog import StartRequest
from gladius.wire.preflight import CheckAnswer, CheckFinding, CheckName

_LEAST_DISK = 64 << 20
_GB = 1_000_000_000
_CARRIED = ("tiny-moe", "smollm2-135m-instruct")


class Preflight:
    """Reads files and asks interpreters: call it in a thread."""

    def __init__(
        self, home: Home, starter: Starter, datasets: Datasets, queue: Queue, gpus: Gpus | None = None
    ) -> None:
        self._home = home
        self._starter = starter
        self._datasets = datasets
        self._queue = queue
        self._gpus = gpus
        self._modules = TrainerModules()

    def check(self, request: StartRequest) -> CheckAnswer:
        """Look at everything; what cannot be looked at because something before it is wrong is left out."""
        began = time.monotonic()
        findings = list(self._findings(request))
        possible = all(one.level != "error" for one in findings)
        place = self._place(request) if possible else None
        seconds = round(time.monotonic() - began, 3)
        return CheckAnswer(possible=possible, findings=findings, place=place, seconds=seconds)

    def _place(self, request: StartRequest) -> int:
        if request.queue is False:
            return 0
        return self._queue.place_for(self._starter.order(request).profile.resources, request.priority)

    def refuse(self, request: StartRequest) -> list[dict[str, Any]]:
        """The errors alone, as fields of the request; empty when it may start."""
        wrong = [one for one in self._findings(request) if one.level == "error"]
        texts = {one: " ".join(part for part in (one.message, one.hint) if part) for one in wrong}
        return [{"field": one.field or "profile_id", "message": texts[one]} for one in wrong]

    def _findings(self, request: StartRequest) -> Iterator[CheckFinding]:
        try:
            order = self._starter.order(request)
        except GladiusError as error:
            yield _wrong("request", error)
            return
        flat = flatten(order.config)
        shape, said = self._model(order, flat)
        yield from said
        yield from self._dataset(order)
        yield from self._tried("trainer", lambda: self._trainer(order, flat))
        gpu = bool(self._queue.slots.gpus) and order.profile.resources.gpus != 0
        known = footprint(shape, flat, gpu) if shape is not None and order.profile.engine == "transformers" else None
        yield self._disk(order, known)
        yield from self._memory(order, known, gpu)
        yield self._machine(order, request)

    def _tried(self, check: CheckName, look: Callable[[], CheckFinding]) -> Iterator[CheckFinding]:
        try:
            yield look()
        except ConfigError as error:
            yield _wrong(check, error)

    def _model(self, order: Order, flat: Mapping[str, Any]) -> tuple[ModelShape | None, list[CheckFinding]]:
        key = "model.name" if "model.name" in flat else "model_name_or_path"
        name = flat.get(key)
        if not isinstance(name, str) or not name or order.profile.engine not in ("transformers", "llama_factory"):
            return None, []
        if name.lower() in _CARRIED:
            return None, [_fine("model", f"{name} comes with Gladius or its package.")]
        if not is_path(name):
            hint = "Give a model folder on this machine to train without a network."
            return None, [
                _doubt("model", f"{name} will be fetched from the Hugging Face hub.", hint, f"overrides.{key}")
            ]
        try:
            shape = examine(name)
        except ConfigError as error:
            return None, [_wrong("model", error, f"overrides.{key}")]
        if not shape.parameters:
            return shape, [_fine("model", "The model's folder is whole.")]
        return shape, [_fine("model", f"The model's folder is whole: {_count(shape.parameters)} parameters.")]

    def _dataset(self, order: Order) -> Iterator[CheckFinding]:
        if order.dataset is None:
            return
        dataset = self._datasets.get(order.dataset)
        if dataset.builtin:
            yield _fine("dataset", f"{dataset.name} is built on this machine.")
            return
        report = self._datasets.report(order.dataset, wait=False)
        if report.problem:
            yield CheckFinding(check="dataset", level="error", message=report.problem, field="dataset_id")
        elif report.counting:
            yield _doubt(
                "dataset", "Only its first records have been read yet.", "Wait until it is counted.", "dataset_id"
            )
        elif report.total:
            hint = f"'gladius dataset check {order.dataset}' lists them."
            yield _doubt("dataset", f"{report.records:,} records, {report.total:,} remarks.", hint, "dataset_id")
        else:
            yield _fine("dataset", f"{report.records:,} records.")

    def _trainer(self, order: Order, flat: Mapping[str, Any]) -> CheckFinding:
        where = self._modules.check(order.profile, flat, self._home.run("RUN"))
        return _fine("trainer", f"The trainer runs in {where}.")

    def _disk(self, order: Order, known: Footprint | None) -> CheckFinding:
        free = shutil.disk_usage(self._home.runs).free
        said = order.profile.resources.disk_gb
        asked = round(said * _GB) if said else None
        needed = known.kept if known is not None else None
        least = max(_LEAST_DISK, asked or 0, known.checkpoint if known is not None and asked is None else 0)
        hint = "Make room, or keep fewer checkpoints (train.keep_checkpoints)."
        if free < least:
            told = f"The disk has {size(free)} free, and {size(least)} are needed at least."
            return CheckFinding(check="disk", level="error", message=told, hint=hint, field="profile_id")
        if needed is not None and free < needed:
            return _doubt("disk", f"The disk has {size(free)} free; checkpoints need about {size(needed)}.", hint)
        if needed is None:
            return _fine("disk", f"The disk has {size(free)} free.")
        return _fine("disk", f"The disk has {size(free)} free; checkpoints need about {size(needed)}.")

    def _memory(self, order: Order, known: Footprint | None, gpu: bool) -> Iterator[CheckFinding]:
        """Against what is free now: the GPU with the most, or the RAM. The profile's own word counts more than the estimate."""
        resources = order.profile.resources
        said = resources.gpu_memory_gb if gpu else resources.memory_gb
        needed = round(said * _GB) if said else known.memory if known is not None else None
        if needed is None:
            return
        free, total, what = self._free_memory(gpu)
        if free is None or total is None:
            return
        hint = "Lower train.batch_size or data.max_length."
        about = size(needed)
        if needed > total:
            told = f"It will not fit: about {about} of {what} are needed, and there are {size(total)}."
            yield _doubt("memory", told, hint)
        elif needed > free:
            told = f"It may not fit now: about {about} of {what} are needed, {size(free)} are free."
            yield _doubt("memory", told, hint)
        else:
            told = f"It should fit: about {about} of {what} are needed, {size(free)} are free."
            yield _fine("memory", told)

    def _free_memory(self, gpu: bool) -> tuple[int | None, int | None, str]:
        if not gpu:
            memory = psutil.virtual_memory()
            return memory.available, memory.total, "RAM"
        read = (self._gpus or find_gpus()).sample(set())
        allowed = {one.index for one in self._queue.slots.gpus}
        known = [
            (one["memory_total"] - (one["memory_others"] or 0), one["memory_total"])
            for one in read
            if one["index"] in allowed and one["memory_total"] is not None
        ]
        free, total = max(known, default=(None, None))
        return free, total, "VRAM"

    def _machine(self, order: Order, request: StartRequest) -> CheckFinding:
        resources = order.profile.resources
        lacks = self._queue.slots.lacks(resources)
        if lacks is not None:
            return CheckFinding(check="machine", level="error", message=lacks, field="profile_id")
        if resources.gpus and not self._queue.slots.gpus:
            hint = "It trains on the processors, which is slow."
            return _doubt("machine", f"The profile asks for {resources.gpus} GPUs, and none can be read here.", hint)
        if place := self._place(request):
            return _fine("machine", f"The machine is full: it will wait, {place} in the queue.")
        return _fine("machine", "It starts at once.")


def _fine(check: CheckName, message: str) -> CheckFinding:
    return CheckFinding(check=check, level="ok", message=message)


def _doubt(check: CheckName, message: str, hint: str, field: str | None = None) -> CheckFinding:
    return CheckFinding(check=check, level="warning", message=message, hint=hint, field=field)


def _wrong(check: CheckName, error: GladiusError, field: str | None = None) -> CheckFinding:
    named = field or getattr(error, "field", None)
    if named is not None and "." in named and not named.startswith("overrides."):
        named = f"overrides.{named}"
    return CheckFinding(check=check, level="error", message=error.message, hint=error.hint, field=named)


def _count(parameters: int) -> str:
    for unit, divisor in (("B", 1_000_000_000), ("M", 1_000_000), ("k", 1000)):
        if parameters >= divisor:
            return f"{parameters / divisor:.3g} {unit}"
    return str(parameters)
