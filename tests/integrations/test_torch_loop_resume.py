"""A plain loop in a process of its own, ended in every way, goes on to exactly the losses of one that never was."""

import json
import multiprocessing
import os
import runpy
import signal
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from gladius.pulse.checkpoints import published, verify  # noqa: E402
from gladius.pulse.control import Command, Mailbox, new_command_id  # noqa: E402
from gladius.pulse.events import EventReader  # noqa: E402
from gladius.pulse.rundir import RunDir  # noqa: E402
from pulse_wrapper import read_training_status  # noqa: E402

pytestmark = pytest.mark.training

EXAMPLE = Path(__file__).parents[2] / "examples" / "plain_loop.py"
SMALL = {
    "total_epochs": 3, "width": 8, "length": 16, "batch_size": 8, "characters": 4000, "log_every": 1,
    "evaluate_every": 0, "checkpoint_every": 0, "warmup_steps": 5,
}  # fmt: skip
STEPS_PER_EPOCH = 27
"""4,000 characters are 235 rows of 17, of which 211 are trained on."""


PROCESSES = multiprocessing.get_context("forkserver")
"""Real processes, forked from one that has loaded torch already, which takes seconds."""
PROCESSES.set_forkserver_preload(["torch", "torch._dynamo", "gladius.integrations.torch_loop"])


def run_example(config, environment, slow_after):
    """The example as a process."""
    os.environ.update(environment)
    from gladius.integrations.torch_loop import TorchLoop

    log = TorchLoop.log

    def slowly(loop, values):
        log(loop, values)
        if slow_after is not None and loop.step >= slow_after:
            time.sleep(0.1)

    TorchLoop.log = slowly
    sys.argv = [str(EXAMPLE), config]
    runpy.run_path(str(EXAMPLE), run_name="__main__")


def ended(process, code):
    """Wait for a process, and for the exit code that it must have."""
    process.join(60)
    assert process.exitcode == code


class Example:
    """The example, as processes that share one run directory."""

    def __init__(self, started, until, folder, **config):
        self._started, self.until = started, until
        folder.mkdir()
        self.dir = RunDir(folder / "run")
        self._config = folder / "config.json"
        self._config.write_text(json.dumps({**SMALL, **config}))

    def begin(self, slow_after=None, **environment):
        """Start an attempt; after step `slow_after` each one takes 100 ms, so that what is done to it comes in time."""
        env = {"GLADIUS_RUN_DIR": str(self.dir.root), "GLADIUS_HOME": str(self.dir.root.parent), **environment}
        process = PROCESSES.Process(target=run_example, args=(str(self._config), env, slow_after), daemon=True)
        process.start()
        self._started.append(process)
        return process

    def whole(self):
        """One attempt, to its end."""
        ended(self.begin(), 0)
        return self

    def order(self, command, attempt=1, **args):
        posted = Command(new_command_id(), command, attempt, args, issued_by="a test")
        Mailbox(self.dir.control).post(posted)

    def events(self, type_, attempt=None):
        every = EventReader(self.dir.events).read_all()
        return [event for event in every if event["type"] == type_ and attempt in (None, event["attempt"])]

    def losses(self, attempt=None):
        """Step -> the loss to its last digit; a later attempt's word wins."""
        logged = [event for event in self.events("metrics", attempt) if "train/loss" in event["values"]]
        return {event["step"]: event["values"]["train/loss"] for event in logged}

    def reach(self, step):
        self.until(lambda: max(self.losses(), default=-1) >= step)

    def last_state(self):
        return self.events("state")[-1]["state"]


@pytest.fixture(scope="module")
def started():
    """All processes, which end with the tests."""
    processes = []
    yield processes
    for process in processes:
        process.kill()
        process.join()


@pytest.fixture
def example(home, started, until, tmp_path):
    return lambda **config: Example(started, until, tmp_path / "interrupted", **config)


@pytest.fixture(scope="module")
def uninterrupted(started, tmp_path_factory):
    """The losses of the example as it is, trained in one go."""
    losses = Example(started, None, tmp_path_factory.mktemp("whole") / "example").whole().losses()
    assert list(losses) == list(range(3 * STEPS_PER_EPOCH))
    return losses


def test_released_in_the_middle_of_an_epoch_it_goes_on_to_the_same_losses(example, uninterrupted):
    run = example()
    process = run.begin(slow_after=8)
    run.reach(8)
    run.order("pause", mode="release")
    ended(process, 0)
    assert run.last_state() == "released"
    stopped_at = max(run.losses())
    assert 8 <= stopped_at < STEPS_PER_EPOCH
    assert read_training_status(run.dir.status)["status"] == "idle"
    run.whole()
    assert min(run.losses(attempt=2)) == stopped_at + 1
    assert run.losses() == uninterrupted
    assert run.last_state() == "done"


