"""Each control on a real Trainer: what it does, and that nothing else is felt by the training."""

import functools
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from small_trainer import (  # noqa: E402
    Person,
    events,
    losses,
    make_model,
    make_rows,
    make_trainer,
    make_uneven_rows,
    metrics_with,
    states,
)  # fmt: skip

from gladius.integrations import found_trainer  # noqa: E402
from gladius.integrations.transformers import GladiusCallback  # noqa: E402
from gladius.launch.rate_course import rate_course  # noqa: E402
from gladius.pulse.checkpoints import read_facts, verify  # noqa: E402
from gladius.pulse.rundir import RunDir  # noqa: E402
from gladius.pulse.start import start  # noqa: E402
from gladius.recipes.tiny_moe import make_tokenizer  # noqa: E402
from gladius.store.view import RunView  # noqa: E402

torch.set_num_threads(1)  # a model this small gains nothing from more, and spinning threads starve a busy machine

pytestmark = pytest.mark.training

resumes_exactly = pytest.mark.skipif(
    transformers.__version__.startswith("4."), reason="before transformers 5 the log window cannot be reached"
)

ALL_STEPS = list(range(1, 13))


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer(["a b c"], 300, 32)


@pytest.fixture(scope="module")
def plain_losses(tmp_path_factory):
    """The losses, by step, of a training that has never heard of us; with dropout."""
    trainer = make_trainer(tmp_path_factory.mktemp("plain"))
    trainer.train()
    return {entry["step"]: entry["loss"] for entry in trainer.state.log_history if "loss" in entry}


@pytest.fixture
def steer(home, tmp_path, until):
    """Train while a person gives orders after step 3; returns run, trainer and the answers."""

    def train(*orders, at=3, others=(), callback=None, **options):
        with start() as run:
            person = Person(run, until, at, *orders)
            gladius = GladiusCallback(run=run, **(callback or {}))
            trainer = make_trainer(tmp_path / "out", gladius, person.as_callback(), *others, **options)
            trainer.train()
        return run, trainer, person.answers

    return train


def details(answers):
    return [(answer["state"], answer.get("detail", "")) for answer in answers]


# Pause, resume, stop, checkpoint


def test_whatever_is_asked_during_a_hold_changes_no_later_loss(steer, plain_losses):
    orders = ("pause", "checkpoint", ("validate", {"split": "eval"}), "resume")
    run, _, answers = steer(*orders)
    assert [answer["state"] for answer in answers] == ["applied"] * 4
    assert {answer["step"] for answer in answers} == {4}
    assert losses(run.dir) == plain_losses
    assert [(event["step"], event["kind"]) for event in events(run.dir, "checkpoint")] == [(4, "pause"), (4, "manual")]
    held = ["running", "checkpointing", "running", "paused", "checkpointing", "paused", "validating", "paused"]
    assert states(run.dir) == ["preparing", *held, "running", "done"]


@pytest.fixture
def resume(tmp_path, monkeypatch):
    """Go on with a run from a checkpoint as its second attempt."""

    def train(run, checkpoint, overrides=None, **options):
        run.dir.write_attempt(2, {"argv": [], "checkpoint": checkpoint, "overrides": overrides or {}})
        monkeypatch.setenv("GLADIUS_RUN_DIR", str(run.dir.root))
        monkeypatch.setenv("GLADIUS_ATTEMPT", "2")
        with start() as second:
            trainer = make_trainer(tmp_path / "out", GladiusCallback(run=second), **options)
            trainer.train(resume_from_checkpoint=second.resume_from)
        return trainer

    return train


