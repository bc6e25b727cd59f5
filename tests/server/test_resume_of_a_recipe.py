"""A real small model of the built-in recipe: what the preview foretold is what the resumed attempt does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from console_server import ConsoleServer
from loop_run import LoopRun

from gladius.pulse.rundir import Home

pytest.importorskip("transformers")
pytestmark = [pytest.mark.training, pytest.mark.slow]

SMALL = {
    "tiny_moe.layers": 1, "tiny_moe.hidden": 32, "tiny_moe.expert_hidden": 16, "tiny_moe.experts": 2,
    "tiny_moe.vocabulary": 300, "data.max_length": 32, "data.max_samples": None, "data.test_fraction": 0,
    "train.batch_size": 4, "train.log_every": 1, "train.warmup_steps": 2, "train.schedule": "linear",
    "train.learning_rate": 1e-3, "train.epochs": 50, "train.sample_prompts": 0,
}  # fmt: skip


def rates(run: LoopRun) -> dict[int, float]:
    """The rate logged at each step."""
    column = run.server.get(f"{run.path}/metrics", name="train/learning_rate", max_points=10_000)
    series = column["series"]["train/learning_rate"]
    return dict(zip(series["step"], series["value"], strict=True))


def test_what_the_preview_foretells_is_what_the_resumed_model_does(
    home: Home, serve: Callable[..., ConsoleServer], until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    records = home.datasets / "counting.jsonl"
    rows = [{"instruction": f"Count to {n}.", "output": " ".join(map(str, range(1, 2 + n % 13)))} for n in range(42)]
    records.write_text("".join(json.dumps(row) + "\n" for row in rows))
    server = serve()
    body = {"profile_id": "tiny-moe", "dataset_id": "counting", "overrides": SMALL}
    started = server.http.post("/runs", json=body, timeout=120)
    assert started.status_code == 201, started.text
    run = LoopRun(home, server, home.run(started.json()["run_id"]), until)
    until(lambda: (run.record["summary"]["step"] or 0) >= 4, timeout=120)
    run.tell("set", name="learning_rate", value=8e-4)
    step = run.tell("pause", mode="release")["step"]
    run.wait_for("released")

    plain = run.resume(preview=True).json()
    assert plain["step"] == step and plain["not_restored"] == []
    assert [(one["key"], one["new"]) for one in plain["changed"]] == [("train.learning_rate", 8e-4)]
    changes = {"epochs": 25, "weight_decay": 0.2, "learning_rate": 6e-4}
    preview = run.resume(preview=True, overrides=changes).json()
    foretold = preview["learning_rate"]
    assert (plain["learning_rate"]["step"], foretold["step"]) == (step + 1, step + 2)

    assert run.resume(overrides=changes).status_code == 201
    until(lambda: (run.record["summary"]["step"] or 0) > step + 2, timeout=120)
    run.tell("pause", mode="hold")
    record, logged = run.record, rates(run)
    values = {name: one["value"] for name, one in record["adjustable"].items()}
    assert (values["learning_rate"], values["weight_decay"], values["total_epochs"]) == (6e-4, 0.2, 25.0)
    assert sorted(logged) == list(range(1, max(logged) + 1)), "every step once, before and after"
    assert logged[step + 1] == pytest.approx(plain["learning_rate"]["after"] * 6 / 8), (
        "the checkpoint's, on the new peak"
    )
    assert logged[step + 2] == pytest.approx(foretold["after"])
    run.tell("stop", checkpoint=False)
