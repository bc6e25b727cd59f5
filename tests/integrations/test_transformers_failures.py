"""What a loss that is no number, and a lack of memory, lead to; on real trainings that really diverge."""

import threading

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from small_trainer import events, make_model, make_rows, make_trainer, states  # noqa: E402

from gladius.integrations.loss_guard import LossGuard  # noqa: E402
from gladius.integrations.transformers import GladiusCallback  # noqa: E402
from gladius.pulse.control import Command, Mailbox, new_command_id  # noqa: E402
from gladius.pulse.start import start  # noqa: E402

torch.set_num_threads(1)

pytestmark = pytest.mark.training

DIVERGES = {"optim": "sgd", "learning_rate": 1e20, "max_grad_norm": 0.0}


def bad_alerts(run):
    return [alert for alert in events(run.dir, "alert") if alert["code"] == "non_finite_loss"]


@pytest.mark.parametrize("policy", ["warn", "stop"])
def test_a_diverging_training_is_told_and_stopped_where_the_policy_says_so(home, tmp_path, policy):
    with start() as run:
        trainer = make_trainer(tmp_path / "out", GladiusCallback(run=run, nan_policy=policy), **DIVERGES)
        trainer.train()
    assert len(bad_alerts(run)) == 1
    assert events(run.dir, "checkpoint") == []
    if policy == "warn":
        assert (trainer.state.global_step, states(run.dir)[-1]) == (12, "done")
        return
    assert trainer.state.global_step < 12
    last = events(run.dir, "state")[-1]
    assert (last["state"], last["error"]["code"]) == ("error", "non_finite_loss")


def test_a_policy_that_acts_needs_no_log_to_notice(home, tmp_path):
    with start() as run:
        gladius = GladiusCallback(run=run, nan_policy="stop")
        trainer = make_trainer(tmp_path / "out", gladius, logging_steps=100, **DIVERGES)
        trainer.train()
    assert trainer.state.global_step < 12
    assert states(run.dir)[-1] == "error"


def test_a_bad_loss_holds_without_a_checkpoint_until_somebody_decides(home, tmp_path, until):
    def decides(run):
        until(lambda: states(run.dir)[-1] == "paused")
        stop = Command(new_command_id(), "stop", run.attempt, {"checkpoint": False}, issued_by="a test")
        Mailbox(run.dir.control).post(stop)

    with start() as run:
        person = threading.Thread(target=decides, args=(run,))
        person.start()
        trainer = make_trainer(tmp_path / "out", GladiusCallback(run=run, nan_policy="pause"), **DIVERGES)
        trainer.train()
        person.join()
    assert trainer.state.global_step < 12
    assert states(run.dir)[-3:] == ["paused", "stopping", "cancelled"]
    assert events(run.dir, "checkpoint") == []


def test_a_rollback_names_the_last_good_checkpoint_and_half_the_rate(home, tmp_path):
    """The first epoch is good; in the second the weights are poisoned before step 9."""

    class Poison(transformers.TrainerCallback):
        def on_step_begin(self, args, state, control, model=None, **kwargs):
            if state.global_step == 8:
                with torch.no_grad():
                    model.lm_head.weight.fill_(float("inf"))

    with start() as run:
        gladius = GladiusCallback(
            run=run, publish_to=run.dir.checkpoints, nan_policy="rollback", checkpoint_steps=3,
            config_keys={"learning_rate": "train.learning_rate"},
        )  # fmt: skip
        make_trainer(tmp_path / "out", gladius, Poison()).train()
    last = events(run.dir, "state")[-1]
    assert (last["state"], last["error"]["code"], last["error"]["retryable"]) == ("error", "non_finite_loss", True)
    restart = last["error"]["restart"]
    assert restart == {
        "checkpoint": str(run.dir.checkpoints / "step-6"), "overrides": {"train.learning_rate": 0.005},
    }  # fmt: skip


def test_a_loss_behind_the_trainers_filter_is_told(home, tmp_path):
    with start() as run:
        trainer = make_trainer(tmp_path / "out", GladiusCallback(run=run), logging_nan_inf_filter=True, **DIVERGES)
        trainer.train()
    assert trainer.state.global_step == 12
    assert len(bad_alerts(run)) == 1


def test_infinite_gradients_with_a_finite_loss_are_normal():
    model = make_model().train()
    guard = LossGuard(model)
    row = make_rows(1)[0]
    loss = model(input_ids=row["input_ids"][None], labels=row["labels"][None]).loss
    (loss * torch.tensor(1e38) * 100).backward()  # as a scaler with a scale that is too large
    assert not all(torch.isfinite(one.grad).all() for one in model.parameters() if one.grad is not None)
    assert guard.take() is None
    guard.close()


def test_the_worst_of_several_passes_is_kept_until_it_is_looked_at():
    model = make_model().train()
    guard = LossGuard(model)
    row = make_rows(1)[0]
    batch = {"input_ids": row["input_ids"][None], "labels": row["labels"][None]}
    weight = model.lm_head.weight.detach().clone()
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
        model(**batch)
        model.lm_head.weight.copy_(weight)
    model(**batch)
    assert guard.take() != guard.take()  # NaN, then None
    model.eval()
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
        model(**batch)
    assert guard.take() is None  # an evaluation is not the training's loss
    guard.close()


def out_of_host_memory():
    torch.empty(1 << 60)


def out_of_device_memory():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def out_of_python_memory():
    bytearray(1 << 60)


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (out_of_host_memory, "out_of_memory"),
        (out_of_python_memory, "out_of_memory"),
        (out_of_device_memory, "cuda_out_of_memory"),
    ],
)
def test_a_lack_of_memory_arrives_as_what_it_is(home, tmp_path, happens, code):
    class Hungry(transformers.Trainer):
        def training_step(self, *args, **kwargs):
            if self.state.global_step == 2:
                happens()
            return super().training_step(*args, **kwargs)

    with pytest.raises((MemoryError, RuntimeError)), start() as run:
        make_trainer(tmp_path / "out", GladiusCallback(run=run), kind=Hungry).train()
    last = events(run.dir, "state")[-1]
    assert (last["state"], last["error"]["code"], last["error"]["retryable"]) == ("error", code, True)
    assert "training_step" in last["error"]["traceback"]
