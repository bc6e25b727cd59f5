"""Every control on a Lightning Trainer that trains a real small model."""

import os
import signal
import sys
from pathlib import Path

import pytest

pytest.importorskip("lightning")
torch = pytest.importorskip("torch")

sys.path.insert(0, str(Path(__file__).parent))

from lightning_training import STEPS, train  # noqa: E402
from plain_training import Helm  # noqa: E402

from gladius.pulse.checkpoints import published, read_facts, verify  # noqa: E402
from gladius.pulse.start import start  # noqa: E402

pytestmark = pytest.mark.training


@pytest.fixture
def steered(home, until, tmp_path):
    def go(at=lambda helm: {}, **options):
        with start(name="lightning") as run:
            helm = Helm(run, until)
            helm.run = run
            return helm, train(tmp_path, run, at(helm), **options)

    return go


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The same training without any of this."""
    return train(tmp_path_factory.mktemp("alone")).losses


def test_it_trains_as_if_nobody_watched(steered, alone):
    helm, module = steered()
    assert module.losses == alone and len(alone) == STEPS
    hello = helm.events("hello")[-1]
    assert set(hello["capabilities"]) == {"pause", "resume", "stop", "checkpoint", "validate", "set"}
    assert (hello["total_steps"], hello["steps_per_epoch"], hello["total_epochs"]) == (STEPS, STEPS // 2, 2.0)
    assert {step: float(loss).hex() for step, loss in helm.metrics("train/loss").items()} == alone
    assert sorted(helm.metrics("eval/loss")) == [STEPS // 2, STEPS]
    assert helm.states()[-1] == "done"


def test_whatever_is_asked_during_a_hold_changes_no_later_loss(steered, alone):
    asked = []

    def at(helm):
        def pause():
            steps = [lambda name=name: asked.append(helm.ask(name)) for name in ("validate", "checkpoint", "resume")]
            helm.once_paused(*steps)
            helm.order("pause", mode="hold")

        return {5: pause}

    helm, module = steered(at)
    helm.join()
    assert [(one["state"], one["step"]) for one in asked] == [("applied", 5)] * 3
    assert module.losses == alone
    assert 5 in helm.metrics("eval/loss")
    assert verify(Path(helm.events("checkpoint")[-1]["path"])) == []


def test_a_validation_and_a_checkpoint_in_the_middle_change_no_later_loss(steered, alone):
    helm, module = steered(lambda helm: {3: lambda: helm.order("validate"), 11: lambda: helm.order("checkpoint")})
    assert module.losses == alone
    assert helm.answers() == ["accepted", "applied"] * 2
    assert sorted(helm.metrics("eval/loss")) == [3, STEPS // 2, STEPS]


def test_a_new_peak_rate_is_used_at_the_next_step(steered):
    helm, module = steered(lambda helm: {9: lambda: helm.order("set", name="learning_rate", value=0.01)})
    assert [round(module.rates[step], 6) for step in (1, 5, 9, 10, STEPS)] == [0.01, 0.05, 0.05, 0.01, 0.01]
    assert helm.answers() == ["accepted", "applied"]


def test_a_stop_leaves_a_final_checkpoint_though_more_epochs_were_the_least(steered):
    helm, module = steered(lambda helm: {6: lambda: helm.order("stop")}, min_epochs=2)
    assert max(module.losses) == 6
    assert [event["kind"] for event in helm.events("checkpoint")] == ["final"]
    assert helm.states()[-1] == "cancelled"


def test_a_confirmed_key_of_the_file_is_taken_over_and_a_stop_without_a_checkpoint_saves_none(steered):
    def at(helm):
        return {3: lambda: helm.order("reload_config", keys=["train.rate", "train.seed"]),
                6: lambda: helm.order("stop", checkpoint=False)}  # fmt: skip

    told = {
        "config_keys": {"learning_rate": "train.rate"},
        "read_config": lambda: {"train.rate": 0.02, "train.seed": 1},
    }
    helm, module = steered(at, callback=told)
    reloaded, stopped = (ack for ack in helm.events("ack") if ack["state"] == "applied")
    assert "0.02" in reloaded["detail"] and "train.seed needs a restart" in reloaded["detail"]
    assert helm.events("hello")[-1]["adjustable"]["learning_rate"]["key"] == "train.rate"
    assert [round(module.rates[step], 6) for step in (3, 5, 6)] == [0.03, 0.02, 0.02]
    assert (max(module.losses), stopped["step"]) == (6, 6)
    assert helm.events("checkpoint") == [] and helm.states()[-1] == "cancelled"


@pytest.mark.parametrize("policy", ["warn", "stop", "rollback"])
def test_a_loss_that_is_no_number_is_met_as_the_policy_says(steered, alone, policy):
    # With `warn` nothing waits for the device: it is noticed where a loss is logged or a checkpoint is saved.
    helm, module = steered(poisoned={7}, callback={"bad_loss": policy, "checkpoint_steps": 2}, log_every_n_steps=5)
    (told,) = [alert for alert in helm.events("alert") if alert["code"] == "non_finite_loss"]
    assert told["message"] == "loss is NaN since step 7"
    assert max(module.losses) == (STEPS if policy == "warn" else 7)
    error = helm.events("state")[-1].get("error") or {}
    assert helm.states()[-1] == ("done" if policy == "warn" else "error")
    if policy == "rollback":
        assert error["restart"]["checkpoint"] == str(helm.dir.checkpoints / "step-4")  # step 5 was the last one logged
        assert error["restart"]["overrides"] == {"learning_rate": pytest.approx(0.025)}


def test_a_bad_loss_holds_until_somebody_decides(steered):
    def at(helm):
        return {7: lambda: helm.once_paused(lambda: helm.order("stop", checkpoint=False))}

    helm, module = steered(at, poisoned={7}, callback={"bad_loss": "pause"})
    helm.join()
    assert max(module.losses) == 7
    assert helm.states()[-3:] == ["paused", "stopping", "cancelled"]
    assert helm.events("checkpoint") == []


def test_checkpoints_come_by_steps_the_newest_stay_and_one_that_fails_costs_nothing_else(steered, alone):
    helm, module = steered(callback={"checkpoint_steps": 3, "keep": 2}, fails_to_save_at={9})
    assert module.losses == alone and helm.states()[-1] == "done"
    saves = [(event["step"], event.get("failed")) for event in helm.events("checkpoint")]
    assert [step for step, failed in saves if not failed] == [3, 6, 12, 15]
    assert [(step, failed) for step, failed in saves if failed] == [(9, "no space left on device")]
    assert sorted(path.name for path in published(helm.dir.checkpoints)) == ["step-12", "step-15"]
    assert "checkpoint_failed" in [alert["code"] for alert in helm.events("alert")]


def test_a_fork_begins_from_its_parents_checkpoint_with_another_rate(steered, alone, home, monkeypatch):
    parent, _ = steered(lambda helm: {5: lambda: helm.order("pause", mode="release")})
    child = home.new_run("child", {"source": "api", "parent": {"run_id": parent.dir.run_id, "kind": "fork"}})
    origin = {"checkpoint": str(parent.dir.checkpoints / "step-5"), "overrides": {"learning_rate": 0.01}}
    child.write_attempt(1, {"argv": [], "env": [], "launcher": None, **origin})
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(child.root))
    monkeypatch.setenv("GLADIUS_ATTEMPT", "1")
    helm, forked = steered()
    assert (helm.dir.run_id, helm.events("hello")[-1]["resumed_from"]["step"]) == (child.run_id, 5)
    assert (min(forked.losses), forked.losses[6], forked.rates[6]) == (6, alone[6], pytest.approx(0.01))
    assert helm.states()[-1] == "done"


def test_a_lack_of_memory_arrives_as_what_it_is(home, tmp_path, until):
    def happens():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    with pytest.raises(torch.OutOfMemoryError), start() as run:
        helm = Helm(run, until)
        train(tmp_path, run, {4: happens})
    error = helm.events("state")[-1]["error"]
    assert (error["code"], error["retryable"]) == ("cuda_out_of_memory", True)


def test_a_preempted_training_goes_on_when_it_is_started_again(steered, alone, monkeypatch):
    helm, first = steered(lambda helm: {5: lambda: os.kill(os.getpid(), signal.SIGTERM)})
    assert (max(first.losses), helm.states()[-1]) == (5, "released")
    assert helm.events("state")[-1]["reason"] == "Preempted by SIGTERM"
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(helm.dir.root))
    _, second = steered()
    assert {**first.losses, **second.losses} == alone


@pytest.mark.parametrize("at_step", [5, 8, 11])
def test_with_a_stateful_loader_a_released_training_goes_on_to_the_same_losses(steered, alone, monkeypatch, at_step):
    helm, first = steered(lambda helm: {at_step: lambda: helm.order("pause", mode="release")})
    assert (max(first.losses), helm.states()[-1]) == (at_step, "released")
    assert "data_position" in read_facts(helm.dir.checkpoints / f"step-{at_step}")["contents"]
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(helm.dir.root))
    torch.manual_seed(99)
    again, second = steered()
    assert {**first.losses, **second.losses} == alone
    assert min(second.losses) == at_step + 1
    assert again.events("hello")[-1]["resumed_from"]["step"] == at_step


def test_with_a_plain_loader_the_place_in_the_data_is_said_to_be_lost(steered):
    helm, _ = steered(lambda helm: {5: lambda: helm.order("checkpoint")}, stateful=False)
    assert "data_position" not in read_facts(helm.dir.checkpoints / "step-5")["contents"]
    assert "no_data_position" in [alert["code"] for alert in helm.events("alert")]


def test_what_lightning_has_nothing_for_is_not_offered_and_the_reason_is_told(steered):
    helm, _ = steered(lambda helm: {2: lambda: helm.order("stop", checkpoint=False)}, validated=False)
    hello = helm.events("hello")[-1]
    assert "validate" not in hello["capabilities"] and "reload_config" not in hello["capabilities"]
    assert hello["reasons"] == {
        "validate": "this Trainer has no validation loader.",
        "reload_config": "GladiusCallback(read_config=...) enables this.",
    }


def test_an_exception_in_the_training_ends_the_run_as_an_error(home, tmp_path, until):
    def fail():
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"), start() as run:
        helm = Helm(run, until)
        train(tmp_path, run, {4: fail})
    assert helm.events("state")[-1]["error"]["code"] == "ValueError"
