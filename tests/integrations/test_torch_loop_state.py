"""What a plain loop's checkpoint holds, and that a wrong one is refused instead of training from scratch."""

import random
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np  # noqa: E402
from plain_training import EPOCHS, STEPS_PER_EPOCH, Helm, Training, alone, undisturbed  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

from gladius.errors import CheckpointDamaged, CheckpointMismatch, CheckpointNotFound, ConfigError  # noqa: E402
from gladius.integrations.config_file import keys_by_name, read_config  # noqa: E402
from gladius.integrations.live_batches import LiveBatches  # noqa: E402
from gladius.integrations.torch_loop import TorchLoop  # noqa: E402
from gladius.integrations.torch_state import TorchState  # noqa: E402
from gladius.pulse.start import start  # noqa: E402
from pulse_wrapper import read_training_status  # noqa: E402

pytestmark = pytest.mark.training

STEPS = EPOCHS * STEPS_PER_EPOCH


@pytest.fixture
def attempt(home, until, tmp_path, monkeypatch):
    """Train one attempt of one run; it is released after the step `until_step`."""
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(tmp_path / "run"))

    def go(training, until_step=None, **options):
        with start() as run:
            helm = Helm(run, until)
            loop = training.loop(run, **options)
            training.train(loop, {until_step: lambda: helm.order("pause", mode="release")})
        return helm

    return go


def refused(attempt, training, error, **options):
    """The resumed attempt fails before its first step; returns the error's words."""
    with pytest.raises(error) as caught:
        attempt(training, **options)
    assert training.losses == {}
    return str(caught.value)


# What a resume restores


@pytest.mark.parametrize("stop_at", [0, 4, STEPS_PER_EPOCH - 1, STEPS_PER_EPOCH])
@pytest.mark.parametrize("live", [True, False])
def test_a_resume_at_any_place_of_an_epoch_gives_the_same_losses(attempt, stop_at, live):
    first, second = Training(live=live), Training(live=live)
    attempt(first, stop_at)
    torch.manual_seed(5)
    helm = attempt(second)
    assert min(second.losses, default=STEPS) == stop_at + 1
    assert {**first.losses, **second.losses} == undisturbed(live=live).losses
    assert helm.states()[-1] == "done"


def test_a_resume_after_the_very_last_step_is_done_at_the_epoch_that_was_reached(attempt):
    attempt(Training(), STEPS - 1)
    second = Training()
    helm = attempt(second)
    assert second.losses == {}
    assert helm.states()[-1] == "done"
    status = read_training_status(helm.dir.status)
    assert (status["status"], status["epoch"], status["total_epochs"]) == ("done", 2.0, 2.0)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
@pytest.mark.parametrize("live", [True, False])
def test_with_two_workers_drawing_ahead_the_losses_are_the_same(attempt, live):
    first, second = Training(live=live, workers=2), Training(live=live, workers=2)
    attempt(first, 3)
    attempt(second)
    assert {**first.losses, **second.losses} == undisturbed(live=live, workers=2).losses


def test_a_plain_loader_with_a_generator_of_its_own_is_replayed_too(attempt):
    def with_a_generator():
        training = Training(live=False)
        generator = torch.Generator().manual_seed(8)
        training.loader = DataLoader(training.data, batch_size=4, shuffle=True, generator=generator)
        return training

    first, second = with_a_generator(), with_a_generator()
    attempt(first, 10)
    attempt(second)
    assert {**first.losses, **second.losses} == alone(with_a_generator()).losses


class Drawing(Training):
    """Draws from every generator in every step."""

    def __init__(self):
        super().__init__()
        random.seed(7), np.random.seed(7)
        self.drawn = []

    def loss(self, inputs, labels):
        numbers = random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), float(torch.rand(()))
        self.drawn.append(numbers)
        return super().loss(inputs, labels)


def test_every_generator_goes_on_where_it_was(attempt):
    whole = alone(Drawing())
    first = Drawing()
    attempt(first, 4)
    second = Drawing()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    attempt(second)
    assert first.drawn + second.drawn == whole.drawn


