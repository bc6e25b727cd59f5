"""A run directory written by hand, event by event: what a store makes of it needs no trainer."""

from __future__ import annotations

from typing import Any

from gladius.pulse.events import EventWriter
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home, RunDir
from gladius.store.view import RunView


class Written:
    """The directory, and its writers of the newest attempt."""

    def __init__(self, home: Home, me: Identity, engine: str = "transformers") -> None:
        self.me = me
        self.directory: RunDir = home.new_run("written", {"source": "api", "engine": engine, "profile": "tiny-moe"})
        self.attempt = 0

    def begin(self, attempt: int, **hello: Any) -> Written:
        self.attempt = attempt
        self.directory.write_attempt(attempt, {"argv": ["python"], "config": {"lr": 0.1}})
        self.trainer = EventWriter(self.directory.events, attempt)
        self.supervisor = EventWriter(self.directory.supervisor_events, attempt)
        if hello:
            self.trainer.write(
                "hello", {"run_id": self.directory.run_id, "pid": self.me.pid, "host": self.me.host, **hello}
            )
        return self

    def steps(self, first: int, last: int, loss: float = 1.0) -> Written:
        for step in range(first, last):
            self.trainer.metrics({"train/loss": loss}, step, step / 10, None)
        return self

    def started(self, who: dict[str, Any] | None = None) -> Written:
        """A process that lives, unless told otherwise."""
        self.supervisor.write("process", {"event": "started", "argv": ["x"], **(who or self.me.as_dict())})
        return self

    def exited(self, verdict: str, **more: Any) -> Written:
        self.supervisor.write("process", {"event": "exited", "verdict": verdict, **more})
        return self

    def view(self) -> RunView:
        return RunView(self.directory).load()
