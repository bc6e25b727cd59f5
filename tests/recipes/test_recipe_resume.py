"""An interrupted run, resumed in a new process, logs the same losses as one that was never interrupted: every bit."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("datasets")

from gladius.pulse.checkpoints import read_facts, verify  # noqa: E402
from gladius.pulse.control import Command, Mailbox, new_command_id  # noqa: E402
from gladius.pulse.events import EventReader  # noqa: E402
from gladius.pulse.rundir import RunDir  # noqa: E402
from gladius.recipes import finetune  # noqa: E402
from gladius.recipes.config import TinyMoeConfig  # noqa: E402
from gladius.recipes.tiny_moe import make_model, make_tokenizer  # noqa: E402

torch.set_num_threads(1)

pytestmark = [
    pytest.mark.training,
    pytest.mark.slow,
    pytest.mark.skipif(transformers.__version__.startswith("4."), reason="its log window cannot be reached"),
]

STEPS_PER_EPOCH = 5
COMPARED = ("train/loss", "train/grad_norm", "train/learning_rate", "eval/loss", "eval/accuracy")

RESUME_EACH = """
import os, sys
from gladius.recipes import finetune
for folder in sys.argv[2:]:
    os.environ["GLADIUS_RUN_DIR"] = folder
    os.environ["GLADIUS_ATTEMPT"] = "2"
    if finetune.main([sys.argv[1]]):
        sys.exit(1)