@resumes_exactly
def test_a_released_training_goes_on_from_its_checkpoint_with_the_same_losses(steer, resume, plain_losses):
    run, trainer, (answer,) = steer(("pause", {"mode": "release"}), save_strategy="epoch", eval_strategy="epoch")
    assert (answer["state"], answer["step"], trainer.state.global_step) == ("applied", 4, 4)
    assert run.released
    assert states(run.dir)[-1] == "released"
    assert "validating" not in states(run.dir)
    (checkpoint,) = events(run.dir, "checkpoint")
    resume(run, checkpoint["path"])
    assert losses(run.dir) == plain_losses
    assert events(run.dir, "hello")[-1]["resumed_from"] == {"checkpoint": checkpoint["path"], "step": 4}


@resumes_exactly
@pytest.mark.parametrize(
    ("strategy", "at", "more"),
    [
        # By length: drawn from the global random state, which at the checkpoint is no longer that of the epoch's begin.
        ("group_by_length", 3, {}),
        ("group_by_length", 9, {}),
        ("sequential", 9, {"dataloader_num_workers": 2}),
        ("random", 8, {"gradient_accumulation_steps": 4, "num_train_epochs": 12, "dataloader_drop_last": True}),
    ],
)
def test_every_order_of_the_data_is_gone_on_with_in_its_middle(steer, resume, tmp_path, strategy, at, more):
    rows, pad = make_uneven_rows()
    options = {"rows": rows, "collator": pad, "train_sampling_strategy": strategy, "logging_steps": 2, **more}
    plain = make_trainer(tmp_path / "plain", **options)
    plain.train()
    run, _, _ = steer(("pause", {"mode": "release"}), at=at, **options)
    (checkpoint,) = events(run.dir, "checkpoint")
    resume(run, checkpoint["path"], **options)
    whole = {entry["step"]: entry["loss"] for entry in plain.state.log_history if "loss" in entry}
    assert losses(run.dir) == whole


@resumes_exactly
def test_a_log_that_was_due_when_the_process_was_killed_is_made_up_for(steer, resume):
    run, _, _ = steer("checkpoint", logging_steps=4)
    (checkpoint,) = events(run.dir, "checkpoint")
    whole = losses(run.dir)
    lines = run.dir.events.read_bytes().splitlines(keepends=True)
    saved = next(index for index, line in enumerate(lines) if b'"checkpoint"' in line and b"manifest" in line)
    run.dir.events.write_bytes(b"".join(lines[: saved + 1]))  # as if killed before it logged step 4
    resume(run, checkpoint["path"], logging_steps=4)
    assert losses(run.dir) == whole


def test_what_a_person_changed_goes_on_after_a_resume_unless_it_is_overridden(steer, resume):
    orders = [("set", {"name": name, "value": 0.25}) for name in ("learning_rate", "max_grad_norm", "weight_decay")]
    run, _, answers = steer("pause", *orders, ("pause", {"mode": "release"}), weight_decay=0.1)
    assert [answer["state"] for answer in answers] == ["applied"] * 5
    (_, checkpoint) = events(run.dir, "checkpoint")
    trainer = resume(run, checkpoint["path"], {"train.weight_decay": 0.5}, weight_decay=0.1)
    hello = next(event for event in events(run.dir, "hello") if event["attempt"] == 2)
    values = {name: entry["value"] for name, entry in hello["adjustable"].items()}
    assert (values["learning_rate"], values["max_grad_norm"], values["weight_decay"]) == (0.25, 0.25, 0.5)
    assert trainer.optimizer.param_groups[0]["weight_decay"] == 0.5
    assert rates(run.dir)[5] == 0.25


def test_a_stop_during_a_hold_leaves_a_final_checkpoint(steer):
    run, trainer, answers = steer("pause", "stop")
    assert [answer["state"] for answer in answers] == ["applied", "applied"]
    assert trainer.state.global_step == 4
    assert [event["kind"] for event in events(run.dir, "checkpoint")] == ["pause", "final"]
    assert states(run.dir)[-1] == "cancelled"


