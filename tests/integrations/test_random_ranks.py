"""A hundred commands at random moments, over two processes: none hangs, and the ranks stay the same."""

import random
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

sys.path.insert(0, str(Path(__file__).parent))

from job import Job  # noqa: E402

from gladius.pulse.control import Command, Mailbox, new_command_id  # noqa: E402

pytestmark = pytest.mark.training

SEED = 7
CHOICES = (
    ("checkpoint", {}), ("validate", {"split": "eval"}), ("pause", {"mode": "hold"}), ("resume", {}), ("resume", {}),
    ("set", {"name": "learning_rate"}), ("set", {"name": "weight_decay"}), ("set", {"name": "checkpoint_every_steps"}),
    ("validate", {"split": "test"}),
)  # fmt: skip


@pytest.mark.parametrize(("training", "commands"), [("ranks_training", 100), ("trainer_ranks", 50)])
def test_a_hundred_commands_at_random_moments_leave_no_rank_behind(home, tmp_path, spawn, until, training, commands):
    chance = random.Random(SEED)
    job = Job(tmp_path / "job", spawn, until).planned(epochs=100_000)
    try:
        job.start(training)
        until(lambda: len(job.steps()) > 3 or job._failed(), 60)
        posted = [post(job, chance) for _ in range(commands)]
        until(lambda: set(answers(job)) >= {one.id for one in posted} or job._failed(), 60)
        job.ask("resume")
        assert job.ask("stop")["state"] == "applied"
        told = job.end()
    finally:
        job.clear_away()
    assert told[0]["weights"] == told[1]["weights"]
    assert told[0]["rates"] == told[1]["rates"]
    assert told[0].get("calls") == told[1].get("calls")
    assert told[0]["losses"].keys() == told[1]["losses"].keys() and len(told[0]["losses"]) > 5
    said = answers(job)
    refused = {one.command for one in posted if said[one.id]["state"] == "rejected"}
    assert refused == ({"validate"} if training == "ranks_training" else set()), said  # a loop without a test split
    assert job.states()[-1] == "cancelled"


def post(job, chance):
    """One command, some milliseconds after the one before: a few steps, or within the same one."""
    time.sleep(chance.choice((0, 0, 0.01, 0.05, 0.2)))
    name, args = chance.choice(CHOICES)
    if name == "set":
        steps = args["name"] == "checkpoint_every_steps"
        args = {**args, "value": chance.randint(0, 40) if steps else chance.uniform(0.0, 0.05)}
    command = Command(new_command_id(), name, 1, args, issued_by="chance")
    Mailbox(job.dir.control).post(command)
    return command


def answers(job):
    return {ack["command_id"]: ack for ack in job.events("ack") if ack["state"] != "accepted"}
