"""What the machine does meanwhile: processors, memory, disks, GPUs. Upstream: psutil, NVML. Downstream: `system` events."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import psutil

_log = logging.getLogger("gladius.supervise")

_PROC = platform.system() == "Linux"
_DRIVER = "libnvidia-ml.so.1"
_THROTTLE_REASONS = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "thermal",
    0x40: "hardware thermal",
    0x80: "power brake",
}


class Gpus(Protocol):
    """The GPUs of this machine, behind one small interface."""

    def sample(self, pids: set[int]) -> list[dict[str, Any]]:
        """Return one reading per GPU; memory of `pids` is this run's. Bytes, percent, degrees Celsius, watts."""

    def holders(self) -> list[dict[int, int | None]]:
        """Return for each GPU which processes compute on it, and the bytes that each holds; None is unknown."""


class NoGpus:
    """A machine without a GPU that we can read: nothing is invented."""

    def sample(self, pids: set[int]) -> list[dict[str, Any]]:  # noqa: ARG002
        """Return no readings."""
        return []

    def holders(self) -> list[dict[int, int | None]]:
        """Return nobody."""
        return []


class NvidiaGpus:
    """NVIDIA's GPUs through NVML. Raises whatever NVML raises when there is no driver; see `find_gpus`."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        nvml.nvmlInit()
        self._handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        self._names = [self._text(nvml.nvmlDeviceGetName(handle)) for handle in self._handles]

    def sample(self, pids: set[int]) -> list[dict[str, Any]]:
        """Read every GPU; what a GPU does not tell is None."""
        return [self._read(index, handle, pids) for index, handle in enumerate(self._handles)]

    def holders(self) -> list[dict[int, int | None]]:
        """Who computes on each GPU."""
        asked = (self._ask(self._nvml.nvmlDeviceGetComputeRunningProcesses, handle) or () for handle in self._handles)
        return [{process.pid: process.usedGpuMemory for process in processes} for processes in asked]

    def _read(self, index: int, handle: Any, pids: set[int]) -> dict[str, Any]:
        nvml = self._nvml
        memory = self._ask(nvml.nvmlDeviceGetMemoryInfo, handle)
        mine = self._memory_of(handle, pids)
        utilisation = self._ask(nvml.nvmlDeviceGetUtilizationRates, handle)
        power = self._ask(nvml.nvmlDeviceGetPowerUsage, handle)
        return {
            "index": index,
            "name": self._names[index],
            "utilisation": None if utilisation is None else float(utilisation.gpu),
            "memory_run": mine,
            "memory_others": None if memory is None or mine is None else max(0, int(memory.used) - mine),
            "memory_total": None if memory is None else int(memory.total),
            "temperature": self._ask(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
            "power": None if power is None else power / 1000,
            "throttling": self._throttling(handle),
        }

    def _memory_of(self, handle: Any, pids: set[int]) -> int | None:
        """Bytes of this run; 0 when none of its processes is on the GPU, None when the driver does not tell."""
        processes = self._ask(self._nvml.nvmlDeviceGetComputeRunningProcesses, handle)
        if processes is None:
            return None
        used = [process.usedGpuMemory for process in processes if process.pid in pids]
        return None if any(amount is None for amount in used) else sum(used)

    def _throttling(self, handle: Any) -> str | None:
        reasons = self._ask(self._nvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle)
        named = [name for bit, name in _THROTTLE_REASONS.items() if reasons is not None and reasons & bit]
        return ", ".join(named) if named else None

    def _ask(self, question: Any, *args: Any) -> Any:
        try:
            return question(*args)
        except self._nvml.NVMLError:
            return None

    @staticmethod
    def _text(name: str | bytes) -> str:
        return name.decode() if isinstance(name, bytes) else name


def find_gpus(driver: str = _DRIVER) -> Gpus:
    """Return the GPUs that can be read here. `driver`: the library that NVIDIA's driver brings on Linux."""
    try:
        if os.name == "posix":
            # Without it pynvml can do nothing, and takes 2 MB of memory.
            ctypes.CDLL(driver)
        import pynvml

        return NvidiaGpus(pynvml)
    except ImportError:
        return NoGpus()
    except Exception as error:  # noqa: BLE001
        # NVML fails in many ways where there is no driver; none of them may cost the other readings.
        _log.info("no GPU readings: %s", error)
        return NoGpus()


class Machine:
    """Reads the whole machine and the processes of one run."""

    def __init__(self, root: Path, gpus: Gpus | None = None) -> None:
        self._root = root
        self._gpus = gpus if gpus is not None else find_gpus()
        self._processes: dict[int, psutil.Process] = {}
        psutil.cpu_percent()

    def sample(self, session: int | None, console_bytes: int, roots: Iterable[int] = ()) -> dict[str, Any]:
        """Return the payload of a `system` event.

        The run's processes are those of the trainer's `session`, the `roots` (the trainer, the ranks of its job), and all
        that they started.
        """
        ram, swap, disk = psutil.virtual_memory(), _swap(), psutil.disk_usage(str(self._root))
        pids = with_descendants({*(session_pids(session) if session is not None else ()), *roots})
        return {
            "cpu": psutil.cpu_percent(),
            "ram": {"used": ram.total - ram.available, "total": ram.total},
            "swap": swap,
            "disk": {"used": disk.used, "total": disk.total},
            "console_bytes": console_bytes,
            "gpus": self._gpus.sample(pids),
            "group": self._group(pids),
        }

    def _group(self, pids: set[int]) -> dict[str, Any] | None:
        """CPU in percent of one core and of the whole machine, and resident bytes, of the run's processes together."""
        if not pids:
            return None
        self._processes = {pid: process for pid, process in self._processes.items() if pid in pids}
        cpu, rss, count = 0.0, 0, 0
        for pid in pids:
            with contextlib.suppress(psutil.Error):
                process = self._processes.setdefault(pid, psutil.Process(pid))
                with process.oneshot():
                    cpu += process.cpu_percent()
                    rss += process.memory_info().rss
                count += 1
        share = round(cpu / (psutil.cpu_count() or 1), 1)
        return {"cpu": round(cpu, 1), "cpu_machine": share, "rss": rss, "processes": count}


def session_pids(session: int) -> set[int]:
    """Return the processes of a session, the trainer's own and all its descendants that did not leave it."""
    if not hasattr(os, "getsid"):
        return {session}
    members = set()
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if os.getsid(pid) == session:
                members.add(pid)
    return members


def with_descendants(pids: set[int]) -> set[int]:
    """Return the processes and all that they started: a launcher gives each rank of its job a session of its own."""
    if not pids:
        return set()
    children: dict[int, list[int]] = {}
    for pid in psutil.pids():
        with contextlib.suppress(OSError, psutil.Error):
            children.setdefault(_parent(pid), []).append(pid)
    family, unseen = set(), list(pids)
    while unseen:
        pid = unseen.pop()
        if pid not in family:
            family.add(pid)
            unseen += children.get(pid, [])
    return family


def _parent(pid: int) -> int:
    if not _PROC:
        return psutil.Process(pid).ppid()
    # psutil would read the same file twice for each process of the machine.
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split(maxsplit=2)[1])


def _swap() -> dict[str, int]:
    try:
        swap = psutil.swap_memory()
    except (OSError, RuntimeError):
        return {"used": 0, "total": 0}
    return {"used": swap.used, "total": swap.total}
