"""The example with accelerate, under `accelerate launch` with two processes, steered from outside."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("accelerate")

sys.path.insert(0, str(Path(__file__).parent))

from job import HERE, Job

pytestmark = pytest.mark.training

EXAMPLE = HERE.parents[1] / "examples" / "accelerate_loop.py"
LAUNCH = (
    Path(sys.executable).with_name("accelerate"), "launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
    "--mixed_precision", "no", "--dynamo_backend", "no", EXAMPLE,
)  # fmt: skip


def test_two_processes_under_accelerate_obey_as_one_and_go_on_after_a_release(
    home, tmp_path, spawn, until, monkeypatch
):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    job = Job(tmp_path / "job", spawn, until)
    job.launch(*LAUNCH, 100_000)
    until(lambda: len(job.steps()) > 3 or job._failed(), 90)
    hello = job.events("hello")[-1]
    assert (hello["world_size"], hello["steps_per_epoch"]) == (2, 28)
    held = job.ask("pause", mode="hold")
    others = [job.ask("validate"), job.ask("set", name="learning_rate", value=0.001), job.ask("resume")]
    assert [(one["state"], one["step"]) for one in others] == [("applied", held["step"])] * 3
    (metrics,) = [event for event in job.events("metrics") if "eval/accuracy" in event["values"]]
    assert 0 < metrics["values"]["eval/accuracy"] <= 1
    released = job.ask("pause", mode="release")
    assert released["state"] == "applied"
    wait(job)
    first, folder = job.steps(), Path(job.events("checkpoint")[-1]["path"])
    assert {"random_states_0.pkl", "random_states_1.pkl"} <= {path.name for path in folder.iterdir()}
    job.launch(*LAUNCH, released["step"] // 28 + 2)
    wait(job)
    assert job.steps()[len(first) :] == list(range(released["step"] + 1, (released["step"] // 28 + 2) * 28))
    assert job.events("metrics")[-1]["values"]["train/learning_rate"] == 0.001
    assert job.states()[-1] == "done"


def wait(job):
    output, errors = job.launcher.communicate(timeout=90)
    assert job.launcher.returncode == 0, errors[-3000:] + output
