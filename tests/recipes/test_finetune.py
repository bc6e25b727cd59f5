"""The recipe from one end to the other: a model learns, the run tells, the checkpoint loads."""

import json
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("peft")

from gladius.pulse import read_training_status  # noqa: E402
from gladius.pulse.checkpoints import verify  # noqa: E402
from gladius.pulse.control import Command, Mailbox, new_command_id  # noqa: E402
from gladius.pulse.events import EventReader  # noqa: E402
from gladius.pulse.rundir import RunDir  # noqa: E402
from gladius.recipes import finetune  # noqa: E402
from gladius.recipes.config import TinyMoeConfig  # noqa: E402
from gladius.recipes.tiny_moe import make_model, make_tokenizer  # noqa: E402
from gladius.wire.events import parse_event  # noqa: E402

torch.set_num_threads(1)  # a model this small gains nothing from more, and spinning threads starve a busy machine

pytestmark = [pytest.mark.training, pytest.mark.slow]

TINY = {"layers": 2, "hidden": 32, "expert_hidden": 32, "experts": 4, "vocabulary": 400}
WORDS = ("red", "green", "blue", "white")


@pytest.fixture
def run_dir(home, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "TOKENIZERS_PARALLELISM"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(tmp_path / "run"))
    return RunDir(tmp_path / "run")


@pytest.fixture
def alpaca(tmp_path):
    rows = [{"instruction": f"Which colour is {n}?", "output": f"It is {WORDS[n % 4]}."} for n in range(80)]
    path = tmp_path / "alpaca.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def messages(tmp_path):
    path = tmp_path / "chat.jsonl"
    turns = [[("user", f"Which colour is {n}?"), ("assistant", f"It is {WORDS[n % 4]}.")] for n in range(40)]
    rows = [{"messages": [{"role": role, "content": text} for role, text in one]} for one in turns]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def write_config(tmp_path):
    def write(**sections):
        path = tmp_path / "config.yaml"
        path.write_text(json.dumps(sections))  # JSON is YAML
        return str(path)

    return write


def events(run, type_):
    every = EventReader(run.events).read_all()
    for event in every:
        parse_event.validate_python(event)
    return [event for event in every if event["type"] == type_]


def train_options(**more):
    return {"batch_size": 4, "learning_rate": 3e-3, "warmup_steps": 2, "log_every": 2, **more}


def test_a_small_mixture_of_experts_learns_and_its_checkpoint_loads(run_dir, alpaca, write_config, capsys):
    data = {"path": str(alpaca), "max_length": 48}
    train = train_options(epochs=2, learning_rate=1e-2)
    assert finetune.main([write_config(data=data, tiny_moe=TINY, train=train)]) == 0
    losses = [event["values"]["train/loss"] for event in events(run_dir, "metrics") if "train/loss" in event["values"]]
    assert losses[-1] < losses[0] - 1
    evaluated = [event["values"] for event in events(run_dir, "metrics") if "eval/loss" in event["values"]]
    assert len(evaluated) == 2
    assert 0 <= evaluated[-1]["eval/accuracy"] <= 1
    hello = events(run_dir, "hello")[-1]
    assert (hello["samples"], hello["total_steps"], hello["total_epochs"]) == (76, 38, 2.0)
    assert hello["model"]["name"] == "tiny-moe"
    assert [event["step"] for event in events(run_dir, "checkpoint")] == [19, 38]
    status = read_training_status(run_dir.status)
    assert (status["status"], status["epoch"], status["total_epochs"]) == ("done", 2.0, 2.0)
    folder = Path(events(run_dir, "checkpoint")[-1]["path"])
    assert folder == run_dir.checkpoints / "step-38"
    assert verify(folder) == []
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert sum(one.numel() for one in model.parameters()) == hello["model"]["parameters"]
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Which colour is 3?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    answer = model.generate(**prompt, max_new_tokens=8, do_sample=False)
    assert "It is" in tokenizer.decode(answer[0])
    printed = capsys.readouterr().out
    assert "step    38/38" in printed
    assert "checkpoint saved" in printed


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft asks the old name
def test_a_model_folder_learns_an_adapter_from_chats(run_dir, alpaca, messages, write_config, tmp_path):
    base = tmp_path / "base"
    tokenizer = make_tokenizer([alpaca.read_text()], 400, 512)
    make_model(TinyMoeConfig(**TINY), tokenizer, 64).save_pretrained(base)
    tokenizer.save_pretrained(base)
    config = write_config(
        model={"name": str(base)}, data={"path": str(messages), "format": "messages", "max_length": 48},
        train=train_options(method="lora", max_steps=4), lora={"rank": 2, "alpha": 4},
    )  # fmt: skip
    assert finetune.main([config]) == 0
    (checkpoint,) = events(run_dir, "checkpoint")
    assert (checkpoint["step"], checkpoint["kind"]) == (4, "final")
    assert (Path(checkpoint["path"]) / "adapter_model.safetensors").is_file()
    loaded = transformers.AutoModelForCausalLM.from_pretrained(checkpoint["path"])  # transformers adds the adapter
    assert any("lora_A" in name for name, _ in loaded.named_parameters())
    assert events(run_dir, "hello")[-1]["model"]["name"] == "base"
    assert any("moe/load/0/0" in event["values"] for event in events(run_dir, "metrics"))


