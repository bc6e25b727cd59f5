"""The examples with Keras and JAX, steered from outside: what they do after a checkpoint they do again, to the last bit."""

import importlib.util
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from job import HERE, Job

from gladius.pulse.checkpoints import read_facts, verify

pytestmark = pytest.mark.training

EXAMPLES = HERE.parents[1] / "examples"
STEPS_PER_EPOCH = 28
NEEDS = {"keras": ("keras", "torch"), "jax": ("jax", "optax")}


@pytest.mark.parametrize("example", ["keras", "jax"])
def test_a_loop_of_another_framework_obeys_and_repeats_itself_from_a_checkpoint(
    home, tmp_path, spawn, until, monkeypatch, example
):
    missing = [name for name in NEEDS[example] if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed here")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    job = Job(tmp_path / "job", spawn, until)
    command = (sys.executable, EXAMPLES / f"{example}_loop.py", 100_000)
    job.launch(*command)
    until(lambda: len(job.steps()) > 3 or job._failed(), 90)
    hello = job.events("hello")[-1]
    assert set(hello["capabilities"]) == {"pause", "resume", "stop", "checkpoint", "validate", "set"}
    assert (hello["steps_per_epoch"], hello["splits"]) == (STEPS_PER_EPOCH, ["eval"])
    held = job.ask("pause", mode="hold")
    asked = [job.ask("validate"), job.ask("checkpoint"), job.ask("resume")]
    assert [(one["state"], one["step"]) for one in asked] == [("applied", held["step"])] * 3
    (metrics,) = [event for event in job.events("metrics") if "eval/accuracy" in event["values"]]
    assert 0 < metrics["values"]["eval/accuracy"] <= 1 and metrics["values"]["eval/loss"] > 0
    saved = Path(job.events("checkpoint")[-1]["path"])
    assert verify(saved) == [] and "random_states" in read_facts(saved)["contents"]
    until(lambda: job.steps()[-1] > held["step"] + STEPS_PER_EPOCH or job._failed())
    released = job.ask("pause", mode="release")
    ended(job)
    first = losses(job, 1)
    assert job.states()[-1] == "released" and max(first) == released["step"]

    job.dir.write_attempt(2, {"argv": [], "env": [], "launcher": None, "checkpoint": str(saved)})
    monkeypatch.setenv("GLADIUS_ATTEMPT", "2")
    job.launch(*command)
    until(lambda: (job.steps()[-1] > released["step"] and len(losses(job, 2)) > 3) or job._failed(), 90)
    assert job.events("hello")[-1]["resumed_from"] == {"checkpoint": str(saved), "step": held["step"]}
    change = job.ask("set", name="learning_rate", value=0.0005)
    until(lambda: job.steps()[-1] > change["step"] + 1 or job._failed())
    assert job.ask("stop")["state"] == "applied"
    ended(job)
    second = losses(job, 2)
    again = range(held["step"] + 1, min(released["step"], change["step"]) + 1)
    assert len(again) > STEPS_PER_EPOCH
    assert [second[step] for step in again] == [first[step] for step in again]
    rates = {event["step"]: event["values"]["train/learning_rate"] for event in job.events("metrics")[-5:]}
    assert rates[max(rates)] == pytest.approx(0.0005)
    assert job.events("checkpoint")[-1]["kind"] == "final" and job.states()[-1] == "cancelled"


def losses(job, attempt):
    rows = [event for event in job.events("metrics") if event["attempt"] == attempt]
    return {row["step"]: row["values"]["train/loss"].hex() for row in rows if "train/loss" in row["values"]}


def ended(job):
    output, errors = job.launcher.communicate(timeout=60)
    assert job.launcher.returncode == 0, errors[-3000:] + output