def test_a_checkpoint_is_verified_and_the_other_callbacks_are_told(steer, plain_losses):
    heard = []

    class Hears(transformers.TrainerCallback):
        def on_save(self, args, state, control, **kwargs):
            heard.append((state.global_step, Path(args.output_dir, f"checkpoint-{state.global_step}").is_dir()))

    run, _, (answer,) = steer("checkpoint", others=[Hears()])
    (checkpoint,) = events(run.dir, "checkpoint")
    assert "verified" in answer["detail"]
    assert heard == [(4, True)]
    assert verify(Path(checkpoint["path"])) == []
    facts = read_facts(Path(checkpoint["path"]))
    assert (facts["step"], facts["kind"], facts["hyperparameters"]["learning_rate"]) == (4, "manual", 0.01)
    assert {"model", "optimizer", "scheduler", "random_states", "data_position", "counters"} <= set(facts["contents"])
    assert losses(run.dir) == plain_losses


def test_a_checkpoint_that_fails_is_a_rejected_command_and_training_goes_on(steer, tmp_path):
    (tmp_path / "a file").touch()
    run, trainer, (answer,) = steer("checkpoint", callback={"publish_to": tmp_path / "a file"})
    assert (answer["state"], trainer.state.global_step) == ("rejected", 12)
    assert "checkpoint failed" in answer["detail"]
    (checkpoint,) = events(run.dir, "checkpoint")
    assert checkpoint["failed"] and "path" not in checkpoint
    assert [alert["code"] for alert in events(run.dir, "alert")] == ["checkpoint_failed"]


def test_what_a_failed_save_left_behind_is_gone(steer, tmp_path):
    class Full(transformers.Trainer):
        def _save_rng_state(self, output_dir):
            raise OSError("no space left on device")

    _run, trainer, (answer,) = steer("checkpoint", kind=Full)
    assert (answer["state"], trainer.state.global_step) == ("rejected", 12)
    assert "no space left" in answer["detail"]
    assert list((tmp_path / "out").iterdir()) == []


def test_checkpoints_come_by_steps_and_the_newest_stay(steer, home):
    with start() as run:
        publish_to = run.dir.checkpoints
        gladius = GladiusCallback(run=run, publish_to=publish_to, keep=2, checkpoint_steps=5)
        make_trainer(publish_to / ".saving-trainer", gladius, max_steps=16, num_train_epochs=1).train()
    assert [event["step"] for event in events(run.dir, "checkpoint")] == [5, 10, 15]
    assert sorted(path.name for path in publish_to.glob("step-*")) == ["step-10", "step-15"]


def test_checkpoints_come_by_minutes(steer):
    run, _, _ = steer("resume", callback={"checkpoint_minutes": 1e-6})
    assert [event["step"] for event in events(run.dir, "checkpoint")] == ALL_STEPS


def test_the_best_checkpoint_stays_besides_the_newest(home, tmp_path):
    with start() as run:
        folder = run.dir.checkpoints
        gladius = GladiusCallback(run=run, publish_to=folder, keep=1, keep_best="-eval/loss", checkpoint_steps=2)
        make_trainer(tmp_path / "out", gladius, eval_strategy="steps", eval_steps=2).train()
    measured = {event["step"]: event["values"]["eval/loss"] for event in metrics_with(run.dir, "eval/loss")}
    best = max(measured, key=measured.get)
    assert best not in (10, 12)  # the loss falls, so the highest is an early one
    assert {path.name for path in folder.glob("step-*")} == {f"step-{best}", "step-12"}


# Validate