def test_a_person_steers_the_recipe_through_a_hold_to_a_stop(run_dir, alpaca, write_config, spawn, until):
    """Pause, a validation on the test split, a reload of the edited file, a change, resume, stop; all in one process."""
    settings = {
        "data": {"path": str(alpaca), "max_length": 48, "test_fraction": 0.1}, "tiny_moe": TINY,
        "train": train_options(epochs=5000, sample_prompts=2, sample_tokens=4, schedule="linear"),
    }  # fmt: skip
    config = write_config(**settings)
    trainer = spawn(sys.executable, "-m", "gladius.recipes.finetune", config)

    def post(command, **args):
        made = Command(new_command_id(), command, 1, args, issued_by="a test")
        Mailbox(run_dir.control).post(made)

        def last_ack():
            acks = [ack for ack in events(run_dir, "ack") if ack["command_id"] == made.id]
            return acks[-1] if acks and acks[-1]["state"] != "accepted" else None

        return until(last_ack, 60)

    until(lambda: run_dir.events.exists() and events(run_dir, "metrics"), 90)
    hello = events(run_dir, "hello")[-1]
    assert (hello["pause_modes"], hello["splits"]) == (["hold", "release"], ["eval", "test"])
    assert {"checkpoint", "validate", "set", "reload_config"} <= set(hello["capabilities"])
    assert hello["adjustable"]["batch_size"]["key"] == "train.batch_size"
    post("pause")
    assert events(run_dir, "state")[-1]["state"] == "paused"
    saved = events(run_dir, "checkpoint")[-1]
    assert saved["kind"] == "pause"
    assert verify(Path(saved["path"])) == []
    assert post("validate", split="test")["state"] == "applied"
    validated = events(run_dir, "metrics")[-1]
    assert {"test/loss", "test/accuracy"} <= set(validated["values"])
    rows = events(run_dir, "samples")[-1]["rows"]
    assert [row["reference"].startswith("It is") for row in rows] == [True, True]
    write_config(**{**settings, "train": {**settings["train"], "learning_rate": 1e-2, "batch_size": 8, "log_every": 4}})
    answer = post("reload_config", keys=["train.learning_rate", "train.batch_size", "train.log_every"])
    assert answer["state"] == "applied"
    assert "batch_size needs a restart" in answer["detail"]
    write_config(**{**settings, "train": {"log_evry": 1}})
    answer = post("reload_config", keys=["train.log_every"])
    assert (answer["state"], "log_evry" in answer["detail"]) == ("rejected", True)
    post("resume")
    until(lambda: events(run_dir, "metrics")[-1]["step"] > saved["step"] + 4)
    logged = [event for event in events(run_dir, "metrics") if "train/loss" in event["values"]][-1]
    assert logged["step"] % 4 == 0
    assert logged["values"]["train/learning_rate"] > 9e-3
    post("stop")
    output, errors = trainer.communicate(timeout=60)
    assert trainer.returncode == 0, errors
    assert events(run_dir, "state")[-1]["state"] == "cancelled"
    last = events(run_dir, "checkpoint")[-1]
    assert (last["kind"], last["path"]) == ("final", str(run_dir.checkpoints / f"step-{last['step']}"))
    assert not list(run_dir.checkpoints.glob(".*"))
    assert read_training_status(run_dir.status)["status"] == "done"
    assert f"checkpoint saved: {last['path']}" in output
    assert "test accuracy" in output


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_an_adapter_goes_on_from_its_checkpoint_with_the_same_losses(
    run_dir, alpaca, messages, write_config, tmp_path, monkeypatch
):
    base = tmp_path / "base"
    tokenizer = make_tokenizer([alpaca.read_text()], 400, 512)
    make_model(TinyMoeConfig(**TINY), tokenizer, 64).save_pretrained(base)
    tokenizer.save_pretrained(base)
    lora = {"rank": 2, "alpha": 4, "dropout": 0.3}
    train = train_options(method="lora", max_steps=8, log_every=2, checkpoint_steps=3)
    config = write_config(
        model={"name": str(base)}, data={"path": str(messages), "max_length": 48}, train=train, lora=lora
    )
    assert finetune.main([config]) == 0
    run_dir.write_attempt(2, {"argv": [], "checkpoint": str(run_dir.checkpoints / "step-3"), "overrides": {}})
    monkeypatch.setenv("GLADIUS_ATTEMPT", "2")
    assert finetune.main([config]) == 0
    losses = {1: {}, 2: {}}
    for event in events(run_dir, "metrics"):
        if "train/loss" in event["values"]:
            losses[event["attempt"]][event["step"]] = event["values"]["train/loss"]
    assert list(losses[2]) == [4, 6, 8]
    assert losses[2].items() <= losses[1].items()


