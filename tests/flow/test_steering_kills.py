"""Whoever is killed while a training is steered: what was asked is done once, and the next server tells the truth."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forge
import pytest
from console_server import ConsoleServer
from steered import TRAINER, Sent, SteeredRun

from gladius.pulse.checkpoints import verify
from gladius.pulse.control import new_command_id
from gladius.pulse.lock import is_held, read_holder
from gladius.pulse.rundir import Home
from pulse_wrapper import read_training_status

Until = Callable[..., Any]
Spawn = Callable[..., subprocess.Popen[str]]


class Helm:
    """A run and whichever server there is now; `send` posts through it."""

    def __init__(self, home: Home, until: Until, folder: Path) -> None:
        self.home, self.until = home, until
        self.server = ConsoleServer(forge.start, home)
        self.run = SteeredRun(home, folder / "steered")
        self.truth = self.run.truth
        self.until(lambda: self.truth.read().step >= 3 and self.record()["summary"]["instrumented"])

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = self.server.get(f"/runs/{self.run.id}")
        return found

    def told(self, sent: Sent) -> dict[str, Any]:
        found: dict[str, Any] = self.server.get(f"/runs/{self.run.id}/commands/{sent.id}")
        return found

    def new_server(self) -> None:
        self.server = ConsoleServer(forge.start, self.home)

    def send(self, command: str, **args: Any) -> Sent:
        """Post it; true is nothing yet."""
        sent = Sent(new_command_id(), command, args)
        self.truth.sent[sent.id] = sent
        assert self.repeat(sent) == 202
        return sent

    def repeat(self, sent: Sent) -> int:
        body = {"command": sent.command, "args": sent.args, "id": sent.id}
        return int(self.server.http.post(f"/runs/{self.run.id}/commands", json=body).status_code)

    def answers(self, sent: Sent) -> list[str]:
        return [ack["state"] for ack in self.truth.read().acks.get(sent.id, [])]

    def until_applied(self, *several: Sent) -> None:
        for sent in several:
            self.until(lambda sent=sent: self.answers(sent) == ["accepted", "applied"])

    def state(self) -> str:
        return str(self.record()["summary"]["state"])

    def supervisor(self) -> int:
        holder = self.until(
            lambda: is_held(self.run.directory.supervisor_lock) and read_holder(self.run.directory.supervisor_lock)
        )
        return int(holder["pid"])

    def wait_recorded(self) -> None:
        self.until(lambda: self.run.recorded)
        self.until(lambda: self.run.trainer().alive() is False)
        self.truth.read()

    def resume(self, checkpoint: dict[str, Any] | None = None) -> None:
        """Go on in a new process, from the newest checkpoint unless another is named."""
        wanted = {"checkpoint": checkpoint["path"]} if checkpoint else {}
        answer = self.server.http.post(f"/runs/{self.run.id}/resume", json=wanted)
        assert answer.status_code == 201, answer.text

    def stop(self) -> None:
        """The end of every test: what the files say is whole and was checked event by event."""
        self.until_applied(self.send("stop"))
        self.wait_recorded()
        assert self.truth.state == "cancelled"
        assert set(self.truth.sent) == set(self.truth.acks), "every command was answered"
        self.truth.check_folders()


@pytest.fixture
def helm(home: Home, until: Until, tmp_path: Path) -> Iterator[Helm]:
    helm = Helm(home, until, tmp_path)
    yield helm
    helm.server.kill()


def steps_go_on(helm: Helm) -> bool:
    """Whether the training advances; it must, within the patience of `until`."""
    step = helm.truth.read().step
    return bool(helm.until(lambda: helm.truth.read().step > step))


# The server


@pytest.mark.parametrize("when", ["before it is accepted", "before it is applied"])
def test_a_command_posted_to_a_server_that_dies_is_applied_once(helm: Helm, when: str) -> None:
    trainer = helm.run.trainer()
    if when == "before it is accepted":
        os.kill(trainer.pid, signal.SIGSTOP)
        sent = helm.send("set", name="learning_rate", value=0.5)
        assert helm.answers(sent) == []
    else:
        helm.run.shut("step")
        helm.until(lambda: helm.run.waits_at("step"))
        sent = helm.send("set", name="learning_rate", value=0.5)
        helm.until(lambda: helm.answers(sent) == ["accepted"])
    helm.server.kill()
    os.kill(trainer.pid, signal.SIGCONT)
    helm.run.open("step")
    helm.until_applied(sent)
    helm.new_server()
    assert (helm.told(sent)["state"], [ack["state"] for ack in helm.told(sent)["acks"]]) == (
        "applied",
        ["accepted", "applied"],
    )
    assert helm.record()["adjustable"]["learning_rate"]["value"] == 0.5
    assert helm.repeat(sent) == 202
    assert steps_go_on(helm)
    assert [change["name"] for change in helm.record()["hyperparameters"]] == ["learning_rate"], "once"
    helm.stop()


def test_a_server_that_dies_before_it_reads_the_answer_loses_nothing(helm: Helm) -> None:
    helm.run.shut("step")
    helm.until(lambda: helm.run.waits_at("step"))
    several = [
        helm.send("checkpoint"),
        helm.send("validate", split="test"),
        helm.send("set", name="weight_decay", value=0.5),
    ]
    helm.until(lambda: [helm.told(sent)["state"] for sent in several] == ["accepted"] * 3)
    # A stopped process reads nothing: so it has not seen what is applied from here on.
    helm.server.process.send_signal(signal.SIGSTOP)
    helm.run.open("step")
    helm.until_applied(*several)
    helm.server.kill()
    helm.new_server()
    assert [helm.told(sent)["state"] for sent in several] == ["applied"] * 3
    assert [helm.repeat(sent) for sent in several] == [202] * 3
    assert steps_go_on(helm)
    (checkpoint,) = helm.record()["checkpoints"]
    assert verify(Path(checkpoint["path"])) == []
    assert helm.server.get(f"/runs/{helm.run.id}/metrics", name="test/loss")["series"]["test/loss"]["step"] == [
        checkpoint["step"]
    ]
    assert [helm.answers(sent) for sent in several] == [["accepted", "applied"]] * 3
    helm.stop()


def test_a_hold_survives_the_death_of_the_server(helm: Helm) -> None:
    helm.until_applied(helm.send("pause"))
    step = helm.truth.step
    helm.server.kill()
    helm.new_server()
    record = helm.record()
    assert (record["summary"]["state"], record["summary"]["step"]) == ("paused", step)
    status = helm.until(
        lambda: (found := read_training_status(helm.run.directory.status)) and "Paused" in found["message"] and found
    )
    assert (status["status"], status["message"]) == ("running", f"Paused at step {step}")
    assert helm.truth.read().step == step
    # All but `resume` works while it holds.
    helm.until_applied(
        helm.send("checkpoint"), helm.send("set", name="learning_rate", value=0.2), helm.send("validate")
    )
    assert (helm.truth.read().step, helm.truth.state) == (step, "paused")
    helm.until_applied(helm.send("resume"))
    assert steps_go_on(helm)
    helm.stop()


# The supervisor


def test_a_supervisor_killed_while_the_training_holds_is_replaced(helm: Helm) -> None:
    helm.until_applied(helm.send("pause"))
    first = helm.supervisor()
    os.kill(first, signal.SIGKILL)
    helm.until(lambda: helm.supervisor() != first)
    assert (helm.state(), helm.truth.read().state) == ("paused", "paused")
    helm.until_applied(helm.send("resume"))
    assert steps_go_on(helm)
    helm.stop()


def test_a_supervisor_killed_while_the_run_is_released_takes_nothing_away(helm: Helm) -> None:
    helm.run.shut("save")
    sent = helm.send("pause", mode="release")
    helm.until(lambda: helm.run.waits_at("save"))
    first = helm.supervisor()
    os.kill(first, signal.SIGKILL)
    helm.run.open("save")
    helm.until_applied(sent)
    helm.wait_recorded()
    assert (helm.truth.state, helm.state()) == ("released", "released")
    status = read_training_status(helm.run.directory.status)
    assert status is not None
    assert (status["status"], status["message"]) == ("idle", f"Released at step {helm.truth.step}")
    assert not helm.home.history.exists(), "a released run is not ended: it has no line in the history"
    helm.truth.check_folders()


# The trainer


def test_a_trainer_killed_while_it_saves_leaves_the_last_good_checkpoint(helm: Helm, spawn: Spawn) -> None:
    helm.until_applied(helm.send("checkpoint"))
    (good,) = helm.truth.checkpoints
    helm.run.shut("save")
    sent = helm.send("checkpoint")
    helm.until(lambda: helm.run.waits_at("save"))
    os.kill(helm.run.trainer().pid, signal.SIGKILL)
    helm.wait_recorded()
    helm.run.open("save")
    assert verify(Path(good["path"])) == []
    helm.until(lambda: helm.told(sent)["state"] == "outcome_unknown")
    assert helm.state() == "killed"
    # A job that is started again in its folder, by whoever, goes on from there by itself.
    helm.truth.killed.append(1)
    again = {**os.environ, "GLADIUS_RUN_DIR": str(helm.run.directory.root), "GLADIUS_HOME": str(helm.home.root)}
    job = spawn(sys.executable, TRAINER, helm.run.config, env=again)
    (hello,) = helm.until(lambda: [one for one in helm.run.events("hello") if one["attempt"] == 2])
    assert hello["resumed_from"] == {"checkpoint": good["path"], "step": good["step"]}
    assert [path.name for path in helm.run.directory.checkpoints.iterdir()] == [f"step-{good['step']}"], (
        "nothing half-written"
    )
    helm.until(lambda: helm.truth.read().step > good["step"] + 2)
    assert helm.answers(sent) == ["accepted"], "never obeyed again"
    # A scheduler that wants its machine back gets a checkpoint and a run that can go on.
    job.send_signal(signal.SIGTERM)
    assert job.wait(20) == 0
    assert (helm.truth.read().state, helm.truth.checkpoints[-1]["kind"]) == ("released", "pause")
    helm.truth.check_folders()


def test_a_released_run_survives_the_end_of_all_processes(helm: Helm) -> None:
    helm.until_applied(helm.send("set", name="learning_rate", value=0.3), helm.send("pause", mode="release"))
    helm.wait_recorded()
    helm.server.kill()
    told = str(helm.run.directory.root)
    assert not [pid for pid in Path("/proc").iterdir() if pid.name.isdigit() and told in command_line(pid)]
    helm.new_server()
    record = helm.record()
    assert (record["summary"]["state"], record["resumable"]["possible"]) == ("released", True)
    released_at = helm.truth.step
    helm.resume()
    helm.until(lambda: helm.truth.read().step > released_at + 5)
    assert (helm.truth.attempt, helm.truth.values["learning_rate"]) == (2, 0.3)
    helm.until(lambda: helm.state() == "running")
    helm.stop()


def command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def test_what_is_saved_after_going_back_is_not_thrown_away_for_what_was_left_behind(helm: Helm) -> None:
    for _ in range(3):
        helm.until_applied(helm.send("checkpoint"))
        step = helm.truth.step
        helm.until(lambda step=step: helm.truth.read().step > step + 3)
    first, *left_behind = helm.truth.checkpoints
    helm.until_applied(helm.send("stop", checkpoint=False))
    helm.wait_recorded()
    helm.run.shut("step")
    helm.resume(first)
    # Held at its first step, far before the others.
    helm.until(lambda: helm.run.waits_at("step"))
    several = [helm.send("checkpoint"), helm.send("pause")]
    helm.run.open("step")
    helm.until_applied(*several)
    saved = helm.truth.checkpoints[-1]
    assert saved["step"] < left_behind[0]["step"]
    helm.until_applied(helm.send("resume"))
    helm.until(lambda: helm.truth.read().step > saved["step"])
    helm.until_applied(helm.send("pause"), helm.send("resume"))
    assert verify(Path(saved["path"])) == []
    helm.stop()


def test_a_command_that_came_too_late_is_answered_once_and_not_again_by_the_next_attempt(helm: Helm) -> None:
    helm.until_applied(helm.send("checkpoint"))
    helm.run.shut("step")
    helm.until(lambda: helm.run.waits_at("step"))
    trainer = helm.run.trainer()
    os.kill(trainer.pid, signal.SIGSTOP)
    late = helm.send("pause")
    os.kill(trainer.pid, signal.SIGKILL)
    helm.wait_recorded()
    helm.truth.killed.append(1)
    assert helm.answers(late) == ["rejected"]
    helm.run.open("step")
    helm.resume()
    helm.until(lambda: helm.truth.read().attempt == 2 and helm.truth.state == "running")
    helm.until(lambda: helm.state() == "running")
    helm.until_applied(helm.send("pause"), helm.send("resume"))
    assert helm.answers(late) == ["rejected"]
    helm.stop()