"""


@pytest.fixture(autouse=True)
def quiet_environment(home, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "TOKENIZERS_PARALLELISM"):
        monkeypatch.setenv(name, "1")


@pytest.fixture
def configure(tmp_path):
    """Records of many lengths, and a model with dropout: whatever an order or a random state does wrong will show."""
    records = tmp_path / "records.jsonl"
    rows = [{"instruction": f"Count to {n}.", "output": " ".join(map(str, range(1, 2 + n % 13)))} for n in range(42)]
    records.write_text("".join(json.dumps(row) + "\n" for row in rows))
    base = tmp_path / "base"
    shape = TinyMoeConfig(layers=1, hidden=32, expert_hidden=16, experts=2, vocabulary=300)
    tokenizer = make_tokenizer([records.read_text()], 300, 128)
    model = make_model(shape, tokenizer, 64)
    model.config.attention_dropout = 0.2
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)

    def write(**train):
        path = tmp_path / "config.yaml"
        train = {
            "epochs": 3, "batch_size": 4, "gradient_accumulation": 2, "learning_rate": 1e-2, "warmup_steps": 2,
            "keep_checkpoints": 100, "sample_prompts": 2, "sample_tokens": 2, "eval_batch_size": 2, **train,
        }  # fmt: skip
        data = {"path": str(records), "max_length": 64, "eval_fraction": 0.05}
        path.write_text(json.dumps({"model": {"name": str(base)}, "data": data, "train": train}))
        return str(path)

    return write


def train_once(config, folder, monkeypatch):
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(folder))
    monkeypatch.delenv("GLADIUS_ATTEMPT", raising=False)
    assert finetune.main([config]) == 0
    return RunDir(folder)


def events(run, type_, attempt=None):
    every = EventReader(run.events).read_all()
    return [event for event in every if event["type"] == type_ and attempt in (None, event["attempt"])]


def numbers(run, attempt=None, after=-1):
    """(step, name) -> value, of what must not differ; a number logged twice is a failure."""
    found = {}
    for event in events(run, "metrics", attempt):
        for name in COMPARED:
            if name in event["values"] and event["step"] > after:
                assert (event["step"], name) not in found, f"{name} at step {event['step']} twice"
                found[event["step"], name] = event["values"][name]
    return found


def announce(run, checkpoint, **overrides):
    run.write_attempt(2, {"argv": [], "checkpoint": str(checkpoint), "overrides": overrides})


@pytest.mark.parametrize(
    ("log_every", "steps"),
    [
        # In the middle of the first epoch and of a window, of a later epoch, between two epochs, where a log is due.
        (3, (4, 8, 10, 12)),
        (1, (8,)),
    ],
)
def test_a_resumed_run_logs_every_number_of_the_uninterrupted_one(
    configure, tmp_path, monkeypatch, spawn, log_every, steps
):
    config = configure(log_every=log_every, checkpoint_steps=4)
    saving = train_once(config, tmp_path / "saving", monkeypatch)
    whole = numbers(saving)
    assert [event["step"] for event in events(saving, "checkpoint")] == [4, 5, 8, 10, 12, 15]
    folders = []
    for step in steps:
        folder = tmp_path / f"from-{step}"
        shutil.copytree(saving.root, folder)
        announce(RunDir(folder), folder / "checkpoints" / f"step-{step}")
        folders.append((step, RunDir(folder)))
    process = spawn(sys.executable, "-c", RESUME_EACH, config, *(run.root for _, run in folders))
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors + output
    for step, run in folders:
        expected = {key: value for key, value in whole.items() if key[0] > step}
        assert expected
        assert numbers(run, attempt=2) == expected, f"resumed from step {step}"
        hello = events(run, "hello", attempt=2)[-1]
        assert hello["resumed_from"] == {"checkpoint": str(run.checkpoints / f"step-{step}"), "step": step}


def test_checkpoints_and_samples_change_no_number(configure, tmp_path, monkeypatch):
    plain = train_once(configure(log_every=1, sample_prompts=0), tmp_path / "plain", monkeypatch)
    busy = train_once(configure(log_every=1, checkpoint_steps=2), tmp_path / "busy", monkeypatch)
    assert [event["step"] for event in events(busy, "checkpoint")] == [2, 4, 5, 6, 8, 10, 10, 12, 14, 15]
    assert [event["step"] for event in events(busy, "samples")] == [5, 10, 15]
    assert not events(plain, "samples")
    assert numbers(busy) == numbers(plain)


def test_a_fork_begins_from_its_parents_checkpoint_with_another_rate(configure, tmp_path, monkeypatch):
    config = configure(log_every=1, checkpoint_steps=4, schedule="constant_with_warmup")
    parent = train_once(config, tmp_path / "parent", monkeypatch)
    before = {path: path.stat().st_mtime_ns for path in parent.root.rglob("*") if path.is_file()}
    fork = RunDir(tmp_path / "fork")
    checkpoint = parent.checkpoints / "step-4"
    fork.write_attempt(1, {"argv": [], "checkpoint": str(checkpoint), "overrides": {"train.learning_rate": 5e-3}})
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(fork.root))
    monkeypatch.setenv("GLADIUS_ATTEMPT", "1")
    assert finetune.main([config]) == 0
    assert events(fork, "hello")[-1]["resumed_from"] == {"checkpoint": str(checkpoint), "step": 4}
    mine, theirs = numbers(fork), numbers(parent)
    assert min(step for step, _ in mine) == 5
    assert mine[5, "train/loss"] == theirs[5, "train/loss"]  # the same weights and batch, before the new rate was used
    assert mine[6, "train/loss"] != theirs[6, "train/loss"]
    assert {mine[step, "train/learning_rate"] for step in range(5, 16)} == {5e-3}
    assert [event["step"] for event in events(fork, "checkpoint")] == [5, 8, 10, 12, 15]
    assert sorted(path.name for path in fork.checkpoints.iterdir()) == [
        "step-10",
        "step-12",
        "step-15",
        "step-5",
        "step-8",
    ]
    assert {path: path.stat().st_mtime_ns for path in parent.root.rglob("*") if path.is_file()} == before


def released_at(run):
    (checkpoint,) = (event for event in events(run, "checkpoint") if event["kind"] == "pause")
    assert verify(Path(checkpoint["path"])) == []
    assert events(run, "state")[-1]["state"] == "released"
    return checkpoint


def test_a_released_run_goes_on_as_attempt_2_with_the_same_losses(configure, tmp_path, monkeypatch, spawn):
    config = configure(epochs=10, log_every=3)
    whole = numbers(train_once(config, tmp_path / "plain", monkeypatch))
    run = RunDir(tmp_path / "run")
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(run.root))
    command = Command(new_command_id(), "pause", 1, {"mode": "release"}, issued_by="a test")
    Mailbox(run.control).post(command)  # it waits there until the trainer listens
    first = spawn(sys.executable, "-m", "gladius.recipes.finetune", config)
    output, errors = first.communicate(timeout=60)
    assert first.returncode == 0, errors + output
    checkpoint = released_at(run)
    assert 0 < checkpoint["step"] < 10 * STEPS_PER_EPOCH
    assert [ack["state"] for ack in events(run, "ack")] == ["accepted", "applied"]
    assert "optimizer" in read_facts(Path(checkpoint["path"]))["contents"]
    announce(run, checkpoint["path"])
    second = spawn(sys.executable, "-m", "gladius.recipes.finetune", config, env={**os.environ, "GLADIUS_ATTEMPT": "2"})
    output, errors = second.communicate(timeout=60)
    assert second.returncode == 0, errors + output
    assert numbers(run) == whole
    assert events(run, "state")[-1]["state"] == "done"


def test_a_preempted_job_that_is_started_again_goes_on_with_the_same_losses(
    configure, tmp_path, monkeypatch, spawn, until
):
    config = configure(epochs=100, log_every=3)
    run = RunDir(tmp_path / "run")
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(run.root))
    first = spawn(sys.executable, "-m", "gladius.recipes.finetune", config)
    until(lambda: run.events.exists() and len(events(run, "metrics")) > 3, 60)
    first.send_signal(signal.SIGTERM)
    output, errors = first.communicate(timeout=60)
    assert first.returncode == 0, errors + output
    checkpoint = released_at(run)
    assert "SIGTERM" in events(run, "state")[-1]["reason"]
    config = configure(epochs=100, log_every=3, max_steps=checkpoint["step"] + 5)
    second = spawn(sys.executable, "-m", "gladius.recipes.finetune", config)
    output, errors = second.communicate(timeout=60)
    assert second.returncode == 0, errors + output
    assert events(run, "hello", attempt=2)[-1]["resumed_from"]["step"] == checkpoint["step"]
    assert events(run, "state", attempt=2)[-1]["state"] == "done"
    steps = [event["step"] for event in events(run, "metrics") if "train/loss" in event["values"]]
    assert steps == list(range(3, checkpoint["step"] + 6, 3))
