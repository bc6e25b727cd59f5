"""The callback on a real Trainer: what it records, and that it obeys and survives."""

import os
import shutil
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from gladius.integrations.transformers import GladiusCallback  # noqa: E402
from gladius.pulse.checkpoints import verify  # noqa: E402
from gladius.pulse.control import Command, Mailbox, new_command_id  # noqa: E402
from gladius.pulse.events import EventReader  # noqa: E402
from gladius.pulse.rundir import RunDir  # noqa: E402
from gladius.pulse.start import current_run, start  # noqa: E402
from gladius.wire.events import parse_event  # noqa: E402

torch.set_num_threads(1)  # a model this small gains nothing from more, and spinning threads starve a busy machine

pytestmark = pytest.mark.training

ROWS, BATCH, STEPS_PER_EPOCH = 12, 2, 6


@pytest.fixture
def train(home, tmp_path):
    """Train the smallest mixture of experts for two epochs of six steps."""

    def run(*callbacks, **options):
        torch.manual_seed(0)
        config = transformers.Qwen2MoeConfig(
            vocab_size=32, hidden_size=16, intermediate_size=16, moe_intermediate_size=8,
            shared_expert_intermediate_size=8, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
            num_experts=4, num_experts_per_tok=2, max_position_embeddings=32,
        )  # fmt: skip
        rows = [{"input_ids": (ids := torch.randint(0, 32, (8,))), "labels": ids} for _ in range(ROWS)]
        for index, row in enumerate(rows):
            row["attention_mask"] = torch.ones(8, dtype=torch.long)
            row["attention_mask"][6 + index % 3 :] = 0
        settings = {
            "num_train_epochs": 2, "per_device_train_batch_size": BATCH, "logging_steps": 3, "eval_strategy": "epoch",
            "save_strategy": "epoch", "report_to": [], "disable_tqdm": True, "use_cpu": True,
        }  # fmt: skip
        trainer = transformers.Trainer(
            model=transformers.Qwen2MoeForCausalLM(config),
            args=transformers.TrainingArguments(output_dir=str(tmp_path / "out"), **{**settings, **options}),
            train_dataset=rows,
            eval_dataset=rows[:2],
            callbacks=list(callbacks),
        )
        trainer.train()
        return trainer

    return run


def only_run(home) -> RunDir:
    (run,) = home.all_runs()
    return run


def events(run: RunDir, type_: str) -> list[dict]:
    return [event for event in EventReader(run.events).read_all() if event["type"] == type_]


def assert_valid(run: RunDir) -> None:
    every = EventReader(run.events).read_all()
    assert [event["seq"] for event in every] == list(range(len(every)))
    for event in every:
        parse_event.validate_python(event)


def states(run: RunDir) -> list[str]:
    return [event["state"] for event in events(run, "state")]


class Steerer(transformers.TrainerCallback):
    """Posts a command at the end of a step and waits until it was accepted, so that it holds from the next step on."""

    def __init__(self, run, until, at_step, command, **args):
        self.run, self.until, self.at_step = run, until, at_step
        self.command = Command(new_command_id(), command, run.attempt, args, issued_by="a test")

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.at_step:
            Mailbox(self.run.dir.control).post(self.command)
            self.until(lambda: any(ack["command_id"] == self.command.id for ack in events(self.run.dir, "ack")))


def test_one_line_records_a_whole_run(train, home):
    trainer = train(GladiusCallback())
    run = only_run(home)
    hello = events(run, "hello")[-1]
    assert (hello["total_steps"], hello["steps_per_epoch"], hello["total_epochs"]) == (12, STEPS_PER_EPOCH, 2.0)
    assert hello["samples"] == ROWS
    assert hello["model"]["parameters"] == sum(one.numel() for one in trainer.model.parameters())
    assert (hello["model"]["experts"], hello["model"]["active_experts"]) == (4, 2)
    assert set(hello["capabilities"]) == {"pause", "resume", "stop", "checkpoint", "validate", "set"}
    assert (hello["pause_modes"], hello["splits"]) == (["hold", "release"], ["eval"])
    assert hello["reasons"] == {
        "validate:test": "GladiusCallback(test_dataset=...) enables this.",
        "reload_config": "GladiusCallback(read_config=...) enables this.",
    }
    assert_valid(run)
    epoch = ["validating", "running", "checkpointing", "running"]
    assert states(run) == ["preparing", "running", *epoch, *epoch, "done"]


