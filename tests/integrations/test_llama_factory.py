"""LLaMA-Factory from the package index, unedited, in its own environment: every control, for real, over HTTP.

`make test-integrations` makes the environment and runs these; elsewhere they are skipped.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console_fixtures import serve
from console_server import ConsoleServer, Listener
from loop_run import LoopRun

from gladius.catalog.environments import Environments
from gladius.launch.local import LocalLauncher
from gladius.launch.start import start_command
from gladius.pulse.checkpoints import read_facts, verify
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import Home

__all__ = ["serve"]

WANTED = os.environ.get("GLADIUS_TEST_LLAMA_FACTORY")
pytestmark = [
    pytest.mark.skipif(not WANTED, reason="needs LLaMA-Factory's own environment: make test-integrations"),
    pytest.mark.training,
    pytest.mark.slow,
]
HERE = Path(__file__).parent
PATIENCE_S = 120


@pytest.fixture(scope="module")
def python() -> Path:
    return Environments.of(Home()).interpreter("llama-factory")


@pytest.fixture(scope="module")
def tiny(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, a dataset and `sft.yaml`."""
    folder = tmp_path_factory.mktemp("tiny")
    subprocess.run([python, HERE / "tiny_llama.py", folder], check=True, capture_output=True)
    return folder


class Training:
    """Starts LLaMA-Factory's trainings, and finds what they left."""

    def __init__(self, home: Home, server: ConsoleServer, tiny: Path, python: Path, until: Callable[..., Any]) -> None:
        self.home, self.server, self.tiny, self.python = home, server, tiny, python
        self.until = functools.partial(until, timeout=PATIENCE_S, every=0.05)
        self.folder = home.root.parent

    def command(self, *words: str, saves: str = "saves") -> list[str]:
        module = [str(self.python), "-m", "gladius.integrations.llama_factory"]
        options, overrides = [word for word in words if "=" not in word], [word for word in words if "=" in word]
        return [*module, *options, str(self.tiny / "sft.yaml"), f"output_dir={self.folder / saves}", *overrides]

    def start(self, *words: str, saves: str = "saves") -> LoopRun:
        run = start_command(self.home, LocalLauncher(self.home), self.command(*words, saves=saves), "sums", None)
        return self.follow(run.run_id)

    def follow(self, run_id: str) -> LoopRun:
        self.until(lambda: self.server.http.get(f"/runs/{run_id}").status_code == 200)
        return LoopRun(self.home, self.server, self.home.run(run_id), self.until)

    def held(self, *words: str, saves: str = "saves") -> LoopRun:
        """Start one, and hold it at the end of one of its first steps."""
        run = self.start(*words, saves=saves)
        run.until(lambda: run.record["capabilities"] or run.record["summary"]["state"] == "error")
        run.tell("pause", mode="hold")
        return run

    def by_its_own_command(self, *words: str) -> dict[int, float]:
        """Train with `llamafactory-cli`, and return its losses by step."""
        saves = self.folder / "own"
        command = [self.python.with_name("llamafactory-cli"), "train", self.tiny / "sft.yaml", f"output_dir={saves}"]
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        ended = subprocess.run(
            [*command, *words], capture_output=True, text=True, check=False, timeout=PATIENCE_S, env=env
        )
        assert ended.returncode == 0, ended.stderr[-3000:]
        return logged(saves)


def logged(saves: Path) -> dict[int, float]:
    """LLaMA-Factory's own log: loss by step, each step once."""
    lines = [json.loads(line) for line in (saves / "trainer_log.jsonl").read_text().splitlines()]
    losses = [(line["current_steps"], line["loss"]) for line in lines if "loss" in line]
    assert [step for step, _ in losses] == sorted({step for step, _ in losses})
    return dict(losses)


def losses(run: LoopRun, attempt: int | None = None) -> dict[int, float]:
    found = [event for event in run.events("metrics") if "train/loss" in event["values"]]
    return {event["step"]: event["values"]["train/loss"] for event in found if attempt in (None, event["attempt"])}