def test_the_example_as_it_stands_goes_on_in_an_interpreter_of_its_own(example, uninterrupted, spawn):
    run = example()
    process = run.begin(slow_after=20)
    run.reach(20)
    run.order("pause", mode="release")
    ended(process, 0)
    alone = spawn(sys.executable, EXAMPLE, run._config, env={**os.environ, "GLADIUS_RUN_DIR": str(run.dir.root)})
    _, errors = alone.communicate(timeout=60)
    assert (alone.returncode, errors) == (0, "")
    assert run.losses() == uninterrupted
    assert sum(list(uninterrupted.values())[-9:]) < 0.95 * sum(list(uninterrupted.values())[:9])


def test_killed_after_a_periodic_checkpoint_it_goes_on_from_that_one_across_an_epoch(example, uninterrupted):
    run = example(checkpoint_every=STEPS_PER_EPOCH)
    process = run.begin(slow_after=STEPS_PER_EPOCH + 3)
    run.reach(STEPS_PER_EPOCH + 4)
    process.kill()
    ended(process, -signal.SIGKILL)
    run.whole()
    # The checkpoint was saved at the last step of the first epoch: nothing of it is left, the next begins.
    assert min(run.losses(attempt=2)) == STEPS_PER_EPOCH
    assert run.losses() == uninterrupted
    assert run.events("hello", attempt=2)[0]["resumed_from"]["step"] == STEPS_PER_EPOCH - 1


def test_killed_twice_in_the_middle_of_epochs_it_still_ends_with_the_same_losses(example, uninterrupted):
    run = example(checkpoint_every=10)
    for step in (11, 41):
        process = run.begin(slow_after=step)
        run.reach(step)
        process.kill()
        ended(process, -signal.SIGKILL)
    run.whole()
    assert run.losses() == uninterrupted
    assert [event["resumed_from"]["step"] for event in (run.events("hello", 2)[0], run.events("hello", 3)[0])] == [
        9,
        39,
    ]


def test_validations_in_the_middle_change_no_loss_of_a_resumed_run_either(example, uninterrupted):
    run = example(evaluate_every=7)
    process = run.begin(slow_after=8)
    run.reach(9)
    run.order("validate")
    run.order("pause", mode="release")
    ended(process, 0)
    run.whole()
    assert run.losses() == uninterrupted
    assert sum("eval/loss" in event["values"] for event in run.events("metrics")) > len(uninterrupted) // 7


@pytest.mark.parametrize(("number", "configured"), [(signal.SIGTERM, ""), (signal.SIGUSR1, "SIGUSR1")])
def test_a_preempted_job_saves_and_continues_the_same_run_when_it_is_started_again(
    example, uninterrupted, number, configured
):
    run = example()
    process = run.begin(slow_after=8, GLADIUS_PREEMPT_SIGNALS=configured)
    run.reach(8)
    os.kill(process.pid, number)
    ended(process, 0)
    assert run.last_state() == "released"
    assert run.events("state")[-1]["reason"] == f"Preempted by {number.name}"
    (checkpoint,) = published(run.dir.checkpoints)
    assert verify(checkpoint) == []
    run.whole()
    assert run.losses() == uninterrupted
    assert run.dir.attempt_numbers() == [1, 2]
    assert run.last_state() == "done"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_whoever_ends_a_held_loop_its_checkpoint_is_gone_on_from(example, uninterrupted, number, code):
    run = example()
    process = run.begin(slow_after=8)
    run.reach(8)
    run.order("pause", mode="hold")
    run.until(lambda: run.last_state() == "paused")
    os.kill(process.pid, number)
    ended(process, code)
    assert run.last_state() == ("released" if code == 0 else "paused")
    run.whole()
    assert run.losses() == uninterrupted


def test_a_batch_size_changed_before_the_interruption_stays_and_each_sample_is_seen_once(example):
    run = example(total_epochs=1)
    process = run.begin(slow_after=3)
    run.reach(3)
    run.order("set", name="batch_size", value=20)
    run.until(lambda: run.events("hyperparameters"))
    run.order("pause", mode="release")
    ended(process, 0)
    run.whole()
    small = run.events("hyperparameters")[0]["step"] + 1  # steps of 8, then of 20
    rest = -(-(211 - 8 * small) // 20)
    assert max(run.losses()) + 1 == small + rest
    assert read_training_status(run.dir.status)["epoch"] == 1.0


def test_a_training_that_was_done_is_begun_anew_when_it_is_started_again(example, uninterrupted):
    run = example(total_epochs=1, checkpoint_every=5).whole().whole()
    first, second = run.losses(attempt=1), run.losses(attempt=2)
    assert first == second
    assert list(first) == list(range(STEPS_PER_EPOCH))
