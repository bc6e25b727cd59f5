"""Try a few steps of a run that is not started: will it fit, when will it end? Upstream: server. Downstream: start, files.

A probe goes the way of a run (profile, configuration, supervisor, trainer) in a home of its own below `<home>/state/probes`, so
that no list, history or queue knows it; the folder is removed whatever ends it, by the next server if this one is killed.
The trainer is ended by its supervisor after its last step (`supervise/probe.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
import signal
import threading
import time
from collections import OrderedDict
from pathlib import Path

import psutil

from gladius.errors import GladiusError, LaunchError, ProbeNotFound
from gladius.launch.local import LocalLauncher
from gladius.launch.probe_reading import ProbeReading
from gladius.launch.queue import Queue
from gladius.launch.queue_book import Entry
from gladius.launch.start import Order, Starter
from gladius.pulse.events import EventReader
from gladius.pulse.identity import Identity
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import Home, RunDir
from gladius.store.record import last_words
from gladius.store.view import RunView
from gladius.supervise.machine import Gpus, find_gpus
from gladius.supervise.process import Trainer
from gladius.wire.catalog import StartRequest
from gladius.wire.probe import ProbeAnswer, ProbeGpu

_log = logging.getLogger("gladius.launch")

STEPS = 3
DEFAULT_LIMIT_S = 300.0
_LOOK_S = 0.1
_LEAVES_WITHIN_S = 15.0
_REMEMBERED = 32
_SHARED = ("datasets", "trainer-path")
"""What a home builds once for all trainers; a probe shall not have to wait for it."""


class Probe:
    """One probe from its start to its end, in a thread of its own; `answer` is how far it is."""

    def __init__(self, answer: ProbeAnswer, folder: Path, gpus: Gpus | None) -> None:
        self.answer = answer
        self.end = answer
        """What came of it; told when nothing of it is left and its room is free."""
        self.cancelled = threading.Event()
        self.thread: threading.Thread | None = None
        self._folder = folder
        self._gpus = {one.index: one for one in _gpus_now(gpus)}
        self._free = psutil.virtual_memory().available
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._began

    def run(self, starter: Starter, request: StartRequest, order: Order, gpus: tuple[int, ...] | None) -> None:
        """Launch it, watch it and clear it away."""
        home = Home(self._folder)
        entry = Entry(
            run_id="probe", request=request, source="api", asked_at=self.answer.started_at, priority=0, place=0.0,
            resources=order.profile.resources,
        )  # fmt: skip
        run = home.run(entry.run_id)
        try:
            launching = starter.probing(home, LocalLauncher(home), STEPS, self.answer.limit_seconds)
            launching.create(entry, order)
            launching.launch(entry, gpus)
            self._watch(run)
        except (GladiusError, OSError) as error:
            self._fail(str(error), last_words(RunView(run).load()) if run.run_json.exists() else None)
        except Exception as error:  # noqa: BLE001
            # The edge of a thread: whoever asked must hear of it.
            _log.exception("a probe failed")
            self._fail(str(error) or type(error).__name__)
        finally:
            clear(self._folder)

    def _watch(self, run: RunDir) -> None:
        reading = ProbeReading(run)
        while not self.cancelled.is_set():
            gone = not is_held(run.supervisor_lock)
            reading.refresh()
            self._tell(reading)
            if reading.exited is not None or gone:
                break
            self.cancelled.wait(_LOOK_S)
        if self.cancelled.is_set():
            return
        self._conclude(reading, last_words(RunView(run).load()))

    def _tell(self, reading: ProbeReading) -> None:
        held = {index: self._gpus[index] for index in reading.gpu_peaks if index in self._gpus}
        self.answer = self.answer.model_copy(
            update={
                "state": "running" if reading.running else "preparing", "steps": min(reading.steps, STEPS),
                "message": reading.message, "seconds": self.seconds,
                "peak_memory": reading.peak, "free_memory": self._free,
                "gpus": [one.model_copy(update={"peak": reading.gpu_peaks[index]}) for index, one in held.items()],
                "fits": reading.fits(self._free, self._gpus) if reading.running or reading.out_of_memory else None,
                "first_step_seconds": reading.first_step_seconds, "step_seconds": reading.step_seconds,
                "total_steps": reading.total_steps, "duration": reading.duration,
            }
        )  # fmt: skip

    def _conclude(self, reading: ProbeReading, words: str | None) -> None:
        exited = reading.exited or {}
        if reading.steps >= STEPS or (reading.steps and (reading.late or exited.get("verdict") == "finished")):
            self.end = self.answer.model_copy(update={"state": "done", "message": ""})
        elif reading.late:
            self._fail(f"No step was reported within {self.answer.limit_seconds:g} s.", words)
        elif exited.get("verdict") == "finished":
            self._fail("It ended, and no step was reported.", words)
        else:
            evidence = str(exited.get("evidence") or "its supervisor is gone")
            self._fail(reading.error or f"The trainer failed: {evidence}.", words)

    def _fail(self, why: str, words: str | None = None) -> None:
        told = {"state": "failed", "error": why, "last_words": words, "seconds": self.seconds}
        self.end = self.answer.model_copy(update=told)


class Probes:
    """The probes of a server. `start` and `cancel` touch files and processes: call them in a thread."""

    def __init__(self, home: Home, starter: Starter, queue: Queue, gpus: Gpus | None = None) -> None:
        self._home = home
        self._starter = starter
        self._queue = queue
        self._gpus = gpus
        self._known: OrderedDict[str, Probe] = OrderedDict()
        self._guard = threading.Lock()

    async def clear_away(self) -> None:
        """End and remove what an earlier server left."""
        await asyncio.to_thread(self._clear_left)

    def start(self, request: StartRequest, seconds: float = DEFAULT_LIMIT_S) -> ProbeAnswer:
        """Begin one. Raises what the start of such a run raises, MachineFull, and LaunchError where no folder can be made."""
        order = self._starter.order(request)
        probe_id = f"{order.profile.id}-{secrets.token_hex(4)}"
        room = contextlib.ExitStack()
        name = request.name or order.profile.name
        gpus = room.enter_context(self._queue.room_for_guest(probe_id, name, order.profile.resources))
        try:
            folder = self._folder(probe_id)
        except OSError as error:
            room.close()
            clear(self._home.probes / probe_id)
            raise LaunchError(f"The probe has no room on the disk: {error.strerror}.", "Make room.") from error
        answer = ProbeAnswer(
            probe_id=probe_id, state="preparing", profile_id=order.profile.id, dataset_id=order.dataset,
            steps_wanted=STEPS, started_at=time.time(), limit_seconds=seconds,
        )  # fmt: skip
        probe = Probe(answer, folder, self._gpus)

        def work() -> None:
            with room:
                probe.run(self._starter, request, order, gpus)
            cancelled = probe.answer.model_copy(update={"state": "cancelled", "seconds": probe.seconds})
            probe.answer = cancelled if probe.cancelled.is_set() else probe.end

        with self._guard:
            self._known[probe_id] = probe
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        probe.thread = threading.Thread(target=work, name=f"probe {probe_id}", daemon=True)
        probe.thread.start()
        return answer

    def answer(self, probe_id: str) -> ProbeAnswer:
        """How far it is, or what came of it. Raises ProbeNotFound."""
        return self._probe(probe_id).answer

    def cancel(self, probe_id: str) -> ProbeAnswer:
        """End it and wait until nothing of it is left; one that has ended stays as it is. Raises ProbeNotFound."""
        probe = self._probe(probe_id)
        if probe.thread is not None and probe.thread.is_alive():
            if probe.answer.state in ("preparing", "running"):
                probe.cancelled.set()
            probe.thread.join(_LEAVES_WITHIN_S)
        return probe.answer

    def close(self) -> None:
        """End all of them."""
        with self._guard:
            known = list(self._known)
        for probe_id in known:
            self._known[probe_id].cancelled.set()
        for probe_id in known:
            self.cancel(probe_id)

    def _probe(self, probe_id: str) -> Probe:
        with self._guard:
            if probe_id not in self._known:
                raise ProbeNotFound(probe_id)
            return self._known[probe_id]

    def _folder(self, probe_id: str) -> Path:
        """A home for one probe, with what all trainers of the real one share."""
        home = Home(self._home.probes / probe_id)
        home.create()
        for name in _SHARED:
            (self._home.state / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            (home.state / name).symlink_to(self._home.state / name)
        return home.root

    def _clear_left(self) -> None:
        if not self._home.probes.is_dir():
            return
        with self._guard:
            known = set(self._known)
        for folder in self._home.probes.iterdir():
            if folder.name not in known:
                clear(folder)


def clear(folder: Path) -> None:
    """End whatever a probe still runs, and remove its folder."""
    run, deadline = Home(folder).run("probe"), time.monotonic() + _LEAVES_WITHIN_S
    while time.monotonic() < deadline:
        # A supervisor that is about to start its trainer is waited for.
        supervised, lives = is_held(run.supervisor_lock), _kill(run)
        if not supervised and not lives:
            break
        time.sleep(_LOOK_S)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        _log.warning("the folder of a probe could not be removed: %s", folder)


def _kill(run: RunDir) -> bool:
    """Kill its trainer with all that it started; whether there was one."""
    started = [event for event in EventReader(run.supervisor_events).read_all() if event.get("event") == "started"]
    identity = Identity.from_dict(started[-1]) if started else None
    if identity is None or not identity.alive():
        return False
    Trainer(identity, None).signal_group(signal.SIGKILL)
    return True


def _gpus_now(gpus: Gpus | None) -> list[ProbeGpu]:
    found = []
    for one in (gpus or find_gpus()).sample(set()):
        total, used = one["memory_total"], one["memory_others"]
        free = None if total is None or used is None else total - used
        found.append(ProbeGpu(index=one["index"], name=one["name"], free=free, total=total))
    return found
