"""Every control on TRL's SFTTrainer with a LoRA adapter, and its own numbers under their right names."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("trl")

from small_sft import chats, lora, make_experts, make_sft, make_tokenizer, pairs  # noqa: E402
from small_trainer import Person, events, metrics_with, states  # noqa: E402

from gladius.integrations.transformers import GladiusCallback  # noqa: E402
from gladius.launch.snapshot import snapshot  # noqa: E402
from gladius.pulse.checkpoints import read_facts, verify  # noqa: E402
from gladius.pulse.start import start  # noqa: E402
from gladius.store.view import RunView  # noqa: E402

torch.set_num_threads(1)  # a model this small gains nothing from more, and spinning threads starve a busy machine

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default::FutureWarning")]

ALL_STEPS = list(range(1, 13))
OWN = ("train/loss", "train/entropy", "train/mean_token_accuracy", "train/num_tokens", "train/grad_norm")


@pytest.fixture(scope="module", autouse=True)
def offline():
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "HF_DATASETS_OFFLINE"):
            patch.setenv(name, "1")
        yield


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


@pytest.fixture(scope="module")
def plain(tmp_path_factory, tokenizer, offline):
    """What an SFTTrainer logs that has never heard of us, by step; with dropout in the adapter, a log every step."""
    trainer = make_sft(tmp_path_factory.mktemp("plain"), tokenizer=tokenizer, adapter=lora())
    trainer.train()
    return logged(trainer)


@pytest.fixture
def steer(home, tmp_path, until, tokenizer):
    """Train while a person gives orders after step 3; returns run, trainer and the answers."""

    def train(*orders, at=3, callback=None, adapter="lora", **options):
        with start() as run:
            person = Person(run, until, at, *orders)
            gladius = GladiusCallback(run=run, **(callback or {}))
            trainer = make_sft(
                tmp_path / "out", gladius, person.as_callback(), tokenizer=tokenizer,
                adapter=lora() if adapter == "lora" else adapter, **options,
            )  # fmt: skip
            trainer.train()
        return run, trainer, person.answers

    return train


def logged(trainer):
    entries = [entry for entry in trainer.state.log_history if "loss" in entry]
    return {entry["step"]: {f"train/{name}": value for name, value in entry.items()} for entry in entries}


def recorded(run):
    return {event["step"]: event["values"] for event in metrics_with(run.dir, "train/loss")}


def own(by_step):
    return {step: [values[name] for name in OWN] for step, values in by_step.items()}


def test_whatever_is_asked_during_a_hold_changes_no_number_of_an_sft_training(steer, plain):
    orders = ("pause", "checkpoint", ("validate", {"split": "eval"}), ("validate", {"split": "test"}), "resume")
    callback = {"test_dataset": pairs(5), "samples": [*pairs(2), "what comes after d?"], "sample_tokens": 3}
    run, trainer, answers = steer(*orders, callback=callback)
    assert [answer["state"] for answer in answers] == ["applied"] * 5
    assert own(recorded(run)) == own(plain)
    saved = [(event["step"], event["kind"], verify(Path(event["path"]))) for event in events(run.dir, "checkpoint")]
    assert saved == [(4, "pause", []), (4, "manual", [])]
    evaluated = {name: event["values"] for name in ("eval", "test") for event in metrics_with(run.dir, f"{name}/loss")}
    for split, values in evaluated.items():
        assert {f"{split}/{name}" for name in ("entropy", "mean_token_accuracy", "accuracy")} <= set(values)
        assert all(name.startswith(f"{split}/") for name in values), "the numbers of a split are under its name"
    (first, _) = events(run.dir, "samples")
    assert [(row["prompt"], row.get("reference")) for row in first["rows"]] == [
        ("what comes after a?", " b"), ("what comes after b?", " c c"), ("what comes after d?", None),
    ]  # fmt: skip
    held = ["running", "checkpointing", "running", "paused", "checkpointing", "paused"]
    assert states(run.dir)[1 : 1 + len(held)] == held
    assert trainer.state.global_step == 12


def test_what_an_adapter_trains_is_told(steer):
    run, trainer, _ = steer("stop", at=1)
    (hello,) = events(run.dir, "hello")[-1:]
    trained = sum(one.numel() for one in trainer.model.parameters() if one.requires_grad)
    every = sum(one.numel() for one in trainer.model.parameters())
    assert (hello["model"]["name"], hello["model"]["parameters"]) == ("LlamaForCausalLM", every)
    assert hello["model"]["trainable_parameters"] == trained < every / 10
    told = hello["config"]
    assert told["adapter"] == {
        "kind": "lora", "rank": 4, "alpha": 8, "dropout": 0.1, "rslora": False, "dora": False, "bias": "none",
        "target_modules": "q_proj, v_proj",
    }  # fmt: skip
    assert told["training_arguments"]["packing"] is False
    shown = snapshot(RunView(run.dir).load())
    assert (shown.training.max_length.value, shown.model.trainable_parameters.value) == (48, trained)
    assert shown.model.adapter.value == "lora, rank 4, alpha 8, dropout 0.1: q_proj, v_proj"


def test_a_released_sft_training_goes_on_to_the_same_numbers(steer, tmp_path, monkeypatch, tokenizer):
    options = {"logging_steps": 3, "rows": pairs()}
    whole = make_sft(tmp_path / "plain", tokenizer=tokenizer, adapter=lora(), **options)
    whole.train()
    run, _, (answer,) = steer(("pause", {"mode": "release"}), at=4, **options)
    assert (answer["state"], answer["step"], states(run.dir)[-1]) == ("applied", 5, "released")
    (checkpoint,) = events(run.dir, "checkpoint")
    assert "adapter_model.safetensors" in {path.name for path in Path(checkpoint["path"]).iterdir()}
    run.dir.write_attempt(2, {"argv": [], "checkpoint": checkpoint["path"], "overrides": {}})
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(run.dir.root))
    monkeypatch.setenv("GLADIUS_ATTEMPT", "2")
    with start() as second:
        trainer = make_sft(
            tmp_path / "out", GladiusCallback(run=second), tokenizer=tokenizer, adapter=lora(), **options
        )
        trainer.train(resume_from_checkpoint=second.resume_from)
    assert own(recorded(run)) == own(logged(whole)), "entropy and tokens too, of a window that was cut in two"
    assert all(
        torch.equal(mine, theirs)
        for mine, theirs in zip(trainer.model.parameters(), whole.model.parameters(), strict=True)
    )


def test_a_stopped_sft_training_leaves_a_final_checkpoint(steer):
    run, trainer, answers = steer("pause", "stop")
    assert [answer["state"] for answer in answers] == ["applied", "applied"]
    assert (trainer.state.global_step, states(run.dir)[-1]) == (4, "cancelled")
    assert [event["kind"] for event in events(run.dir, "checkpoint")] == ["pause", "final"]
    last = Path(events(run.dir, "checkpoint")[-1]["path"])
    assert {"model", "optimizer", "scheduler", "random_states", "data_position"} <= set(read_facts(last)["contents"])


def test_an_sft_training_stopped_without_a_checkpoint_saves_none(steer):
    run, trainer, (answer,) = steer(("stop", {"checkpoint": False}))
    assert (answer["state"], trainer.state.global_step) == ("applied", 4)
    assert events(run.dir, "checkpoint") == []


def test_what_is_set_holds_in_an_sft_training_from_the_next_step(steer, plain):
    names = {"learning_rate": 0.05, "weight_decay": 0.5, "max_grad_norm": 0.25, "checkpoint_every_steps": 10}
    orders = [("set", {"name": name, "value": value}) for name, value in names.items()]
    run, trainer, answers = steer("pause", *orders, ("set", {"name": "batch_size", "value": 4}), "resume")
    assert [answer["state"] for answer in answers] == ["applied"] * 5 + ["rejected", "applied"]
    assert "restart" in answers[5]["detail"]
    rates = {step: values["train/learning_rate"] for step, values in recorded(run).items()}
    assert rates == pytest.approx({
        step: values["train/learning_rate"] * (1 if step <= 4 else 5) for step, values in plain.items()
    })  # fmt: skip
    assert (trainer.args.max_grad_norm, trainer.optimizer.param_groups[0]["weight_decay"]) == (0.25, 0.5)
    assert [event["step"] for event in events(run.dir, "checkpoint")] == [4, 10]


def test_a_conversation_is_trained_on_and_answered(steer, tokenizer):
    rows = chats()
    run, _, answers = steer(
        "pause", "validate", "stop", rows=rows, model=make_experts(tokenizer), adapter=lora(),
        callback={"samples": [rows[0], rows[1]["messages"][:1]], "sample_tokens": 2},
    )  # fmt: skip
    assert [answer["state"] for answer in answers] == ["applied"] * 3
    (event,) = events(run.dir, "samples")
    assert [(row["prompt"], row.get("reference")) for row in event["rows"]] == [("after a?", "b"), ("after b?", None)]
    values = recorded(run)[1]
    assert values["train/aux_loss"] > 0
    for layer in range(2):
        assert sum(values[f"moe/load/{layer}/{expert}"] for expert in range(4)) == pytest.approx(1)


@pytest.mark.parametrize("policy", ["stop", "rollback"])
def test_a_loss_that_is_not_finite_ends_an_sft_training_as_the_policy_says(home, tmp_path, tokenizer, policy):
    class Poison(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, model=None, **kwargs):
            if state.global_step == 2:
                with torch.no_grad():
                    next(one for one in model.parameters() if one.requires_grad).fill_(float("nan"))

    with start() as run:
        gladius = GladiusCallback(
            run=run, nan_policy=policy, publish_to=run.dir.checkpoints, checkpoint_steps=1,
            config_keys={"learning_rate": "train.learning_rate"},
        )  # fmt: skip
        trainer = make_sft(
            tmp_path / "out", gladius, Poison(), tokenizer=tokenizer, adapter=lora(), logging_nan_inf_filter=True
        )
        trainer.train()
    assert trainer.state.global_step == 3
    last = events(run.dir, "state")[-1]
    if policy == "rollback":
        assert last["error"]["restart"] == {
            "checkpoint": str(run.dir.checkpoints / "step-1"), "overrides": {"train.learning_rate": 0.005},
        }  # fmt: skip
    assert (last["state"], last["error"]["code"]) == ("error", "non_finite_loss")
    assert "non_finite_loss" in [alert["code"] for alert in events(run.dir, "alert")]


def test_an_sft_training_reloads_its_file_and_keeps_its_best_checkpoint(steer, tmp_path):
    file = {"train.learning_rate": 0.03, "train.batch_size": 7}
    folder = tmp_path / "published"
    callback = {
        "read_config": lambda: file, "config_keys": {"learning_rate": "train.learning_rate", "batch_size": "train.batch_size"},
        "publish_to": folder, "keep": 1, "keep_best": "-eval/loss", "checkpoint_steps": 2,
    }  # fmt: skip
    keys = {"keys": ["train.learning_rate", "train.batch_size"]}
    orders = ("pause", ("reload_config", keys), ("set", {"name": "eval_steps", "value": 1}), "resume")
    run, _, answers = steer(
        *orders, callback=callback, lr_scheduler_type="constant", eval_strategy="steps", eval_steps=2
    )
    assert [answer["state"] for answer in answers] == ["applied"] * 4
    assert "batch_size needs a restart" in answers[1]["detail"]
    rates = {step: values["train/learning_rate"] for step, values in recorded(run).items()}
    assert (rates[4], rates[5]) == (0.01, 0.03)
    measured = {event["step"]: event["values"]["eval/loss"] for event in metrics_with(run.dir, "eval/loss")}
    assert list(measured) == [2, *range(4, 13)]
    saved = {step: loss for step, loss in measured.items() if step % 2 == 0}
    worst = max(saved, key=saved.get)
    assert {path.name for path in folder.glob("step-*")} == {f"step-{worst}", "step-12"}


def test_a_checkpoint_of_an_sft_training_that_fails_is_refused_and_the_training_goes_on(steer, plain, tmp_path):
    (tmp_path / "a file").touch()
    run, _, (answer,) = steer("checkpoint", callback={"publish_to": tmp_path / "a file"})
    assert (answer["state"], "checkpoint failed" in answer["detail"]) == ("rejected", True)
    assert own(recorded(run)) == own(plain)