def test_a_probed_training_is_held_at_its_last_step_and_neither_evaluates_nor_saves(train, home, tmp_path, monkeypatch):
    class Held(Exception):
        """In the place of the end that a supervisor brings."""

    def hold(probe):
        if probe._taken == 3:
            raise KeyboardInterrupt from Held()

    monkeypatch.setenv("GLADIUS_PROBE_STEPS", "3")
    monkeypatch.setattr("gladius.pulse.probe.Probe.hold", hold)
    every = {
        "eval_strategy": "steps",
        "eval_steps": 1,
        "save_strategy": "steps",
        "save_steps": 1,
        "eval_on_start": True,
    }
    with pytest.raises(KeyboardInterrupt):
        train(GladiusCallback(checkpoint_steps=1), **every)
    run = only_run(home)
    told = [event["values"] for event in events(run, "metrics") if "probe/steps" in event["values"]]
    assert [one["probe/steps"] for one in told] == [1, 2, 3] and events(run, "hello")[-1]["total_steps"] == 12
    assert "probe/step_seconds" not in told[0] and all(one["probe/step_seconds"] > 0 for one in told[1:])
    assert not any("eval/loss" in event["values"] for event in events(run, "metrics"))
    assert not events(run, "checkpoint") and not list((tmp_path / "out").glob("checkpoint-*"))
    current_run().finish()


def test_every_number_is_the_trainers_own(train, home):
    trainer = train(GladiusCallback())
    logged = {(entry["step"], name): value for entry in trainer.state.log_history for name, value in entry.items()}
    metrics = events(only_run(home), "metrics")
    losses = {event["step"]: event["values"]["train/loss"] for event in metrics if "train/loss" in event["values"]}
    assert losses == {step: logged[step, "loss"] for step in (3, 6, 9, 12)}
    evaluated = {event["step"]: event["values"]["eval/loss"] for event in metrics if "eval/loss" in event["values"]}
    assert evaluated == {step: logged[step, "eval_loss"] for step in (6, 12)}
    assert metrics[-1]["values"]["train/mean_loss"] == logged[12, "train_loss"]
    for event in metrics:
        assert event["epoch"] == pytest.approx(event["step"] / STEPS_PER_EPOCH)
        if "train/loss" in event["values"]:
            assert event["values"]["train/tokens_per_second"] > 0
            for layer in range(2):
                assert sum(event["values"][f"moe/load/{layer}/{expert}"] for expert in range(4)) == pytest.approx(1)


def test_a_trainer_that_hides_nan_is_told_on(train, home):
    train(GladiusCallback(), num_train_epochs=1)
    assert [alert["code"] for alert in events(only_run(home), "alert")] == ["nan_filter"]


def test_nan_arrives_as_nan_where_the_trainer_lets_it(train, home):
    class Poison(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, model=None, **kwargs):
            if state.global_step == 2:
                with torch.no_grad():
                    model.lm_head.weight.fill_(float("nan"))

    train(GladiusCallback(), Poison(), num_train_epochs=1, logging_nan_inf_filter=False)
    losses = [event["values"].get("train/loss") for event in events(only_run(home), "metrics")]
    assert "NaN" in losses
    assert "non_finite_loss" in [alert["code"] for alert in events(only_run(home), "alert")]


def test_checkpoints_are_verified_where_the_trainer_left_them(train, home, tmp_path):
    train(GladiusCallback())
    first, last = events(only_run(home), "checkpoint")
    assert (first["step"], first["kind"], last["step"], last["kind"]) == (6, "auto", 12, "final")
    assert first["path"] == str(tmp_path / "out" / "checkpoint-6")
    assert verify(Path(first["path"])) == []


def test_published_checkpoints_load_and_the_oldest_go(train, home, tmp_path):
    with start(total_epochs=2) as run:
        trainer = train(GladiusCallback(run=run, publish_to=run.dir.checkpoints, keep=1))
        assert run.active  # whoever began it ends it
    assert [path.name for path in run.dir.checkpoints.iterdir()] == ["step-12"]
    assert list((tmp_path / "out").iterdir()) == []
    loaded = transformers.AutoModelForCausalLM.from_pretrained(run.dir.checkpoints / "step-12")
    for mine, theirs in zip(trainer.model.state_dict().values(), loaded.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)
    assert states(run.dir)[-1] == "done"