def test_more_objects_with_a_state_are_saved_and_restored(attempt):
    average = torch.optim.swa_utils.AveragedModel(Training().model)
    average.update_parameters(Training(width=8).model)
    attempt(Training(), 4, extra={"average": average})
    fresh = torch.optim.swa_utils.AveragedModel(Training().model)
    with torch.no_grad():
        for weight in fresh.parameters():
            weight.zero_()
    attempt(Training(), extra={"average": fresh})
    for mine, theirs in zip(average.state_dict().values(), fresh.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_state_that_would_not_load_again_is_no_checkpoint(attempt):
    class Function:
        def state_dict(self):
            return {"step": Training}

        def load_state_dict(self, state):
            raise AssertionError

    helm = attempt(Training(), 4, extra={"mine": Function()})
    (failed,) = helm.events("checkpoint")
    assert "would not load again" in failed["failed"]
    assert helm.answers() == ["accepted", "rejected"]
    assert helm.states()[-1] == "done"


def test_shared_weights_and_states_that_are_no_tensors_are_saved_too(attempt):
    class Tied(Training):
        def __init__(self):
            super().__init__()
            self.model.append(torch.nn.Linear(1, 1))
            self.model.append(torch.nn.Linear(1, 1))
            self.model[-1].weight = self.model[-2].weight
            self.optimizer.add_param_group({"params": [*self.model[-2].parameters(), self.model[-1].bias]})
            self.scheduler = None

    class Odd(torch.nn.Linear):
        def get_extra_state(self):
            return {"note": "kept"}

        def set_extra_state(self, state):
            self.note = state["note"]

    class Noted(Training):
        def __init__(self):
            super().__init__()
            self.model.append(Odd(1, 1))

    for kind, file in ((Tied, "model.safetensors"), (Noted, "model.pt")):
        first = kind()
        first.scheduler = torch.optim.lr_scheduler.LambdaLR(first.optimizer, lambda step: 1.0)
        helm = attempt(first, 2)
        assert (helm.dir.checkpoints / "step-2" / file).exists()
        second = kind()
        second.scheduler = torch.optim.lr_scheduler.LambdaLR(second.optimizer, lambda step: 1.0)
        attempt(second)
        assert min(second.losses) == 3
    assert second.model[-1].note == "kept"


def test_several_batches_make_one_step_and_a_resume_keeps_them_apart(home, until, tmp_path, monkeypatch):
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(tmp_path / "run"))

    def go(until_step=None):
        training, groups = Training(batch_size=3), {}
        with start() as run:
            helm = Helm(run, until)
            loop = training.loop(run, accumulate=4)
            for _ in loop.epochs():
                for step, group in loop.steps(training.loader):
                    groups[step] = [len(inputs) for inputs, _ in group]
                    if step == until_step:
                        helm.order("pause", mode="release")
        return helm, groups

    _, first = go(1)
    helm, second = go()
    assert list(first) == [0, 1]
    assert list(second) == [2, 3, 4, 5]
    assert [sum(sizes) for sizes in {**first, **second}.values()] == [12, 12, 8, 12, 12, 8]
    assert helm.events("hello")[-1]["total_steps"] == 6


# Settings: the checkpoint's, the script's, a person's


def alerts(helm, code):
    return [alert["message"] for alert in helm.events("alert") if alert["code"] == code]


def test_what_was_changed_live_holds_after_a_resume(home, until, tmp_path, monkeypatch):
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(tmp_path / "run"))
    first, second = Training(), Training()
    with start() as run:
        helm = Helm(run, until)
        orders = {
            1: lambda: helm.order("set", name="learning_rate", value=0.01),
            2: lambda: helm.order("set", name="batch_size", value=8),
            3: lambda: helm.order("set", name="total_epochs", value=3),
            4: lambda: helm.order("pause", mode="release"),
        }
        first.train(first.loop(run), orders)
    with start() as run:
        helm = Helm(run, until)
        second.train(second.loop(run))
    assert set(second.rates.values()) == {0.01}
    assert [second.sizes[step] for step in (5, 6)] == [4, 8]  # the rest of the epoch, then batches of the new size
    assert second.epochs_begun == [0, 1, 2]
    assert len(alerts(helm, "setting_differs")) == 3
    assert "batch_size is 4 in the script and 8 in the checkpoint: the checkpoint's" in str(
        alerts(helm, "setting_differs")
    )


def test_what_was_edited_in_the_script_since_then_wins(attempt):
    attempt(Training(), 4)
    second = Training(batch_size=16)
    helm = attempt(second, total_epochs=3, max_grad_norm=0.5)
    assert second.sizes[5] == 12  # what is left of the epoch
    assert second.sizes[6] == 16
    assert second.epochs_begun == [0, 1, 2]
    told = " ".join(alerts(helm, "setting_differs"))
    assert "total_epochs is 3 in the script and 2 in the checkpoint: the script's, edited since, holds." in told
    assert "max_grad_norm is 0.5" in told


