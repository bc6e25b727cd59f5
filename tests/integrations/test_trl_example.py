"""The example with TRL: steered from outside while it trains, and resumed in another process."""

import runpy
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl")

sys.path.insert(0, str(Path(__file__).parent))

from job import HERE, Job

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default::FutureWarning")]

EXAMPLE = HERE.parents[1] / "examples" / "trl_sft.py"


def test_an_sft_training_goes_on_in_another_process_to_the_same_losses(home, tmp_path, spawn, until, monkeypatch):
    for name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")
    job = Job(tmp_path / "job", spawn, until)
    job.launch(sys.executable, EXAMPLE, 3000)
    until(lambda: len(job.steps()) > 3 or job._failed(), 90)
    held = job.ask("pause", mode="hold")
    others = [job.ask("validate"), job.ask("checkpoint"), job.ask("resume")]
    assert [(one["state"], one["step"]) for one in others] == [("applied", held["step"])] * 3
    released = job.ask("pause", mode="release")
    assert released["state"] == "applied"
    finish(job)
    job.launch(sys.executable, EXAMPLE, 3000)
    until(lambda: job.steps()[-1] > released["step"] + 8 or job._failed(), 90)
    assert job.ask("stop")["state"] == "applied"
    finish(job)
    assert job.states()[-1] == "cancelled"
    told = [event for event in job.events("metrics") if "train/loss" in event["values"]]
    alone = uninterrupted(tmp_path / "alone", monkeypatch, steps=released["step"] + 8)
    assert {event["step"]: event["values"]["train/loss"] for event in told if event["step"] in alone} == alone
    assert job.events("samples")[0]["rows"][0]["reference"] == " red red"


def uninterrupted(folder, monkeypatch, steps):
    """The losses of the example's trainer without any callback of ours."""
    import transformers

    class Ends(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            control.should_training_stop = state.global_step == steps

    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), "3000"])
    trainer = runpy.run_path(str(EXAMPLE))["make_trainer"](folder, Ends())
    trainer.train()
    return {entry["step"]: entry["loss"] for entry in trainer.state.log_history if "loss" in entry}


def finish(job):
    output, errors = job.launcher.communicate(timeout=90)
    assert job.launcher.returncode == 0, errors[-3000:] + output
