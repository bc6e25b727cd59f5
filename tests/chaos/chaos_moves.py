"""What is under way when somebody is killed: log, checkpoint, pause, resume, stop, flow, queue. Upstream: round. Downstream: harness."""

from __future__ import annotations

from typing import Any

import httpx
from chaos_round import Round, Training
from chaos_world import SHORT_STEPS, TRAINING, started, until

from gladius.flows.log import FlowLog
from gladius.pulse.events import EventReader
from gladius.pulse.rundir import RunDir


class Logging(Round):
    """Nothing but steps."""


class Checkpointing(Round):
    """Saves, one after the other, beside a change of the learning rate."""

    name = "checkpoint"

    def act(self) -> None:
        training = self.trainings[0]
        for number in range(3):
            training.post("checkpoint")
            training.post("set", name="learning_rate", value=0.5 / (number + 1))


class Pausing(Round):
    """A hold, or a release."""

    name = "pause"

    def act(self) -> None:
        self.trainings[0].post("pause", mode=self.rng.choice(["hold", "hold", "release"]))


class Resuming(Round):
    """Out of a hold."""

    name = "resume"

    def prepare(self) -> None:
        training = self.begin("tiny")
        sent = training.post("pause", mode="hold")
        until(lambda: training.truth.read().final_of(sent) == "applied")

    def act(self) -> None:
        self.trainings[0].post("resume")


class Stopping(Round):
    """A stop with or without a last checkpoint, or an end by signals."""

    name = "stop"

    def act(self) -> None:
        kind = self.rng.choice(["stop", "stop", "terminate"])
        if kind == "stop":
            self.trainings[0].post("stop", checkpoint=self.rng.random() < 0.5)
        else:
            self.trainings[0].post("terminate", grace_s=self.rng.choice([0.2, 5.0]))


class Flowing(Round):
    """A flow that trains and then runs a program. It goes on by itself under the next server."""

    name = "flow"

    def prepare(self) -> None:
        self._before = {run.run_id for run in self.world.home.all_runs()}
        self._logs = set(self.world.home.flow_logs.glob("*.jsonl"))

    def act(self) -> None:
        try:
            answer = self.world.server.http.post("/flows/chain/runs", json={"args": {}})
        except (httpx.HTTPError, RuntimeError):
            return
        assert answer.status_code == 201, answer.text

    def strike(self) -> None:
        if self.rng.random() < 0.7:
            # Else whoever is there by then: now and then nobody but the server.
            run = until(lambda: next((one for one in self._new_runs() if started(one)), None))
            self.follow(run.run_id)
            self.trainings[0].wait_for_step(self.rng.choice([0, SHORT_STEPS // 3]))
        super().strike()

    def target(self) -> Training | None:
        return self.trainings[0] if self.trainings else None

    def end(self) -> None:
        logs = set(self.world.home.flow_logs.glob("*.jsonl")) - self._logs
        assert len(logs) <= 1
        self._run = None
        for log in logs:
            self._run = until(lambda log=log: self._ended(log.stem))
        assert len(self._new_runs()) <= len(logs), "a training was started twice"
        for run in self._new_runs():
            if not self.trainings:
                self.follow(run.run_id)
            self.trainings[0].wait_recorded()

    def check(self) -> None:
        super().check()
        if self._run is None:
            assert self._new_runs() == []
            return
        states = {step["id"]: step["state"] for step in self._run["steps"]}
        program = self.world.home.flow_work / self._run["flow_run_id"] / "count"
        ran = program.read_text() if program.exists() else ""
        trained = bool(self.trainings) and self.trainings[0].truth.state == "done"
        if trained:
            assert (self._run["state"], states, ran) == ("done", {"train": "done", "count": "done"}, "x"), self._run
        else:
            assert TRAINING in self.trainings[0].killed
            assert (self._run["state"], states, ran) == ("failed", {"train": "failed", "count": "skipped"}, "")
        types = [
            event["type"] for event in FlowLog(self.world.home.flow_logs / f"{self._run['flow_run_id']}.jsonl").read()
        ]
        assert types[0] == "begun" and types.count("ended") == 1, types

    def _ended(self, flow_run_id: str) -> dict[str, Any] | None:
        run: dict[str, Any] = self.world.server.get(f"/flow-runs/{flow_run_id}")
        return run if run["state"] != "running" else None

    def _new_runs(self) -> list[RunDir]:
        return [run for run in self.world.home.all_runs() if run.run_id not in self._before]


class Queueing(Round):
    """A second training is asked for while the first has the machine; then the first is told to end."""

    name = "queue"

    def prepare(self) -> None:
        self._before = {run.run_id for run in self.world.home.all_runs()}
        self.begin("tiny")

    def act(self) -> None:
        try:
            answer = self.world.server.http.post("/runs", json={"profile_id": "short", "name": "second"})
        except (httpx.HTTPError, RuntimeError):
            return
        assert answer.status_code == 201, answer.text
        if self.rng.random() < 0.7:
            self.trainings[0].post("stop", checkpoint=False)

    def end(self) -> None:
        super().end()
        known = self._before | {self.trainings[0].run_id}
        waiting = {path.stem for path in self.world.home.queue.glob("*.json")}
        later = {run.run_id for run in self.world.home.all_runs()} | waiting
        assert len(later - known) <= 1, "one request, one run"
        for run_id in later - known:
            run = self.world.home.run(run_id)
            until(lambda run=run: run.root.exists())
            second = self.follow(run_id)
            second.wait_recorded()

    def check(self) -> None:
        super().check()
        if len(self.trainings) < 2:
            return
        first, second = (training.run for training in self.trainings)
        assert [one["attempt"] for one in started(second)] == [1], "started once"
        last = max(one["time"] for one in EventReader(first.events))
        assert started(second)[0]["time"] >= last, "two at once where one has room"
        assert self.trainings[1].truth.state == "done"
        assert not list(self.world.home.queue.glob("*.json"))


MOVES: dict[str, type[Round]] = {
    one.name: one for one in (Logging, Checkpointing, Pausing, Resuming, Stopping, Flowing, Queueing)
}
