"""Every control on a plain PyTorch loop that trains a real small model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

sys.path.insert(0, str(Path(__file__).parent))

from plain_training import EPOCHS, SAMPLES, STEPS_PER_EPOCH, Helm, Training, undisturbed  # noqa: E402

from gladius.pulse.checkpoints import verify  # noqa: E402
from gladius.pulse.start import start  # noqa: E402
from gladius.wire.events import parse_event  # noqa: E402
from pulse_wrapper import read_training_status  # noqa: E402

pytestmark = pytest.mark.training

STEPS = EPOCHS * STEPS_PER_EPOCH


@pytest.fixture
def steered(home, until):
    """Train under a run; `at(helm)` maps steps to what happens in their body."""

    def train(at=lambda helm: {}, training=None, before=None, splits=("eval", "test"), **options):
        training = training or Training()
        training.splits = splits
        with start(name="plain") as run:
            helm = Helm(run, until)
            training.loop_object = training.loop(run, **options)
            if before is not None:
                before(helm)
            training.train(training.loop_object, at(helm))
            helm.run = run
        for number, event in enumerate(events := read_all(helm)):
            parse_event.validate_python(event)
            assert event["seq"] == number, events
        return helm, training

    return train


def read_all(helm):
    from gladius.pulse.events import EventReader

    return EventReader(helm.dir.events).read_all()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def changes(helm):
    return [(one["name"], one["old"], one["new"], one["by"]) for one in helm.events("hyperparameters")]


# Hold, release, resume, stop


def test_it_trains_as_if_nobody_watched(steered):
    helm, training = steered()
    assert training.losses == undisturbed().losses
    assert len(training.losses) == STEPS
    assert helm.states() == ["preparing", "running", "done"]
    status = read_training_status(helm.dir.status)
    assert (status["status"], status["epoch"], status["total_epochs"]) == ("done", 2.0, 2.0)
    hello = helm.events("hello")[-1]
    assert (hello["total_steps"], hello["steps_per_epoch"], hello["samples"]) == (STEPS, STEPS_PER_EPOCH, SAMPLES)
    assert set(hello["capabilities"]) == {"pause", "resume", "stop", "checkpoint", "validate", "set"}
    assert hello["pause_modes"] == ["hold", "release"]
    assert hello["reasons"] == {"reload_config": "TorchLoop(config_file=...) enables this."}


def test_a_hold_saves_and_stays_and_the_resumed_loop_changes_no_loss(steered):
    seen = []

    def at(helm):
        def pause():
            helm.once_paused(lambda: seen.append(len(training.losses)), lambda: seen.append(helm.ask("resume")["step"]))
            helm.order("pause", mode="hold")

        return {5: pause}

    training = Training()
    helm, _ = steered(at, training)
    helm.join()
    assert seen == [6, 5]
    assert training.losses == undisturbed().losses
    assert helm.answers() == ["accepted", "applied", "accepted", "applied"]
    (checkpoint,) = helm.events("checkpoint")
    assert (checkpoint["step"], checkpoint["kind"]) == (5, "pause")
    assert verify(Path(checkpoint["path"])) == []


def test_a_release_ends_the_loop_and_the_next_attempt_goes_on_to_the_same_losses(steered, until, monkeypatch):
    helm, first = steered(lambda helm: {10: lambda: helm.order("pause", mode="release")})
    assert max(first.losses) == 10
    assert helm.states()[-2:] == ["checkpointing", "released"]
    assert read_training_status(helm.dir.status)["status"] == "idle"
    assert helm.answers() == ["accepted", "applied"]
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(helm.dir.root))
    with start() as run:
        assert run.resume_from == str(helm.dir.checkpoints / "step-10")
        second = Training()
        torch.manual_seed(99)  # whatever the new process did before must not matter
        second.train(second.loop(run))
    assert {**first.losses, **second.losses} == undisturbed().losses
    assert min(second.losses) == 11
    hello = helm.events("hello")[-1]
    assert hello["resumed_from"] == {"checkpoint": str(helm.dir.checkpoints / "step-10"), "step": 10}
    assert hello["total_steps"] == STEPS
    assert helm.states()[-1] == "done"


def test_a_release_while_held_lets_go_too(steered):
    def at(helm):
        def pause():
            helm.once_paused(lambda: helm.order("pause", mode="release"))
            helm.order("pause", mode="hold")

        return {3: pause}

    helm, training = steered(at)
    helm.join()
    assert helm.states()[-1] == "released"
    assert max(training.losses) == 3


def test_a_stop_ends_with_a_final_checkpoint(steered):
    helm, training = steered(lambda helm: {6: lambda: helm.order("stop")})
    assert (max(training.losses), training.epochs_begun) == (6, [0])
    (checkpoint,) = helm.events("checkpoint")
    assert (checkpoint["step"], checkpoint["kind"]) == (6, "final")
    assert helm.states()[-1] == "cancelled"
    assert helm.answers() == ["accepted", "applied"]
    status = read_training_status(helm.dir.status)
    assert (status["status"], status["epoch"]) == ("done", 7 / STEPS_PER_EPOCH)


def test_a_stop_without_a_checkpoint_saves_none(steered):
    helm, _ = steered(lambda helm: {6: lambda: helm.order("stop", checkpoint=False)})
    assert helm.events("checkpoint") == []
    assert helm.states()[-1] == "cancelled"


def test_a_stop_while_held_ends_it(steered):
    def at(helm):
        def pause():
            helm.once_paused(lambda: helm.order("stop"))
            helm.order("pause")

        return {2: pause}

    helm, training = steered(at)
    helm.join()
    assert max(training.losses) == 2
    assert helm.states()[-1] == "cancelled"


# Checkpoints


def test_a_checkpoint_on_demand_is_verified_and_holds_everything(steered):
    helm, training = steered(lambda helm: {4: lambda: helm.order("checkpoint")})
    (checkpoint,) = helm.events("checkpoint")
    folder = Path(checkpoint["path"])
    assert (folder.name, checkpoint["kind"]) == ("step-4", "manual")
    assert verify(folder) == []
    assert names(folder) == ["gladius.json", "manifest.json", "model.safetensors", "optimizer.pt", "training_state.pt"]
    facts = json.loads((folder / "gladius.json").read_text())
    assert facts["contents"] == ["model", "optimizer", "scheduler", "data_position", "random_states", "counters"]
    assert facts["epoch"] == 5 / STEPS_PER_EPOCH
    assert facts["hyperparameters"]["learning_rate"] == 0.05
    assert training.losses == undisturbed().losses


def test_a_checkpoint_while_held_is_saved_and_the_hold_goes_on(steered):
    answers = []

    def at(helm):
        def pause():
            helm.once_paused(
                lambda: answers.append(helm.ask("checkpoint")),
                lambda: answers.append(helm.states()[-1]),
                lambda: helm.ask("resume"),
            )
            helm.order("pause")

        return {4: pause}

    helm, training = steered(at)
    helm.join()
    assert (answers[0]["state"], answers[1]) == ("applied", "paused")
    assert [one["kind"] for one in helm.events("checkpoint")] == ["pause", "manual"]
    assert training.losses == undisturbed().losses


def test_periodic_checkpoints_by_steps_keep_the_last_ones(steered):
    helm, training = steered(every_steps=3, keep_last=2)
    assert [one["step"] for one in helm.events("checkpoint")] == [2, 5, 8, 11, 14]
    assert names(helm.dir.checkpoints) == ["step-11", "step-14"]
    assert training.losses == undisturbed().losses


def test_periodic_checkpoints_by_minutes_come_by_the_clock(steered, until):
    def at(helm):
        # The body waits for what is due anyway, so the number of checkpoints is the clock's.
        import time

        def a_moment():
            began = time.monotonic()
            until(lambda: time.monotonic() - began > 0.13)

        return {3: a_moment, 9: a_moment}

    helm, _ = steered(at, every_minutes=0.002)
    steps = [one["step"] for one in helm.events("checkpoint")]
    assert {3, 9} <= set(steps)
    assert all(one["kind"] == "auto" for one in helm.events("checkpoint"))


def test_the_best_checkpoint_stays_besides_the_last(steered):
    helm, _ = steered(every_steps=2, evaluate_every=2, keep_last=1, keep_best="-eval/loss")
    losses = helm.metrics("eval/loss")
    worst = max(losses, key=losses.get)
    assert names(helm.dir.checkpoints) == sorted({f"step-{worst}", "step-15"})


class Stubborn:
    """A part of a training whose state cannot be written at first."""

    def __init__(self):
        self.refuses = True

    def state_dict(self):
        if self.refuses:
            raise OSError(28, "No space left on device")
        return {"value": 1}

    def load_state_dict(self, state):
        pass


def test_a_save_that_fails_is_told_and_rejected_and_the_training_goes_on(steered):
    part = Stubborn()

    def heal():
        part.refuses = False

    helm, training = steered(
        lambda helm: {4: lambda: helm.order("checkpoint"), 5: heal}, extra={"average": part}, every_steps=8
    )
    failed, *good = helm.events("checkpoint")
    assert "No space left" in failed["failed"]
    assert [one["step"] for one in good] == [7, 15]
    assert helm.answers() == ["accepted", "rejected"]
    assert "checkpoint_failed" in [alert["code"] for alert in helm.events("alert")]
    assert names(helm.dir.checkpoints) == ["step-15", "step-7"]
    assert training.losses == undisturbed().losses


def test_a_pause_whose_save_fails_holds_and_a_release_lets_nothing_go(steered):
    answers = []

    def at(helm):
        def pause():
            helm.once_paused(
                lambda: answers.append(helm.ask("pause", mode="release")),
                lambda: answers.append(helm.states()[-1]),
                lambda: helm.ask("resume"),
            )
            helm.order("pause")

        return {4: pause}

    helm, training = steered(at, extra={"average": Stubborn()})
    helm.join()
    assert (answers[0]["state"], answers[1]) == ("rejected", "paused")
    assert "No space left" in answers[0]["detail"]
    assert training.losses == undisturbed().losses


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_costs_the_checkpoint_and_leaves_the_last_good_one(steered, small_disk):
    big = Training(width=400)
    helm, _ = steered(lambda helm: {4: lambda: helm.order("checkpoint")}, big, publish_to=small_disk)
    (failed,) = helm.events("checkpoint")
    assert failed["failed"]
    assert names(small_disk) == []
    assert max(big.losses) == STEPS - 1
    helm, small = steered(every_steps=5, keep_last=1, publish_to=small_disk, training=Training())
    told = helm.events("checkpoint")
    good = [one for one in told if "failed" not in one]
    assert good
    assert verify(small_disk / f"step-{good[-1]['step']}") == []
    assert max(small.losses) == STEPS - 1


# Set


def test_a_new_peak_learning_rate_holds_from_the_next_step(steered):
    helm, training = steered(lambda helm: {2: lambda: helm.order("set", name="learning_rate", value=0.01)})
    assert changes(helm) == [("learning_rate", 0.05, 0.01, "a test")]
    assert [training.rates[step] for step in (2, 3, 4, 15)] == pytest.approx([0.03, 0.008, 0.01, 0.01])
    assert helm.events("hello")[0]["adjustable"]["learning_rate"]["label"] == "peak learning rate"
    assert training.losses[3] == undisturbed().losses[3]
    assert training.losses[5] != undisturbed().losses[5]


def test_a_new_weight_decay_holds_from_the_next_step(steered):
    helm, training = steered(lambda helm: {2: lambda: helm.order("set", name="weight_decay", value=0.5)})
    assert changes(helm) == [("weight_decay", 0.1, 0.5, "a test")]
    assert [group["weight_decay"] for group in training.optimizer.param_groups] == [0.5]
    assert training.losses[5] != undisturbed().losses[5]


def test_a_new_clipping_norm_holds_from_the_next_step(steered):
    norms = {}

    def at(helm):
        def measure(step):
            gradients = [weight.grad for weight in helm.model.parameters()]
            norms[step] = float(torch.nn.utils.get_total_norm(gradients))

        orders = {step: lambda step=step: measure(step) for step in (3, 4, 5, 6)}
        orders[2] = lambda: helm.order("set", name="max_grad_norm", value=0.01)
        return orders

    training = Training()

    def before(helm):
        helm.model = training.model

    helm, _ = steered(at, training, before)
    assert changes(helm) == [("max_grad_norm", 1.0, 0.01, "a test")]
    assert list(norms.values()) == pytest.approx([0.01] * 4, rel=1e-3)


def test_a_new_batch_size_holds_for_the_next_batch_and_each_sample_is_still_seen_once(steered):
    helm, training = steered(lambda helm: {2: lambda: helm.order("set", name="batch_size", value=10)})
    assert list(training.sizes.values()) == [4, 4, 4, 10, 10, 10, 10, 10, 2]
    hello = helm.events("hello")[-1]
    assert (hello["total_steps"], hello["steps_per_epoch"]) == (9, 4)
    assert helm.states()[-1] == "done"
    assert read_training_status(helm.dir.status)["epoch"] == 2.0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_with_workers_a_new_batch_size_comes_after_what_they_drew_ahead(steered):
    helm, training = steered(
        lambda helm: {1: lambda: helm.order("set", name="batch_size", value=8), 8: lambda: helm.order("stop")},
        Training(batch_size=2, workers=2),
    )
    assert changes(helm) == [("batch_size", 2, 8, "a test")]
    assert list(training.sizes.values()) == [2, 2, 2, 2, 2, 2, 8, 8, 4]
    assert training.batches.position == SAMPLES


def test_more_and_fewer_epochs_end_the_training_there(steered):
    helm, training = steered(lambda helm: {2: lambda: helm.order("set", name="total_epochs", value=3)})
    assert training.epochs_begun == [0, 1, 2]
    assert helm.events("hello")[-1]["total_steps"] == 3 * STEPS_PER_EPOCH
    status = read_training_status(helm.dir.status)
    assert (status["epoch"], status["total_epochs"]) == (3.0, 3.0)
    helm, training = steered(lambda helm: {2: lambda: helm.order("set", name="total_epochs", value=1)})
    assert training.epochs_begun == [0]
    assert read_training_status(helm.dir.status)["total_epochs"] == 1.0
    helm, training = steered(lambda helm: {9: lambda: helm.order("set", name="total_epochs", value=1)})
    assert training.epochs_begun == [0, 1]
    assert "epoch 2 is under way" in helm.events("ack")[-1]["detail"]


def test_a_total_set_during_a_hold_shows_at_once(steered):
    seen = []

    def at(helm):
        def pause():
            helm.once_paused(
                lambda: helm.ask("set", name="total_epochs", value=5),
                lambda: helm.until(lambda: read_training_status(helm.dir.status)["total_epochs"] == 5.0),
                lambda: seen.append(helm.events("hello")[-1]["total_epochs"]),
                lambda: helm.ask("set", name="total_epochs", value=1),
                lambda: helm.ask("resume"),
            )
            helm.order("pause")

        return {1: pause}

    helm, training = steered(at)
    helm.join()
    assert seen == [5]
    assert training.epochs_begun == [0]


def test_new_cadences_of_logs_evaluations_and_checkpoints_hold(steered):
    def at(helm):
        return {
            3: lambda: helm.order("set", name="log_every", value=4),
            4: lambda: helm.order("set", name="evaluate_every", value=5),
            5: lambda: helm.order("set", name="checkpoint_every_steps", value=8),
        }

    helm, _ = steered(at)
    assert list(helm.metrics("train/loss")) == [0, 1, 2, 3, 7, 11, 15]
    assert list(helm.metrics("eval/loss")) == [9, 14]
    assert [one["step"] for one in helm.events("checkpoint")] == [7, 15]


def test_a_new_checkpoint_cadence_by_minutes_holds(steered, until):
    import time

    def a_moment():
        began = time.monotonic()
        until(lambda: time.monotonic() - began > 0.13)

    def at(helm):
        return {2: lambda: helm.order("set", name="checkpoint_every_minutes", value=0.002), 6: a_moment}

    helm, _ = steered(at)
    assert 6 in [one["step"] for one in helm.events("checkpoint")]
    assert all(one["step"] > 2 for one in helm.events("checkpoint"))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("learning_rate", -1, "at least 0"),
        ("learning_rate", "much", "must be a number"),
        ("batch_size", 33, "between 1 and 32"),
        ("batch_size", 2.5, "whole number"),
        ("total_epochs", 0, "at least 1"),
        ("momentum", 0.9, "no hyperparameter 'momentum'"),
    ],
)
def test_what_cannot_be_set_is_rejected_with_the_reason_and_changes_nothing(steered, name, value, reason):
    helm, training = steered(lambda helm: {3: lambda: helm.order("set", name=name, value=value)})
    assert helm.answers() == ["accepted", "rejected"]
    assert reason in helm.events("ack")[-1]["detail"]
    assert helm.events("hyperparameters") == []
    assert training.losses == undisturbed().losses


def test_a_rate_under_a_schedule_of_ones_own_is_offered_for_a_restart_only(steered):
    class Mine(torch.optim.lr_scheduler.LambdaLR):
        pass

    training = Training()
    training.scheduler = Mine(training.optimizer, lambda step: 1.0)
    helm, _ = steered(lambda helm: {3: lambda: helm.order("set", name="learning_rate", value=0.01)}, training)
    assert helm.answers() == ["accepted", "rejected"]
    assert "needs a restart" in helm.events("ack")[-1]["detail"]
    assert helm.events("hello")[0]["adjustable"]["learning_rate"]["applies"] == "restart"


def test_a_loop_is_offered_only_what_it_looks_at(home):
    training = Training(live=False)
    with start() as run:
        loop = training.loop(run)
        for _ in loop.epochs():
            for _, (inputs, labels) in loop.steps(training.loader):
                training.loss(inputs, labels).backward()
                training.optimizer.step()
                training.scheduler.step()
        hello = run._hello
    assert set(hello["adjustable"]) == {
        "learning_rate", "weight_decay", "total_epochs", "checkpoint_every_steps", "checkpoint_every_minutes",
    }  # fmt: skip


# Validate, reload


@pytest.mark.parametrize("split", ["eval", "test"])
def test_a_validation_in_the_middle_changes_no_later_loss(steered, split):
    training = Training()
    training.model[3].eval()  # one module in another mode than the rest comes back in it
    alone = Training()
    alone.model[3].eval()
    steered(training=alone)
    helm, _ = steered(lambda helm: {4: lambda: helm.order("validate", split=split)}, training)
    assert list(helm.metrics(f"{split}/loss")) == [4]
    assert training.losses == alone.losses
    assert [module.training for module in training.model] == [True, True, True, False, True]
    assert helm.states() == ["preparing", "running", "validating", "running", "done"]
    assert helm.answers() == ["accepted", "applied"]


def test_validations_on_demand_and_by_cadence_change_no_loss(steered):
    helm, training = steered(lambda helm: {4: lambda: helm.order("validate", split="test")})
    assert training.losses == undisturbed().losses
    helm, training = steered(evaluate_every=3)
    assert list(helm.metrics("eval/loss")) == [2, 5, 8, 11, 14]
    assert training.losses == undisturbed().losses


def test_a_split_that_there_is_not_is_rejected(steered):
    helm, training = steered(
        lambda helm: {4: lambda: helm.order("validate", split="test")},
        splits=("eval",),
    )
    assert helm.answers() == ["accepted", "rejected"]
    assert "no test split" in helm.events("ack")[-1]["detail"]
    assert training.losses == undisturbed().losses


def test_a_validation_while_held_is_shown_and_the_hold_goes_on(steered):
    answers = []

    def at(helm):
        def pause():
            helm.once_paused(
                lambda: answers.append(helm.ask("validate")),
                lambda: answers.append(helm.states()[-1]),
                lambda: helm.ask("resume"),
            )
            helm.order("pause")

        return {4: pause}

    helm, training = steered(at)
    helm.join()
    assert (answers[0]["state"], answers[1]) == ("applied", "paused")
    assert list(helm.metrics("eval/loss")) == [4]
    assert training.losses == undisturbed().losses


@pytest.mark.parametrize(
    ("name", "text", "changed"),
    [
        (
            "config.json",
            '{"learning_rate": 0.05, "data": {"path": "x"}}',
            '{"learning_rate": 2e-2, "data": {"path": "y"}}',
        ),
        ("config.yaml", "learning_rate: 5e-2\ndata: {path: x}\n", "learning_rate: 2e-2  # less\ndata: {path: y}\n"),
    ],
)
def test_only_the_confirmed_keys_of_the_config_file_are_taken_over(steered, tmp_path, name, text, changed):
    file = tmp_path / name
    file.write_text(text)

    def at(helm):
        def edit():
            file.write_text(changed)
            helm.order("reload_config", keys=["learning_rate", "data.path"])

        return {5: edit}

    helm, training = steered(at, config_file=file)
    assert changes(helm) == [("learning_rate", 0.05, 0.02, "a test")]
    assert training.rates[15] == 0.02
    ack = helm.events("ack")[-1]
    assert (ack["state"], "data.path needs a restart" in ack["detail"]) == ("applied", True)
    assert helm.events("hello")[0]["adjustable"]["learning_rate"]["key"] == "learning_rate"


def test_nested_keys_are_found_by_their_last_word_and_a_broken_file_is_rejected(steered, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("train:\n  weight_decay: 0.1\n")

    def at(helm):
        def edit():
            file.write_text("train:\n  weight_decay: 0.3\n")
            helm.order("reload_config", keys=["train.weight_decay"])

        def spoil():
            file.write_text("train: [\n")
            helm.order("reload_config", keys=["train.weight_decay"])

        return {3: edit, 6: spoil}

    helm, _ = steered(at, config_file=file)
    assert changes(helm) == [("weight_decay", 0.1, 0.3, "a test")]
    assert helm.answers() == ["accepted", "applied", "accepted", "rejected"]
    assert "cannot be read" in helm.events("ack")[-1]["detail"]


# Without any of this


def test_a_loop_of_ones_own_says_to_the_run_itself_what_it_can_do(home, until, tmp_path, monkeypatch):
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(tmp_path / "run"))

    def train(orders):
        training = Training()
        group = training.optimizer.param_groups[0]
        rates = {}
        with start(total_epochs=EPOCHS) as run:
            helm = Helm(run, until)
            run.on("checkpoint", lambda folder: torch.save(training.model.state_dict(), folder / "model.pt"))
            run.on("validate", lambda split: {"loss": 1.5})
            run.adjustable("learning_rate", get=lambda: group["lr"], set=lambda rate: group.update(lr=rate), min=0)
            if run.resume_from:
                training.model.load_state_dict(torch.load(Path(run.resume_from) / "model.pt", weights_only=True))
                run.resumed(run.resume_from, int(Path(run.resume_from).name.rpartition("-")[2]))
            for _ in range(EPOCHS):
                for step, (inputs, labels) in run.steps(training.loader):
                    loss = training.loss(inputs, labels)
                    loss.backward()
                    training.optimizer.step()
                    rates[step] = group["lr"]
                    training.batches.trained()
                    if step in orders:
                        helm.order(*orders[step][0], **orders[step][1])
                training.batches.set_epoch(training.batches.epoch + 1)
        return helm, rates

    helm, rates = train(
        {
            1: (("set",), {"name": "learning_rate", "value": 0.5}),
            2: (("validate",), {}),
            3: (("pause",), {"mode": "release"}),
        }
    )
    assert helm.answers() == ["accepted", "applied"] * 3
    assert (rates[2], helm.metrics("eval/loss"), helm.states()[-1]) == (0.5, {2: 1.5}, "released")
    helm, rates = train({6: (("stop",), {})})
    assert list(rates) == [4, 5, 6]
    assert helm.states()[-1] == "cancelled"


# A loss that is not finite


def poisoned(*steps):
    training = Training()
    training.poisoned = set(steps)
    return training


def test_a_bad_loss_is_warned_of_and_the_training_goes_on(steered):
    helm, training = steered(training=poisoned(5))
    assert max(training.losses) == STEPS - 1
    (alert,) = helm.events("alert")
    assert (alert["code"], alert["message"]) == ("non_finite_loss", "loss is NaN since step 5")
    assert helm.metrics("train/loss")[5] == "NaN"
    assert helm.states()[-1] == "done"


def test_a_bad_loss_that_nobody_logs_is_found_at_the_epochs_end(steered):
    helm, training = steered(training=poisoned(5), log_every=0)
    (alert,) = helm.events("alert")
    assert (alert["code"], alert["message"]) == ("non_finite_loss", "loss is NaN since step 5")
    assert max(training.losses) == STEPS - 1


def test_a_bad_loss_pauses_where_the_policy_says_so(steered):
    def before(helm):
        helm.once_paused(lambda: helm.ask("resume"))

    helm, training = steered(training=poisoned(5), before=before, bad_loss="pause", log_every=0)
    helm.join()
    assert helm.states() == ["preparing", "running", "paused", "running", "done"]
    paused = helm.events("state")[2]
    assert "loss is NaN since step 5" in paused["reason"]
    assert helm.events("checkpoint") == []
    assert max(training.losses) == STEPS - 1


def test_a_bad_loss_stops_where_the_policy_says_so(steered):
    helm, training = steered(training=poisoned(5), bad_loss="stop", log_every=0)
    assert max(training.losses) == 5
    error = helm.events("state")[-1]["error"]
    assert (error["code"], error["retryable"], "restart" in error) == ("non_finite_loss", True, False)


def test_a_loop_tells_samples_of_its_own_at_each_evaluation_and_no_loss_changes(steered):
    training = Training()

    def evaluate(split):
        if training.loop_object.run.active:
            with torch.no_grad():
                score = float(training.model(training.data[:1][0]))
            training.loop_object.run.sample(
                training.loop_object.step, [{"prompt": "first row", "output": f"{score:.3f}"}]
            )
        return {"loss": 1.0}

    def before(helm):
        training.loop_object.on_validate(evaluate)

    helm, _ = steered(lambda helm: {4: lambda: helm.order("validate")}, training, before, evaluate_every=8)
    assert training.losses == undisturbed().losses
    assert [event["step"] for event in helm.events("samples")] == [5, 7, 15]
    assert {row["prompt"] for event in helm.events("samples") for row in event["rows"]} == {"first row"}


def test_a_bad_loss_rolls_back_to_the_last_good_checkpoint_with_a_lower_rate(steered, monkeypatch):
    helm, training = steered(training=poisoned(8), bad_loss="rollback", rate_factor=0.1, every_steps=3)
    assert max(training.losses) == 8
    error = helm.events("state")[-1]["error"]
    good = str(helm.dir.checkpoints / "step-5")
    assert error["restart"] == {"checkpoint": good, "overrides": {"learning_rate": pytest.approx(0.005)}}
    helm.dir.write_attempt(2, {"argv": [], "env": [], "launcher": None, **error["restart"]})
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(helm.dir.root))
    monkeypatch.setenv("GLADIUS_ATTEMPT", "2")
    again = Training()
    with start() as run:
        again.train(again.loop(run, bad_loss="rollback"))
    assert (min(again.losses), max(again.losses)) == (6, STEPS - 1)
    assert again.losses[6] == undisturbed().losses[6]
    assert again.rates[6] == pytest.approx(0.005)
    assert changes(helm)[-1][:3] == ("learning_rate", 0.05, pytest.approx(0.005))
    assert helm.states()[-1] == "done"


def test_a_step_that_the_scaler_skips_is_normal(home, until):
    training = Training()
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    skipped = []
    with start() as run:
        helm = Helm(run, until)
        loop = training.loop(run, scaler=scaler, bad_loss="stop", every_steps=8)
        for _ in loop.epochs():
            for step, (inputs, labels) in loop.steps(training.loader):
                loss = training.loss(inputs, labels)
                loop.watch(loss)
                training.optimizer.zero_grad()
                scaler.scale(loss).backward()
                if step == 4:
                    next(training.model.parameters()).grad.fill_(float("inf"))
                before = scaler.get_scale()
                norm = loop.clip()
                scaler.step(training.optimizer)
                scaler.update()
                training.scheduler.step()
                loop.log({"train/loss": loss.item(), "train/grad_norm": norm.item()})
                if scaler.get_scale() < before:
                    skipped.append(step)
    assert skipped == [4]
    assert helm.metrics("train/grad_norm")[4] == "Infinity"
    assert len(helm.metrics("train/loss")) == STEPS
    assert helm.events("alert") == []
    assert helm.states()[-1] == "done"
    assert "scaler" in json.loads((helm.dir.checkpoints / "step-7" / "gladius.json").read_text())["contents"]