def test_a_validation_is_felt_by_nothing(steer, home, tmp_path, tokenizer):
    def model():
        return make_model(vocabulary=300, attention_dropout=0.1)

    options = {
        "eval_strategy": "epoch", "save_strategy": "epoch", "load_best_model_at_end": True,
        "metric_for_best_model": "loss", "logging_steps": 3,
    }  # fmt: skip
    plain = make_trainer(tmp_path / "plain", model=model(), **options)
    plain.train()
    stopper = transformers.EarlyStoppingCallback(early_stopping_patience=1)
    orders = [("validate", {"split": split}) for split in ("eval", "test", "eval")]
    callback = {"test_dataset": make_rows(5), "samples": ["a", "b c"], "sample_tokens": 3}
    run, trainer, answers = steer(
        "pause", *orders, "resume", others=[stopper], callback=callback, model=model(), tokenizer=tokenizer, **options
    )
    assert [answer["state"] for answer in answers] == ["applied"] * 5
    assert stopper.early_stopping_patience_counter == 0
    losses_then = [entry["loss"] for entry in plain.state.log_history if "loss" in entry]
    assert list(losses(run.dir).values()) == losses_then  # also of the window in whose middle it came
    for mine, theirs in zip(trainer.state.log_history, plain.state.log_history, strict=True):
        assert mine.get("eval_loss") == theirs.get("eval_loss")  # of the plan alone, and the same
    assert [event["step"] for event in metrics_with(run.dir, "test/loss")] == [4]
    assert [event["step"] for event in metrics_with(run.dir, "eval/loss")] == [4, 4, 6, 12]
    assert [event["step"] for event in events(run.dir, "samples")] == [4, 4, 4, 6, 12]
    assert all(0 <= event["values"]["eval/accuracy"] <= 1 for event in metrics_with(run.dir, "eval/accuracy"))


def test_next_token_accuracy_is_the_share_of_right_tokens(steer):
    run, trainer, _ = steer("pause", "validate", "stop")
    trainer.model.eval()
    hits = counted = 0
    for row in trainer.eval_dataset:
        with torch.no_grad():
            guesses = trainer.model(row["input_ids"][None], attention_mask=row["attention_mask"][None]).logits.argmax(
                -1
            )
        hits += int((guesses[0, :-1] == row["labels"][1:]).sum())
        counted += 7
    (event,) = metrics_with(run.dir, "eval/accuracy")
    assert event["values"]["eval/accuracy"] == hits / counted


def test_a_split_that_is_not_there_is_refused(steer):
    run, _, (answer,) = steer(("validate", {"split": "test"}))
    assert answer["state"] == "rejected"
    assert events(run.dir, "hello")[-1]["splits"] == ["eval"]


def test_samples_answer_each_prompt_as_alone_and_carry_their_reference(steer, tokenizer):
    given = ["a", {"prompt": "b c a b c", "reference": "a b"}]
    model = make_model(vocabulary=300)
    run, _trainer, _ = steer(
        "pause", "validate", "stop", callback={"samples": given, "sample_tokens": 4}, model=model, tokenizer=tokenizer
    )
    (event,) = events(run.dir, "samples")
    model.eval()
    for row, prompt in zip(event["rows"], ("a", "b c a b c"), strict=True):
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        settings = transformers.GenerationConfig(max_new_tokens=4, do_sample=False, pad_token_id=0, eos_token_id=1)
        alone = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=settings)
        assert row["prompt"] == prompt
        assert row["output"] == tokenizer.decode(alone[0, ids.shape[1] :], skip_special_tokens=True).strip()
    assert [row.get("reference") for row in event["rows"]] == [None, "a b"]


def test_a_generation_that_fails_is_told_once_and_costs_nothing(steer, tokenizer):
    model = make_model(vocabulary=300)
    model.generate = None
    run, trainer, answers = steer(
        "pause", "validate", "validate", "resume", callback={"samples": ["a"]}, model=model, tokenizer=tokenizer
    )
    assert [answer["state"] for answer in answers] == ["applied"] * 4
    assert trainer.state.global_step == 12
    assert [alert["code"] for alert in events(run.dir, "alert")] == ["samples_failed"]


# Set


def rates(run):
    return {event["step"]: event["values"]["train/learning_rate"] for event in metrics_with(run, "train/learning_rate")}


