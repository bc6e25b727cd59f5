"""TRL's trainers that learn from preferences and rewards: their numbers, their completions, and what can be asked of them."""

import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("trl")

from small_sft import LETTERS, lora, make_dense, make_tokenizer  # noqa: E402
from small_trainer import Person, events, metrics_with, states  # noqa: E402

from gladius.integrations.transformers import GladiusCallback  # noqa: E402
from gladius.pulse.checkpoints import read_facts  # noqa: E402
from gladius.pulse.start import start  # noqa: E402

torch.set_num_threads(1)  # a model this small gains nothing from more, and spinning threads starve a busy machine

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default::FutureWarning", "default::UserWarning")]

SETTINGS = {
    "max_steps": 6, "logging_steps": 1, "report_to": [], "disable_tqdm": True, "use_cpu": True, "bf16": False,
    "save_strategy": "no", "gradient_checkpointing": False, "logging_nan_inf_filter": False, "learning_rate": 1e-2,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def offline():
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "HF_DATASETS_OFFLINE", "TRL_EXPERIMENTAL_SILENCE"):
            patch.setenv(name, "1")
        yield


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def make_dpo(folder, tokenizer, *callbacks, **options):
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    rows = [{"prompt": f"after {a}?", "chosen": f" {chr(ord(a) + 1)}", "rejected": " no"} for a in LETTERS]
    data = Dataset.from_list(rows)
    return DPOTrainer(
        model=make_dense(tokenizer), args=DPOConfig(str(folder), per_device_train_batch_size=2, max_length=48, **{**SETTINGS, **options}),
        train_dataset=data, eval_dataset=data.select(range(4)), processing_class=tokenizer, peft_config=lora(),
        callbacks=list(callbacks),
    )  # fmt: skip


def make_grpo(folder, tokenizer, *callbacks, **options):
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    data = Dataset.from_list([{"prompt": f"after {a}?"} for a in LETTERS])
    settings = {
        "per_device_train_batch_size": 4, "num_generations": 2, "max_completion_length": 6, "beta": 0.1,
        "per_device_eval_batch_size": 2, "num_generations_eval": 2,
    }  # fmt: skip
    return GRPOTrainer(
        model=make_dense(tokenizer), args=GRPOConfig(str(folder), **{**SETTINGS, **settings, **options}),
        reward_funcs=[long_words, short_words], train_dataset=data, eval_dataset=data.select(range(2)),
        processing_class=tokenizer, peft_config=lora(), callbacks=list(callbacks),
    )  # fmt: skip


def long_words(completions, **_):
    return [float(sum(map(str.isalpha, text))) for text in completions]


def short_words(completions, **_):
    return [None if index == 1 else -len(text) / 10 for index, text in enumerate(completions)]


@pytest.fixture
def watched(home, tmp_path, until, tokenizer):
    """Train what `make` makes while a person gives orders after step 2, and without us; both trainers and the run."""

    def train(make, *orders, **options):
        alone = make(tmp_path / "alone", tokenizer, **options)
        alone.train()
        with start() as run:
            person = Person(run, until, 2, *orders)
            trainer = make(tmp_path / "out", tokenizer, GladiusCallback(run=run), person.as_callback(), **options)
            trainer.train()
        return run, logged(alone), person.answers, trainer

    return train


def logged(trainer):
    return {entry["step"]: entry for entry in trainer.state.log_history if "loss" in entry}


def recorded(run, *names):
    return {
        event["step"]: [event["values"].get(f"train/{name}") for name in names]
        for event in metrics_with(run.dir, "train/loss")
    }


def of(entries, *names):
    return {step: [entry.get(name) for name in names] for step, entry in entries.items()}


def test_a_dpo_training_shows_its_rewards_and_obeys(watched):
    run, alone, answers, _ = watched(make_dpo, "pause", "validate", "checkpoint", "resume")
    assert [answer["state"] for answer in answers] == ["applied"] * 4
    names = (
        "loss",
        "rewards/chosen",
        "rewards/rejected",
        "rewards/margins",
        "rewards/accuracies",
        "logps/chosen",
        "entropy",
    )
    assert recorded(run, *names) == of(alone, *names)
    assert None not in recorded(run, *names)[6]
    (evaluated,) = metrics_with(run.dir, "eval/loss")
    assert {"eval/rewards/margins", "eval/rewards/accuracies"} <= set(evaluated["values"])
    assert events(run.dir, "samples") == [], "what is compared was given, not generated"
    assert events(run.dir, "hello")[-1]["config"]["training_arguments"]["beta"] == 0.1


def test_a_grpo_training_shows_rewards_and_completions_and_obeys(watched):
    run, alone, answers, trainer = watched(make_grpo, "pause", "validate", "checkpoint", "resume")
    assert [answer["state"] for answer in answers] == ["applied"] * 4
    names = ("loss", "reward", "reward_std", "rewards/long_words/mean", "kl", "completions/mean_length", "entropy")
    assert recorded(run, *names) == of(alone, *names)
    assert None not in recorded(run, *names)[6]
    (evaluated,) = metrics_with(run.dir, "eval/reward")
    assert "eval/completions/mean_length" in evaluated["values"]
    shown = events(run.dir, "samples")
    assert [event["step"] for event in shown] == [1, 2, 3, 4, 5, 6], "those of each batch, and none of the evaluation"
    rows = shown[-1]["rows"]
    assert [row["prompt"] for row in rows] == list(trainer._logs["prompt"])[:4]
    assert [row["output"] for row in rows] == list(trainer._logs["completion"])[:4]
    long, short = (trainer._logs["rewards"][name] for name in ("long_words", "short_words"))
    assert [row["score"] for row in rows] == pytest.approx(
        [one + (0 if math.isnan(other) else other) for one, other in zip(long, short, strict=True)][:4]
    )
    saved = Path(events(run.dir, "checkpoint")[-1]["path"])
    assert "data_position" in read_facts(saved)["contents"]


def test_a_released_grpo_training_goes_on_to_the_same_numbers(watched, tmp_path, monkeypatch, tokenizer):
    run, alone, _, _ = watched(make_grpo, ("pause", {"mode": "release"}))
    (checkpoint,) = events(run.dir, "checkpoint")
    run.dir.write_attempt(2, {"argv": [], "checkpoint": checkpoint["path"], "overrides": {}})
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(run.dir.root))
    monkeypatch.setenv("GLADIUS_ATTEMPT", "2")
    with start() as second:
        trainer = make_grpo(tmp_path / "out", tokenizer, GladiusCallback(run=second))
        trainer.train(resume_from_checkpoint=second.resume_from)
    names = ("loss", "reward", "kl", "completions/mean_length", "num_tokens")
    assert recorded(run, *names) == of(alone, *names)


def test_completions_that_several_steps_are_trained_on_are_in_no_checkpoint_and_it_is_said(watched):
    run, _, (answer,), _ = watched(make_grpo, "stop", steps_per_generation=3)
    assert (answer["state"], states(run.dir)[-1]) == ("applied", "cancelled")
    (checkpoint,) = events(run.dir, "checkpoint")
    assert "data_position" not in read_facts(Path(checkpoint["path"]))["contents"]
    assert [event["step"] for event in events(run.dir, "samples")] == [1], "one generation, told once"
