"""Rules on the supervisor's machine samples: GPUs, memory, disk. Upstream: `system` events. Downstream: tracker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gladius.alerts.latch import Signal
from gladius.store.tolerance import finite
from gladius.wire.settings import Thresholds

COOLER_C = 3.0
FREER_SHARE = 0.03
FREER_DISK = 0.01
THROTTLED_S = 10.0
"""What must be passed, and for how long, before an alert ends: readings tremble around a threshold."""

MACHINE_CODES = frozenset({
    "gpu_temperature", "thermal_throttling", "gpu_lost", "memory_pressure", "gpu_memory", "disk_nearly_full",
    "console_log_large",
})  # fmt: skip


class MachineRules:
    """Judges the samples of one attempt, in order. What a sample does not tell is not judged."""

    def __init__(self) -> None:
        self._attempt = 0
        self._names: dict[int, str] = {}

    def judge(self, sample: Mapping[str, Any], limits: Thresholds) -> Iterator[Signal]:
        """What one `system` event says of every condition."""
        if sample["attempt"] != self._attempt:
            self._attempt = sample["attempt"]
            self._names = {}
        at, mark = float(sample["time"]), f"q{sample['seq']}"
        gpus = {gpu["index"]: gpu for gpu in _gpus_of(sample)}
        yield from self._gpus(gpus, at, mark, limits)
        yield from _memory(sample, at, mark, limits)
        yield from _disk(sample, at, mark, limits)

    def _gpus(self, gpus: dict[int, dict[str, Any]], at: float, mark: str, limits: Thresholds) -> Iterator[Signal]:
        for index, gpu in gpus.items():
            if _answers(gpu):
                self._names[index] = str(gpu.get("name") or "")
                yield from _gpu(gpu, at, mark, limits)
        for index, name in self._names.items():
            lost = index not in gpus or not _answers(gpus[index])
            yield Signal(
                "gpu_lost", at, mark, wrong=lost, right=not lost, level="critical", subject=str(index),
                data={"gpu": index, "name": name},
            )  # fmt: skip


def _gpus_of(sample: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = sample.get("gpus")
    gpus = found if isinstance(found, list) else []
    return [gpu for gpu in gpus if isinstance(gpu, dict) and isinstance(gpu.get("index"), int)]


def _answers(gpu: Mapping[str, Any]) -> bool:
    """Whether a GPU gave any reading: one that is lost keeps its name alone."""
    return any(gpu.get(key) is not None for key in ("temperature", "utilisation", "memory_total", "power"))


def _gpu(gpu: Mapping[str, Any], at: float, mark: str, limits: Thresholds) -> Iterator[Signal]:
    index = gpu["index"]
    celsius, limit = finite(gpu.get("temperature")), limits.gpu_temperature
    if celsius is not None:
        yield Signal(
            "gpu_temperature", at, mark, wrong=celsius > limit, right=celsius <= limit - COOLER_C, subject=str(index),
            data={"gpu": index, "celsius": celsius, "limit": limit}, value=celsius, threshold=limit, badness=celsius,
        )  # fmt: skip
    reasons = str(gpu.get("throttling") or "")
    hot = "thermal" in reasons
    yield Signal(
        "thermal_throttling", at, mark, wrong=hot, right=not hot, subject=str(index), value=reasons or None,
        data={"gpu": index, "reasons": reasons}, release_s=THROTTLED_S,
    )  # fmt: skip
    parts, total = [finite(gpu.get(key)) for key in ("memory_run", "memory_others")], finite(gpu.get("memory_total"))
    known = [part for part in parts if part is not None]
    if total and len(known) == len(parts):
        yield _share("gpu_memory", at, mark, sum(known) / total, limits.gpu_memory, str(index), {"gpu": index})


def _memory(sample: Mapping[str, Any], at: float, mark: str, limits: Thresholds) -> Iterator[Signal]:
    share = _used(sample.get("ram"))
    if share is not None:
        yield _share("memory_pressure", at, mark, share, limits.memory_pressure)


def _disk(sample: Mapping[str, Any], at: float, mark: str, limits: Thresholds) -> Iterator[Signal]:
    used, limit = _used(sample.get("disk")), limits.disk_free
    if used is not None:
        free = 1 - used
        yield Signal(
            "disk_nearly_full", at, mark, wrong=free <= limit, right=free > limit + FREER_DISK,
            data={"percent": round(100 * free, 2), "limit": 100 * limit}, value=round(free, 4), threshold=limit,
            badness=used, grain=0.01,
        )  # fmt: skip
    size, most = finite(sample.get("console_bytes")), limits.console_log_bytes
    if size is not None:
        yield Signal(
            "console_log_large", at, mark, wrong=size >= most, right=size < most, value=int(size), threshold=most,
            data={"bytes": int(size), "gigabytes": size / 1e9}, badness=size, grain=most,
        )  # fmt: skip


def _share(
    code: str,
    at: float,
    mark: str,
    share: float,
    limit: float,
    subject: str = "",
    more: Mapping[str, Any] | None = None,
) -> Signal:
    data = {**(more or {}), "percent": round(100 * share, 2), "limit": 100 * limit}
    return Signal(
        code, at, mark, wrong=share > limit, right=share <= limit - FREER_SHARE, subject=subject, data=data,
        value=round(share, 4), threshold=limit, badness=share, grain=0.01,
    )  # fmt: skip


def _used(memory: Any) -> float | None:
    """The share that is in use; None where there is nothing of it, or nobody knows."""
    if not isinstance(memory, Mapping):
        return None
    used, total = finite(memory.get("used")), finite(memory.get("total"))
    return used / total if used is not None and total else None
