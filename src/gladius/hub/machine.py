"""The machine that the server runs on, measured once a second while somebody looks. Upstream: psutil, NVML. Downstream: server, sockets."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from typing import Any

from gladius.pulse.identity import this_host
from gladius.store.store import Store
from gladius.supervise.machine import Gpus, Machine, find_gpus, with_descendants
from gladius.wire.overview import GpuHolder, MachineSample

_log = logging.getLogger("gladius.hub")

SAMPLE_S = 1.0
_FRESH_S = 0.9


class HostMachine:
    """Samples in a thread, and only while `wanted` says that a client listens or somebody asks."""

    def __init__(self, store: Store, gpus: Gpus | None = None) -> None:
        self._store = store
        self._given = gpus
        self._machine: Machine | None = None
        self._gpus: Gpus | None = None
        self._last: MachineSample | None = None
        self._measured_at = 0.0
        self._lock = asyncio.Lock()

    async def sample(self) -> MachineSample:
        """The machine as of now; who asks within a second of another gets the same."""
        async with self._lock:
            if self._last is None or time.monotonic() - self._measured_at > _FRESH_S:
                pids = self._pids()
                self._measured_at = time.monotonic()
                self._last = await asyncio.to_thread(self._measure, pids)
            return self._last

    async def tell_for_ever(self, wanted: Callable[[], bool], tell: Callable[[MachineSample], None]) -> None:
        """Measure and tell once a second while it is wanted."""
        while True:
            await asyncio.sleep(SAMPLE_S)
            if not wanted():
                continue
            try:
                tell(await self.sample())
            except OSError as error:
                _log.warning("the machine could not be measured: %s", error)

    def _pids(self) -> dict[int, str]:
        """The trainers' processes on this machine, and whose they are."""
        found = {}
        for run_id in self._store.live_ids():
            view = self._store.loaded(run_id)
            identity = None if view is None or view.attached or view.ended else view.trainer_identity()
            if identity is not None and identity.host == this_host():
                found[identity.pid] = run_id
        return found

    def _measure(self, pids: dict[int, str]) -> MachineSample:
        if self._machine is None:
            self._gpus = self._given if self._given is not None else find_gpus()
            self._machine = Machine(self._store.home.root, self._gpus)
            # The first reading of psutil has no time behind it.
            time.sleep(0.1)
        assert self._gpus is not None
        sample = self._machine.sample(None, 0)
        if sample["gpus"]:
            _share(sample["gpus"], self._gpus.holders(), pids)
        return MachineSample.model_validate(
            {**sample, "time": time.time(), "host": this_host(), "cores": os.cpu_count()}
        )


def _share(gpus: list[dict[str, Any]], holders: list[dict[int, int | None]], pids: dict[int, str]) -> None:
    """Write into each reading which runs hold how much of it; a rank or a worker counts for the run that started it."""
    families = {pid: run_id for root, run_id in pids.items() for pid in with_descendants({root})}
    for gpu, held in zip(gpus, holders, strict=False):
        runs: dict[str, int | None] = {}
        for pid, amount in held.items():
            if (run_id := families.get(pid)) is not None:
                before = runs.get(run_id, 0)
                runs[run_id] = None if amount is None or before is None else before + amount
        amounts = list(runs.values())
        total = gpu["memory_others"]
        gpu["runs"] = [GpuHolder(run_id=run_id, bytes=amount).model_dump() for run_id, amount in runs.items()]
        if total is not None and None not in amounts:
            mine = sum(amount for amount in amounts if amount is not None)
            gpu["memory_run"], gpu["memory_others"] = mine, max(0, total - mine)