def ended(run: LoopRun, state: str) -> dict[str, Any]:
    """Wait until it has ended so and its record is written."""
    record = run.wait_for("done", "cancelled", "released", "error", "killed", "lost")
    assert record["summary"]["state"] == state, run.run.console_log.read_text()[-3000:]
    run.until(lambda: run.run.report_json.exists() and not is_held(run.run.supervisor_lock))
    return record


@pytest.fixture
def training(
    home: Home, python: Path, tiny: Path, serve: Callable[..., ConsoleServer], until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Training:  # fmt: skip
    for name, value in (("OMP_NUM_THREADS", "1"), ("HF_HUB_OFFLINE", "1"), ("HF_HOME", str(home.root.parent / "hub"))):
        monkeypatch.setenv(name, value)
    return Training(home, serve(), tiny, python, until)


def test_a_session_with_a_release_in_its_middle_logs_the_losses_of_its_own_command(training: Training) -> None:
    wanted = training.by_its_own_command()
    assert len(wanted) == 400
    assert list(training.home.runs.iterdir()) == [], "its own command knows nothing of Gladius"

    run = training.held()
    record = run.record
    assert set(record["capabilities"]) == {
        "pause", "resume", "stop", "checkpoint", "validate", "set", "reload_config",
    }  # fmt: skip
    assert (record["pause_modes"], record["splits"]) == (["hold", "release"], ["eval"])
    assert (record["summary"]["total_steps"], record["model"]["parameters"]) == (400, 12_496)
    step = run.events("ack")[-1]["step"]
    saved = run.tell("checkpoint")
    assert saved["step"] == step
    folder = Path(run.events("checkpoint")[-1]["path"])
    assert (folder, verify(folder)) == (training.folder / "saves" / f"checkpoint-{step}", [])
    run.tell("validate")
    (measured,) = [event["values"] for event in run.events("metrics") if "eval/loss" in event["values"]]
    assert {"eval/loss", "eval/accuracy"} <= set(measured)
    rows = run.events("samples")[-1]["rows"]
    assert len(rows) == 4
    assert [row for row in rows if not row["prompt"].endswith("Assistant:") or row["reference"][:5] != "It is"] == []
    assert set(losses(run)) == set(range(1, step)), "nothing was trained meanwhile; the log of this step is still due"
    run.tell("resume")

    released = run.tell("pause", mode="release")
    assert released["step"] < 400
    ended(run, "released")
    assert not (training.folder / "saves" / "model.safetensors").exists(), "what follows a training waits for its end"
    preview = run.resume(preview=True).json()
    assert (preview["possible"], preview["step"], preview["warnings"]) == (True, released["step"], [])
    assert preview["not_restored"] == []
    assert run.resume().status_code == 201
    run.until(lambda: len(run.run.attempt_numbers()) == 2)
    ended(run, "done")
    hello = run.events("hello")[-1]
    assert (hello["attempt"], hello["resumed_from"]["step"]) == (2, released["step"])
    assert min(losses(run, attempt=2)) == released["step"] + 1
    assert losses(run) == wanted, "to the last bit, over a hold, a checkpoint, an evaluation, samples and a new process"
    assert logged(training.folder / "saves") == wanted, "its own log goes on too"
    assert (training.folder / "saves" / "model.safetensors").exists()


def test_what_is_set_reloaded_and_refused_then_a_stop_and_a_fork(training: Training) -> None:
    source = training.tiny / "sft.yaml"
    text = source.read_text()
    run = training.held("max_steps=100000", "lr_scheduler_type=constant_with_warmup", "warmup_steps=0")
    try:
        config = run.server.get(f"{run.path}/config/diff")
        assert (config["file"], config["editable"], config["text"]) == (str(source), False, text)
        row = {one["key"]: one for one in config["rows"]}
        assert (row["max_steps"]["file"], row["max_steps"]["launched"]) == (400, 100_000)
        assert (row["learning_rate"]["live"], row["learning_rate"]["applies"]) == (0.001, "live")
        snapshot = run.server.get(f"{run.path}/config")["snapshot"]
        assert snapshot["training"]["batch_size"]["value"] == 2
        assert snapshot["training"]["max_length"]["value"] == 64

        run.tell("set", name="learning_rate", value=5e-4)
        refused = run.told(run.post("set", name="batch_size", value=4))
        assert refused["state"] == "rejected"
        assert "restart" in refused["detail"]
        source.write_text(text.replace("report_to: none", "report_to: none\nweight_decay: 0.25\nmax_grad_norm: 0.5"))
        run.tell("reload_config", keys=["weight_decay", "max_grad_norm"])
    finally:
        source.write_text(text)
    changes = [(one["name"], one["old"], one["new"]) for one in run.events("hyperparameters")]
    assert changes[0] == ("learning_rate", 0.001, 5e-4)
    assert sorted(changes[1:]) == [("max_grad_norm", 1.0, 0.5), ("weight_decay", 0.0, 0.25)]
    run.tell("resume")
    held = run.events("ack")[-1]["step"]
    run.wait_for_step(held + 10)
    rates = [event["values"]["train/learning_rate"] for event in run.events("metrics") if event.get("step") == held + 9]
    assert rates == [5e-4]

    stopped = run.tell("stop")
    ended(run, "cancelled")
    final = run.events("checkpoint")[-1]
    assert (final["kind"], final["step"], verify(Path(final["path"]))) == ("final", stopped["step"], [])
    saves = training.folder / "saves"
    assert (saves / "model.safetensors").exists(), "its own end: the trained model"
    assert not (saves / "eval_results.json").exists(), "who stops it does not wait for an evaluation"

    answer = run.fork(checkpoint=stopped["step"], overrides={"learning_rate": 2e-4, "max_steps": stopped["step"] + 20})
    assert answer.status_code == 201, answer.text
    child = training.follow(answer.json()["run_id"])
    record = ended(child, "done")
    assert record["parent"]["run_id"] == run.run_id
    assert list(losses(child)) == list(range(stopped["step"] + 1, stopped["step"] + 21))
    # The first step still has the rate that the checkpoint brought.
    rates = [
        event["values"]["train/learning_rate"] for event in child.events("metrics") if "train/loss" in event["values"]
    ]
    assert set(rates[1:]) == {2e-4}
    assert (child.run.root / "output" / "model.safetensors").exists(), "a fork writes nothing among its parent's files"
    assert read_facts(Path(final["path"]))["run_id"] == run.run_id
    assert max(logged(saves)) <= stopped["step"]


def test_with_the_page_gone_at_step_10_and_3000_lines_on_stderr_it_finishes(training: Training) -> None:
    noise = 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "noise $i" >&2; done & exec "$@"'
    command = ["sh", "-c", noise, "sh", *training.command("max_steps=600")]
    started = start_command(training.home, LocalLauncher(training.home), command, "noisy", None)
    run = training.follow(started.run_id)
    page = Listener(training.server, [run.run_id])
    run.until(lambda: any((one.get("step") or 0) >= 10 for one in page.events()))
    page.close()
    training.server.kill()
    run.until(lambda: run.run.report_json.exists() and not is_held(run.run.supervisor_lock))
    report = json.loads(run.run.report_json.read_text())
    assert report["state"] == "done"
    assert list(losses(run)) == list(range(1, 601))
    console = run.run.console_log.read_text()
    assert console.count("noise ") == 3000


def test_a_stop_without_a_checkpoint_leaves_at_once_and_saves_nothing(training: Training) -> None:
    run = training.held("max_steps=100000")
    run.tell("stop", checkpoint=False)
    ended(run, "cancelled")
    assert run.events("checkpoint")[-1]["kind"] == "pause", "what the hold saved"
    assert not (training.folder / "saves" / "model.safetensors").exists()


def test_a_diverging_training_is_stopped_where_the_policy_says_so(training: Training) -> None:
    run = training.start("--nan-policy", "stop", "learning_rate=1e30", "warmup_steps=0")
    record = ended(run, "error")
    assert "NaN" in record["error"]
    assert max(losses(run)) < 400


def test_a_preempted_training_saves_by_the_clock_and_goes_on_when_it_is_resumed(training: Training) -> None:
    run = training.start("--checkpoint-minutes", "0.01", "max_steps=800")
    run.until(lambda: [event for event in run.events("checkpoint") if event["kind"] == "auto"])
    os.kill(run.trainer().pid, signal.SIGTERM)
    ended(run, "released")
    saved = run.events("checkpoint")[-1]
    assert (saved["kind"], verify(Path(saved["path"]))) == ("pause", [])
    assert run.resume().status_code == 201
    run.until(lambda: len(run.run.attempt_numbers()) == 2)
    ended(run, "done")
    assert list(losses(run)) == list(range(1, 801))


def test_a_profile_trains_in_the_environment_that_it_names(training: Training) -> None:
    sums = [{"instruction": f"What is {a} plus 1?", "input": "", "output": f"It is {a + 1}."} for a in range(40)]
    records = training.home.datasets / "sums.jsonl"
    records.write_text("\n".join(map(json.dumps, sums)))
    profile = training.server.get("/profiles/llama-factory-sft")
    assert (profile["problem"], profile["engine"]) == (None, "llama_factory")
    wish = {"profile_id": "llama-factory-sft", "dataset_id": "sums", "epochs": 2}
    refused = training.server.http.post("/runs", json=wish)
    assert refused.status_code == 422
    assert "model_name_or_path" in refused.text
    settings = {
        "model_name_or_path": str(training.tiny / "model"), "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 1, "logging_steps": 1, "cutoff_len": 64,
    }  # fmt: skip
    answer = training.server.http.post("/runs", json={**wish, "overrides": settings})
    assert answer.status_code == 201, answer.text
    run = training.follow(answer.json()["run_id"])
    record = ended(run, "done")
    assert record["attempts"][0]["argv"][0] == str(training.python)
    assert record["summary"]["total_epochs"] == 2
    assert (run.run.root / "output" / "adapter_model.safetensors").exists()
    kinds = {event["kind"] for event in run.events("checkpoint")}
    assert kinds == {"auto", "final"}
    assert list(losses(run)) == list(range(1, 39))
    assert [event["epoch"] for event in run.events("metrics") if "eval/loss" in event["values"]][:2] == [1.0, 2.0]


def test_two_processes_obey_as_one_and_go_on_after_a_release(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `llamafactory-cli` itself starts several where there are several devices, or FORCE_TORCHRUN says so."""
    monkeypatch.setenv("FORCE_TORCHRUN", "1")
    monkeypatch.setenv("NPROC_PER_NODE", "2")
    run = training.held("use_cpu=true", "max_steps=300")
    assert (run.record["world_size"], run.record["mode"]) == (2, "distributed")
    step = run.events("ack")[-1]["step"]
    told = [run.tell("validate"), run.tell("set", name="learning_rate", value=5e-4), run.tell("resume")]
    assert [one["step"] for one in told] == [step] * 3
    released = run.tell("pause", mode="release")
    ended(run, "released")
    assert run.resume().status_code == 201
    run.until(lambda: len(run.run.attempt_numbers()) == 2)
    ended(run, "done")
    assert run.events("hello")[-1]["resumed_from"]["step"] == released["step"]
    assert list(losses(run)) == list(range(1, 301))


def test_a_file_that_cannot_be_used_is_told_before_anything_is_loaded(python: Path, home: Home, tmp_path: Path) -> None:
    module = [python, "-m", "gladius.integrations.llama_factory"]
    told = subprocess.run([*module, tmp_path / "none.yaml"], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (
        1, f"error: {tmp_path / 'none.yaml'}: No such file or directory. Give LLaMA-Factory's YAML file.\n",
    )  # fmt: skip
    (tmp_path / "broken.yaml").write_text("stage: [sft\n")
    told = subprocess.run([*module, tmp_path / "broken.yaml"], capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "line 2" in told.stderr
    assert list(home.runs.iterdir()) == []