def test_the_peak_rate_rescales_the_schedule_and_keeps_the_ratio_of_groups(steer):
    model = make_model()
    first, rest = list(model.parameters())[:3], list(model.parameters())[3:]
    optimizer = torch.optim.AdamW([{"params": first, "lr": 0.02}, {"params": rest, "lr": 0.01}], weight_decay=0.1)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, 0, 12)
    groups = []

    class Looks(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, optimizer=None, **kwargs):
            groups.append([group["lr"] for group in optimizer.param_groups])

    run, _, (answer,) = steer(
        ("set", {"name": "learning_rate", "value": 0.06}), model=model, kind=functools.partial(transformers.Trainer, optimizers=(optimizer, schedule)), others=[Looks()],
        lr_scheduler_type="linear",
    )  # fmt: skip
    assert answer["state"] == "applied"
    peak = {step: 0.02 if step <= 4 else 0.06 for step in ALL_STEPS}
    assert rates(run.dir) == pytest.approx({step: peak[step] * (13 - step) / 12 for step in ALL_STEPS})
    assert all(one == pytest.approx(other * 2) for one, other in groups)
    (change,) = events(run.dir, "hyperparameters")
    assert (change["name"], change["old"], change["new"], change["step"]) == ("learning_rate", 0.02, 0.06, 4)
    assert events(run.dir, "hello")[0]["adjustable"]["learning_rate"]["label"] == "peak learning rate"


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant_with_warmup", "constant"])
def test_the_previewed_course_of_the_rate_is_the_one_that_is_trained(home, steer, schedule):
    found = []

    class Foresees(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 3:  # as the dialog would, before the change that takes effect at the end of step 4
                (directory,) = home.runs.iterdir()
                found.append(rate_course(RunView(RunDir(directory)).load(), 0.05))

    run, _, (answer,) = steer(
        ("set", {"name": "learning_rate", "value": 0.05}), others=[Foresees()], lr_scheduler_type=schedule,
        warmup_steps=0 if schedule == "constant" else 2,
    )  # fmt: skip
    (foreseen,) = found
    assert (answer["state"], answer["step"], foreseen.known) == ("applied", 4, True), foreseen.source
    trained = rates(run.dir)
    now, then = (dict(zip(foreseen.steps, column, strict=True)) for column in (foreseen.now, foreseen.then))
    assert {step: now[step] for step in range(1, 5)} == pytest.approx({step: trained[step] for step in range(1, 5)})
    assert {step: then[step] for step in range(5, 13)} == pytest.approx({step: trained[step] for step in range(5, 13)})


@pytest.mark.parametrize("begun_with", [0.1, 0.0])
def test_weight_decay_reaches_the_groups_that_decay_and_no_other(steer, begun_with):
    order = ("set", {"name": "weight_decay", "value": 0.5})
    run, trainer, (answer,) = steer(order, weight_decay=begun_with, learning_rate=1e-3)
    assert answer["state"] == "applied"
    assert [group["weight_decay"] for group in trainer.optimizer.param_groups] == [0.5, 0.0]
    assert events(run.dir, "hello")[-1]["adjustable"]["weight_decay"]["value"] == begun_with


def test_a_smaller_gradient_norm_takes_hold_at_the_next_step(steer):
    moved = {}

    class Looks(transformers.TrainerCallback):
        def on_step_begin(self, args, state, control, model=None, **kwargs):
            self.before = model.lm_head.weight.detach().clone()

        def on_step_end(self, args, state, control, model=None, **kwargs):
            moved[state.global_step] = float((model.lm_head.weight.detach() - self.before).abs().max())

    order = ("set", {"name": "max_grad_norm", "value": 1e-12})
    _, _, (answer,) = steer(order, others=[Looks()], optim="sgd", learning_rate=0.1)
    assert answer["state"] == "applied"
    assert min(moved[step] for step in (1, 2, 3, 4)) > 1e-6
    assert max(moved[step] for step in range(5, 13)) < 1e-9


def test_a_new_log_cadence_takes_hold(steer):
    run, _, (answer,) = steer(("set", {"name": "logging_steps", "value": 4}))
    assert answer["state"] == "applied"
    assert list(losses(run.dir)) == [1, 2, 3, 4, 8, 12]


def test_a_new_evaluation_cadence_takes_hold_and_0_is_the_plan_again(steer):
    every_two, as_planned = (("set", {"name": "eval_steps", "value": value}) for value in (2, 0))
    run, _, answers = steer(every_two, eval_strategy="epoch")
    assert [event["step"] for event in metrics_with(run.dir, "eval/loss")] == [6, 8, 10, 12]
    run, _, answers = steer("pause", every_two, as_planned, "resume", eval_strategy="epoch")
    assert [answer["state"] for answer in answers] == ["applied"] * 4
    assert [event["step"] for event in metrics_with(run.dir, "eval/loss")] == [6, 12]


def test_a_new_checkpoint_cadence_takes_hold(steer):
    run, _, (answer,) = steer(("set", {"name": "checkpoint_every_steps", "value": 5}))
    assert answer["state"] == "applied"
    assert [event["step"] for event in events(run.dir, "checkpoint")] == [5, 10]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("learning_rate", -1, "at least 0"),
        ("logging_steps", 2.5, "a whole number"),
        ("batch_size", 4, "restart"),
        ("total_epochs", 9, "restart"),
        ("colour", 1, "no hyperparameter"),
    ],
)
def test_a_change_that_cannot_be_made_is_refused_with_the_reason(steer, plain_losses, name, value, reason):
    run, _, (answer,) = steer(("set", {"name": name, "value": value}))
    assert answer["state"] == "rejected"
    assert reason in answer["detail"]
    assert losses(run.dir) == plain_losses
    assert events(run.dir, "hyperparameters") == []


