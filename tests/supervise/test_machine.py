"""Machine readings, with a stand-in for NVIDIA's library: there is no GPU to be had in a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gladius.supervise.machine import Machine, NoGpus, NvidiaGpus, find_gpus, session_pids, with_descendants

GIB = 1 << 30


class FakeNvml:
    """Two GPUs as nvidia-ml-py would tell of them; `silent` questions fail as on cards that do not answer."""

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        pass

    def __init__(self, *silent: str, processes: list[tuple[int, int | None]] | None = None) -> None:
        self.silent = silent
        self.processes = processes if processes is not None else [(os.getpid(), 3 * GIB), (1, 2 * GIB)]

    def _answer(self, question: str, answer: Any) -> Any:
        if question in self.silent:
            raise self.NVMLError(question)
        return answer

    def nvmlInit(self) -> None:
        self._answer("init", None)

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, handle: int) -> str | bytes:
        return b"NVIDIA H100" if handle else "NVIDIA A100"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        return self._answer("memory", SimpleNamespace(used=6 * GIB, total=80 * GIB))

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        return self._answer("utilisation", SimpleNamespace(gpu=87, memory=20))

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        return int(self._answer("power", 305_500))

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:
        return int(self._answer("temperature", 67))

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: int) -> int:
        return int(self._answer("throttling", 0x04 | 0x20))

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[Any]:
        found = [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in self.processes]
        return list(self._answer("processes", found))


def test_a_gpu_is_read_whole() -> None:
    first, second = NvidiaGpus(FakeNvml()).sample({os.getpid()})
    assert first == {
        "index": 0, "name": "NVIDIA A100", "utilisation": 87.0, "memory_run": 3 * GIB, "memory_others": 3 * GIB,
        "memory_total": 80 * GIB, "temperature": 67, "power": 305.5, "throttling": "power cap, thermal",
    }  # fmt: skip
    assert (second["index"], second["name"]) == (1, "NVIDIA H100")


@pytest.mark.parametrize(
    ("silent", "unknown"),
    [
        ("memory", {"memory_others", "memory_total"}),
        ("utilisation", {"utilisation"}),
        ("power", {"power"}),
        ("temperature", {"temperature"}),
        ("throttling", {"throttling"}),
        ("processes", {"memory_run", "memory_others"}),
    ],
)
def test_what_a_gpu_does_not_tell_is_unknown_and_the_rest_is_told(silent: str, unknown: set[str]) -> None:
    for reading in NvidiaGpus(FakeNvml(silent)).sample({os.getpid()}):
        assert {name for name, value in reading.items() if value is None} == unknown


def test_memory_that_the_driver_hides_is_unknown_and_none_at_all_is_zero() -> None:
    hidden = NvidiaGpus(FakeNvml(processes=[(7, None)]))
    assert hidden.sample({7})[0]["memory_run"] is None
    assert hidden.sample({8})[0]["memory_run"] == 0


def test_a_library_without_a_driver_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    there = "libc.so.6"
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml("init"))
    assert isinstance(find_gpus(there), NoGpus)
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    assert isinstance(find_gpus(there), NvidiaGpus)
    assert isinstance(find_gpus("libnvidia-of-nobody.so.1"), NoGpus)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert find_gpus(there).sample(set()) == []


def test_a_sample_holds_the_whole_machine_and_the_session(tmp_path: Path) -> None:
    machine = Machine(tmp_path, NvidiaGpus(FakeNvml()))
    sample = machine.sample(os.getsid(0), 123)
    assert sample["console_bytes"] == 123
    assert 0 < sample["ram"]["used"] < sample["ram"]["total"]
    assert 0 < sample["disk"]["used"] <= sample["disk"]["total"]
    assert 0 <= sample["cpu"] <= 100
    assert len(sample["gpus"]) == 2
    assert sample["group"]["rss"] > 1_000_000
    group = machine.sample(os.getsid(0), 0)["group"]
    assert group["cpu_machine"] == pytest.approx(group["cpu"] / (os.cpu_count() or 1), abs=0.1)
    nobody = machine.sample(None, 0)
    assert nobody["group"] is None
    assert machine.sample(2**22 + 1, 0)["group"] is None


def test_a_session_is_all_its_processes(spawn: Callable[..., subprocess.Popen[str]], until: Callable[..., Any]) -> None:
    process = spawn("sh", "-c", "sleep 60 & sleep 60 & wait")
    until(lambda: len(session_pids(process.pid)) == 3)
    assert process.pid in session_pids(process.pid)
    assert os.getpid() not in session_pids(process.pid)


def test_what_left_the_session_is_counted_as_long_as_it_has_a_parent_in_it(
    spawn: Callable[..., subprocess.Popen[str]], until: Callable[..., Any], tmp_path: Path
) -> None:
    leaves = "import subprocess; subprocess.run(['sh', '-c', 'sleep 60; true'], start_new_session=True)"
    process = spawn(sys.executable, "-c", leaves)
    family = until(lambda: (found := with_descendants({process.pid})) and len(found) == 3 and found)
    assert session_pids(process.pid) == {process.pid}
    assert os.getpid() not in family
    assert Machine(tmp_path, NoGpus()).sample(process.pid, 0, [process.pid])["group"]["processes"] == 3
    for pid in family:
        os.kill(pid, signal.SIGKILL)