def test_what_a_person_changed_for_this_attempt_is_applied_after_the_checkpoint(attempt, tmp_path, monkeypatch):
    helm = attempt(Training(), 4)
    wanted = {"train.learning_rate": 0.02, "batch_size": 14, "total_epochs": 1, "max_grad_norm": 0.1}
    facts = {"argv": [], "env": [], "launcher": None, "checkpoint": str(helm.dir.checkpoints / "step-4")}
    helm.dir.write_attempt(2, {**facts, "overrides": wanted})
    monkeypatch.setenv("GLADIUS_ATTEMPT", "2")
    second = Training()
    helm = attempt(second)
    assert second.rates == {5: 0.02}
    assert second.sizes == {5: 12}
    assert second.epochs_begun == [0]
    changed = {one["name"]: one["new"] for one in helm.events("hyperparameters")}
    assert changed == {"learning_rate": 0.02, "batch_size": 14, "total_epochs": 1, "max_grad_norm": 0.1}
    assert helm.events("hello")[-1]["total_steps"] == 6


def test_a_fork_begins_from_its_parents_checkpoint(attempt, home, until, monkeypatch):
    parent = attempt(Training(), 4)
    child = home.new_run("child", {"source": "api", "parent": {"run_id": "run", "kind": "fork"}})
    child.write_attempt(
        1, {"argv": [], "env": [], "launcher": None, "checkpoint": str(parent.dir.checkpoints / "step-4")}
    )
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(child.root))
    monkeypatch.setenv("GLADIUS_ATTEMPT", "1")
    forked = Training()
    helm = attempt(forked)
    whole = undisturbed().losses
    assert forked.losses == {step: whole[step] for step in range(5, STEPS)}
    assert helm.events("hello")[0]["resumed_from"]["step"] == 4


# Wrong use


def test_a_checkpoint_of_another_model_is_refused_and_names_the_weights(attempt):
    attempt(Training(), 4)
    words = refused(attempt, Training(width=9), CheckpointMismatch)
    assert "size mismatch for 0.weight" in words
    assert "Build the model as it was" in words


def test_missing_and_surplus_weights_are_named(attempt):
    attempt(Training(), 4)
    other = Training()
    other.model[4] = torch.nn.Linear(8, 1, bias=False)
    other.model.append(torch.nn.PReLU())
    words = refused(attempt, other, CheckpointMismatch)
    assert "it has no weight 5.weight" in words
    assert "this model has no weight 4.bias" in words


def test_the_refused_run_ends_as_an_error_with_the_reason(attempt, home, until):
    helm = attempt(Training(), 4)
    refused(attempt, Training(width=9), CheckpointMismatch)
    last = helm.events("state")[-1]
    assert (last["attempt"], last["state"], last["error"]["code"]) == (2, "error", "CheckpointMismatch")
    assert [one for one in helm.events("metrics") if one["attempt"] == 2] == []


def test_another_optimizer_or_schedule_is_refused_and_can_be_begun_anew(attempt):
    attempt(Training(), 4)
    other = Training()
    other.optimizer = torch.optim.SGD(other.model.parameters(), lr=0.05)
    other.scheduler = torch.optim.lr_scheduler.LambdaLR(other.optimizer, lambda step: 1.0)
    words = refused(attempt, other, CheckpointMismatch, scheduler=None)
    assert "its optimizer was a AdamW, the script's is a SGD" in words
    assert "it holds a scheduler (LambdaLR), the script has none" in words
    assert 'restore_without=("optimizer", "scheduler",)' in words
    helm = attempt(other, restore_without=("optimizer", "scheduler"))
    assert min(other.losses) == 5
    assert helm.states()[-1] == "done"


def test_weights_are_the_models_own_out_of_its_wrappers(attempt):
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        first = Training()
        plain = first.model
        first.model = torch.nn.parallel.DistributedDataParallel(plain)
        attempt(first, 4)
    finally:
        torch.distributed.destroy_process_group()
    second = Training()
    attempt(second)
    whole = undisturbed().losses
    assert {**first.losses, **second.losses} == whole