def test_what_needs_a_restart_is_shown_with_its_value(steer):
    run, _, _ = steer("resume", gradient_accumulation_steps=2, warmup_steps=1, lr_scheduler_type="linear")
    adjustable = events(run.dir, "hello")[-1]["adjustable"]
    fixed = {name: entry["value"] for name, entry in adjustable.items() if entry["applies"] == "restart"}
    assert fixed == {
        "batch_size": 2, "gradient_accumulation": 2, "total_epochs": 2.0, "warmup_steps": 1, "schedule": "linear",
    }  # fmt: skip


def test_reload_applies_the_confirmed_keys_of_the_file(steer):
    file = {"train.learning_rate": 0.03, "train.max_grad_norm": 0.5, "train.batch_size": 7}
    callback = {
        "read_config": lambda: file,
        "config_keys": {"learning_rate": "train.learning_rate", "batch_size": "train.batch_size"},
    }
    order = ("reload_config", {"keys": ["train.learning_rate", "train.batch_size"]})
    run, trainer, (answer,) = steer(order, callback=callback)
    assert answer["state"] == "applied"
    assert "batch_size needs a restart" in answer["detail"]
    assert [rates(run.dir)[step] for step in (4, 5)] == [0.01, 0.03]
    assert trainer.args.max_grad_norm == 1.0  # not confirmed


# What stands in the way


def test_outside_of_its_training_loop_no_trainer_is_found(tmp_path):
    trainer = make_trainer(tmp_path / "out")
    assert found_trainer.find(trainer.state) is None


def test_a_trainer_that_cannot_be_steered_is_recorded_and_can_be_stopped(steer, plain_losses, caplog):
    wrong = ["learning_rate"]  # no mapping: as an example for whatever we may fail at
    run, _, (answer,) = steer("stop", callback={"config_keys": wrong})
    hello = events(run.dir, "hello")[-1]
    assert hello["capabilities"] == ["pause", "resume", "stop"]
    assert all("is not known well enough" in hello["reasons"][name] for name in ("checkpoint", "validate", "set"))
    assert (answer["state"], answer["step"]) == ("applied", 4)
    assert losses(run.dir) == {step: plain_losses[step] for step in (1, 2, 3, 4)}
    assert "cannot be steered" in caplog.text