def test_a_diverging_recipe_ends_as_an_error_that_names_where_to_roll_back_to(run_dir, alpaca, write_config):
    train = train_options(epochs=2, learning_rate=1e20, warmup_steps=4, checkpoint_steps=1, keep_checkpoints=20)
    train.update(schedule="constant_with_warmup", log_every=1, max_grad_norm=0, nan_policy="rollback")
    config = write_config(data={"path": str(alpaca), "max_length": 48}, tiny_moe=TINY, train=train)
    assert finetune.main([config]) == 1
    last = events(run_dir, "state")[-1]
    assert (last["state"], last["error"]["code"], last["error"]["retryable"]) == ("error", "non_finite_loss", True)
    finite = [event["step"] for event in events(run_dir, "metrics") if _is_number(event["values"].get("train/loss"))]
    restart = last["error"]["restart"]
    assert restart["checkpoint"] == str(run_dir.checkpoints / f"step-{finite[-1] - 1}")
    assert restart["overrides"] == {"train.learning_rate": 5e19}


def _is_number(value):
    return isinstance(value, float)  # what is not finite stands there as text


def test_a_full_disk_costs_checkpoints_and_not_the_training(run_dir, alpaca, write_config, spawn):
    config = write_config(data={"path": str(alpaca), "max_length": 48}, tiny_moe=TINY, train=train_options(epochs=1))
    code = (
        "import resource, sys; from gladius.recipes import finetune;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); sys.exit(finetune.main(sys.argv[1:]))"
    )
    trainer = spawn(sys.executable, "-c", code, config)
    output, errors = trainer.communicate(timeout=90)
    assert trainer.returncode == 0, errors
    (checkpoint,) = events(run_dir, "checkpoint")
    assert checkpoint["failed"] and "path" not in checkpoint
    assert events(run_dir, "state")[-1]["state"] == "done"
    assert "checkpoint failed" in output
    assert list(run_dir.checkpoints.iterdir()) == []


def test_a_wrong_configuration_ends_the_run_as_error_and_says_so(run_dir, write_config, capsys):
    assert finetune.main([write_config(data={"path": "x.jsonl"}, train={"epoch": 3})]) == 1
    assert "Unknown setting 'train.epoch'. Did you mean train.epochs?" in capsys.readouterr().err
    last = events(run_dir, "state")[-1]
    assert (last["state"], last["error"]["code"]) == ("error", "ConfigError")


def test_a_wrong_call_is_told_the_usage(capsys):
    assert finetune.main([]) == 2
    assert "usage:" in capsys.readouterr().err