def test_a_model_that_is_sharded_over_processes_is_refused(home):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.testing._internal.distributed.fake_pg import FakeStore

    torch.distributed.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
    try:
        training = Training()
        fully_shard(training.model, mesh=init_device_mesh("cpu", (2,)))
        with start() as run, pytest.raises(ConfigError, match="TorchLoop saves whole models"):
            training.loop(run)
    finally:
        torch.distributed.destroy_process_group()


def test_an_optimizer_that_finds_its_own_rate_is_offered_none(home):
    training = Training()
    training.optimizer.param_groups[0]["lr"] = None
    with start() as run:
        training.loop(run, scheduler=None)
        run.ready()
        assert "learning_rate" not in run._hello["adjustable"]


def test_a_part_that_there_is_not_cannot_be_left_out(attempt):
    attempt(Training(), 4)
    assert "no part 'momentum'" in refused(attempt, Training(), ValueError, restore_without=("momentum",))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"total_epochs": 2.5}, "total_epochs is whole"),
        ({"accumulate": 0}, "accumulate at least 1"),
        ({"extra": {"scheduler": None}}, "'scheduler' in extra is taken"),
        ({"bad_loss": "ignore"}, "policy for a bad loss"),
        ({"every_steps": -1}, "0 or more"),
    ],
)
def test_a_broken_plan_is_refused_before_anything_is_trained(home, options, words):
    with start() as run, pytest.raises(ValueError, match=words):
        Training().loop(run, **options)


def test_other_data_are_refused(attempt):
    attempt(Training(), 4)
    other = Training()
    other.batches = LiveBatches(31, 4, seed=3)
    assert "had 32 samples, these have 31" in refused(attempt, other, ConfigError)


def test_a_checkpoint_that_is_gone_or_damaged_or_no_loops_is_refused(attempt, tmp_path):
    folder = attempt(Training(), 4).dir.checkpoints / "step-4"
    training = Training()
    state = TorchState(
        training.model, training.optimizer, {"scheduler": training.scheduler, "data_position": training.batches}
    )
    state.load(folder)
    with pytest.raises(CheckpointNotFound, match="moved or deleted"):
        state.load(tmp_path / "gone")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.safetensors").touch()
    with pytest.raises(CheckpointMismatch, match=r"no training_state\.pt"):
        state.load(tmp_path / "other")
    with (folder / "optimizer.pt").open("r+b") as file:
        file.seek(100)
        file.write(b"torn")
    with pytest.raises(CheckpointDamaged, match=r"optimizer\.pt was changed"):
        state.load(folder)
    (folder / "manifest.json").unlink()
    (folder / "optimizer.pt").write_bytes(b"torn")
    with pytest.raises(CheckpointDamaged, match=r"optimizer\.pt cannot be read"):
        state.load(folder)


def test_a_loader_that_draws_elsewhere_is_refused(home):
    training = Training()
    with start() as run:
        loop = training.loop(run)
        with pytest.raises(ConfigError, match="batch_sampler=batches"):
            next(iter(loop.steps(DataLoader(training.data, batch_size=4))))
        disordered = DataLoader(training.data, batch_sampler=training.batches, in_order=False)
        with pytest.raises(ConfigError, match="in_order"):
            next(iter(loop.steps(disordered)))


def test_a_loop_without_anything_to_evaluate_with_says_so(home):
    training = Training()
    with start() as run:
        loop = TorchLoop(run, training.model, training.optimizer, total_epochs=1)
        with pytest.raises(ConfigError, match="on_validate"):
            loop.evaluate()


def test_where_nothing_is_recorded_the_training_is_the_same(home):
    with start(), start() as unrecorded:
        assert not unrecorded.active
        training = Training()
        training.train(training.loop(unrecorded, every_steps=2, evaluate_every=3))
    assert training.losses == undisturbed().losses


def test_a_config_file_is_read_flat_and_a_broken_one_names_the_place(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("train:\n  learning_rate: 1e-4  # small\n  data: {path: a}\neval: {path: b}\n")
    config = read_config(file)
    assert config == {"train.learning_rate": 1e-4, "train.data.path": "a", "eval.path": "b"}
    assert keys_by_name(config) == {"learning_rate": "train.learning_rate"}
    file.write_text("train: [1,\n")
    with pytest.raises(ConfigError, match="line 2"):
        read_config(file)
    file.write_text("- 1\n")
    with pytest.raises(ConfigError, match="holds no keys"):
        read_config(file)