def test_a_stop_ends_with_a_final_checkpoint(train, home, until):
    with start() as run:
        trainer = train(GladiusCallback(run=run, publish_to=run.dir.checkpoints), Steerer(run, until, 3, "stop"))
    assert trainer.state.global_step == 4
    (checkpoint,) = events(run.dir, "checkpoint")
    assert (checkpoint["step"], checkpoint["kind"]) == (4, "final")
    assert verify(Path(checkpoint["path"])) == []
    assert states(run.dir)[-4:] == ["stopping", "checkpointing", "stopping", "cancelled"]
    assert "validating" not in states(run.dir)
    assert [ack["state"] for ack in events(run.dir, "ack")] == ["accepted", "applied"]
    assert events(run.dir, "metrics")[-2]["step"] == 4


def test_a_stop_without_a_checkpoint_saves_none(train, home, until):
    with start() as run:
        train(GladiusCallback(run=run), Steerer(run, until, 3, "stop", checkpoint=False))
    assert events(run.dir, "checkpoint") == []
    assert states(run.dir)[-1] == "cancelled"


def test_a_checkpoint_that_cannot_be_published_is_told_and_training_goes_on(train, home, tmp_path):
    (tmp_path / "a file").touch()
    trainer = train(GladiusCallback(publish_to=tmp_path / "a file"))
    assert trainer.state.global_step == 12
    failed = events(only_run(home), "checkpoint")
    assert len(failed) == 2
    assert all(event["failed"] and "path" not in event for event in failed)
    assert states(only_run(home))[-1] == "done"


def test_a_lost_run_directory_costs_the_training_nothing(train, home):
    class Vandal(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 2:
                # Out of sight first: the reporter lays a deleted stream down again while the folder is there.
                shutil.rmtree(home.runs.rename(home.root / "gone"))

    assert train(GladiusCallback(), Vandal()).state.global_step == 12


def test_a_failure_of_ours_is_told_once_and_never_raised(train, home, caplog):
    class Broken(GladiusCallback):
        def _begin_window(self):
            raise RuntimeError("ours")

    assert train(Broken()).state.global_step == 12
    told = [record for record in caplog.records if "training goes on" in record.message]
    assert [record.args[0] for record in told] == ["on_train_begin", "on_log"]


def test_the_run_of_a_training_that_raised_ends_as_error_when_the_next_begins(train, home):
    class Bomb(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            raise ValueError("user's own")

    callback = GladiusCallback()
    with pytest.raises(ValueError, match="user's own"):
        train(callback, Bomb())
    train(callback)
    newest, oldest = sorted(home.all_runs(), key=lambda run: states(run)[-1])
    assert (states(newest)[-1], states(oldest)[-1]) == ("done", "error")


def test_a_users_own_run_is_joined_and_its_words_win(train, home):
    with start(model={"name": "my model"}, name="mine") as run:
        train(GladiusCallback(), num_train_epochs=1)
    assert only_run(home).root == run.dir.root
    model = events(run.dir, "hello")[-1]["model"]
    assert model["name"] == "my model"
    assert model["experts"] == 4


TWO_PROCESSES = """
import sys
from gladius.integrations.transformers import GladiusCallback
from small_trainer import make_trainer
callback = GladiusCallback(publish_to=sys.argv[1], keep=1)
make_trainer(sys.argv[2], callback, save_strategy="epoch", eval_strategy="epoch", ddp_backend="gloo").train()
"""


@pytest.mark.slow
def test_of_two_processes_one_reports_and_both_can_be_steered(home, tmp_path, spawn):
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    process = spawn(*launcher, script, tmp_path / "published", tmp_path / "out", env=environment)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors + output
    run = only_run(home)
    hello = events(run, "hello")[-1]
    assert (hello["world_size"], hello["mode"]) == (2, "distributed")
    assert set(hello["capabilities"]) == {"pause", "resume", "stop", "checkpoint", "validate", "set"}
    assert [event["step"] for event in events(run, "checkpoint")] == [3, 6]
    assert [path.name for path in (tmp_path / "published").iterdir()] == ["step-6"]
    assert verify(tmp_path / "published" / "step-6") == []
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= {path.name for path in (tmp_path / "published/step-6").iterdir()}
    assert states(run)[-1] == "done"
