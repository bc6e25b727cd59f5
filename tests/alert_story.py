"""A run told event by event on a clock of its own, and what a tracker with a book makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from written_run import Written

from gladius.alerts.book import Book
from gladius.alerts.tracker import Tracker
from gladius.pulse.events import EventWriter
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home
from gladius.store.view import RunView
from gladius.wire.alerts import AlertRecord
from gladius.wire.settings import Thresholds

GB = 10**9
GPU: dict[str, Any] = {
    "index": 0, "name": "A100", "utilisation": 90.0, "memory_run": 40 * GB, "memory_others": 0, "memory_total": 80 * GB,
    "temperature": 60.0, "power": 250.0, "throttling": None,
}  # fmt: skip
LOST: dict[str, Any] = {**dict.fromkeys(GPU), "index": 0, "name": "A100"}


def gpu(index: int = 0, **readings: Any) -> dict[str, Any]:
    return {**GPU, "index": index, **readings}


class Told(Written):
    """A run whose writers keep the time that the test says it is; it begins now, with a process that lives."""

    def __init__(self, home: Home, me: Identity, now: float) -> None:
        self.now = now
        super().__init__(home, me)
        self.attempt_begins(1)

    def attempt_begins(self, attempt: int, **hello: Any) -> Told:
        self.begin(attempt)
        self.trainer = EventWriter(self.directory.events, attempt, clock=self.clock)
        self.supervisor = EventWriter(self.directory.supervisor_events, attempt, clock=self.clock)
        self.started()
        who = {"run_id": self.directory.run_id, "pid": self.me.pid, "host": self.me.host, "total_epochs": 20.0}
        self.trainer.write("hello", {**who, **hello})
        return self.state("running")

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> Told:
        self.now += seconds
        return self

    def state(self, state: str, **more: Any) -> Told:
        self.trainer.write("state", {"state": state, **more})
        return self

    def sample(self, *gpus: Mapping[str, Any], ram: float = 0.5, free: float = 0.5, console: int = 0) -> Told:
        """What a supervisor samples: the GPUs, the share of the RAM in use, that of the disk that is free."""
        fields = {
            "cpu": 10.0, "ram": {"used": int(ram * 64 * GB), "total": 64 * GB}, "swap": {"used": 0, "total": 0},
            "disk": {"used": int((1 - free) * 1000 * GB), "total": 1000 * GB}, "console_bytes": console, "gpus": list(gpus),
            "group": None,
        }  # fmt: skip
        self.supervisor.write("system", fields)
        return self

    def metrics(self, step: int, epoch: float | None = None, **values: Any) -> Told:
        """Numbers; a double underscore in a name is its slash."""
        named = {name.replace("__", "/"): value for name, value in values.items()}
        self.trainer.metrics(named, step, epoch if epoch is not None else step / 100, None)
        return self

    def experts(self, step: int, *layers: tuple[float, ...]) -> Told:
        """Shares of each layer's experts."""
        shares = {
            f"moe/load/{layer}/{expert}": share for layer, row in enumerate(layers) for expert, share in enumerate(row)
        }
        self.trainer.metrics(shares, step, step / 100, None)
        return self

    def alert(self, code: str, message: str, level: str = "warning", by: str = "trainer", **more: Any) -> Told:
        getattr(self, by).write("alert", {"level": level, "code": code, "message": message, **more})
        return self


class Watched(Told):
    """The same, with a view and a tracker that read it when told to."""

    def __init__(self, home: Home, me: Identity, now: float) -> None:
        super().__init__(home, me, now)
        self.limits = Thresholds()
        self.book = Book(home.state / "alerts.jsonl")
        self.book.open()
        self.follow()

    def follow(self) -> list[AlertRecord]:
        """Read the run from its beginning, as a server does that starts."""
        self.seen: RunView = self.view()
        self.tracker = Tracker(self.seen, self.book)
        return self.tracker.read(self.seen, self.limits)

    def restart(self) -> list[AlertRecord]:
        """Another server: the book from its file, the run from its own."""
        self.book.close()
        self.book = Book(self.book.path)
        self.book.open()
        return self.follow()

    def look(self) -> list[AlertRecord]:
        """What is new, as a server finds it that runs."""
        self.seen.refresh()
        self.seen.judge_process()
        return self.tracker.read(self.seen, self.limits)

    def codes(self) -> list[tuple[str, bool]]:
        """What is new: the code, and whether it lasts."""
        return [(one.code, one.ended_at is None) for one in self.look()]

    def all(self, code: str) -> list[AlertRecord]:
        """What the book holds of a code, the oldest first."""
        return [one for one in reversed(self.book.of_run(self.seen.run_id)) if one.code == code]
