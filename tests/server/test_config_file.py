"""The configuration file of a run: edited, compared with what is in force, reloaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loop_run import LoopRun

Loop = Callable[..., LoopRun]


def row(diff: dict[str, Any], key: str) -> dict[str, Any]:
    return next(one for one in diff["rows"] if one["key"] == key)


def put(run: LoopRun, text: str) -> Any:
    return run.server.http.put(f"{run.path}/config", json={"text": text})


def test_the_file_is_edited_compared_and_reloaded(profiled_loop: Loop) -> None:
    run = profiled_loop()
    began = run.server.get(f"{run.path}/config/diff")
    assert began["file"] == str(run.run.root / "config.yaml") and began["problem"] is None
    assert not any(one["changed"] for one in began["rows"])
    assert row(began, "train.learning_rate") == {
        "key": "train.learning_rate", "name": "learning_rate", "file": 0.1, "launched": 0.1, "live": 0.1,
        "applies": "live", "changed": False, "edited": False,
    }  # fmt: skip

    text = (
        began["text"]
        .replace("learning_rate: 0.1", "learning_rate: 2e-1  # a bold one")
        .replace("batch_size: 8", "batch_size: 4")
    )
    diff = put(run, text).json()
    assert (run.run.root / "config.yaml").read_text() == text, "comments and all"
    rate, batch = row(diff, "train.learning_rate"), row(diff, "train.batch_size")
    assert (rate["file"], rate["live"], rate["applies"], rate["changed"]) == (0.2, 0.1, "live", True)
    assert (batch["file"], batch["live"], batch["applies"], batch["changed"]) == (4, 8, "restart", True)

    told = run.tell("reload_config", keys=["train.learning_rate", "train.batch_size"])
    assert "learning_rate: 0.1 -> 0.2" in told["detail"] and "needs a restart" in told["detail"]
    after = run.server.get(f"{run.path}/config/diff")
    assert (row(after, "train.learning_rate")["live"], row(after, "train.learning_rate")["changed"]) == (0.2, False)
    assert row(after, "train.learning_rate")["launched"] == 0.1

    run.tell("pause", mode="release")
    run.wait_for("released")
    assert run.resume(overrides={"steps": 90_000}).status_code == 201
    run.wait_for("running")
    kept = (run.run.root / "config.yaml").read_text()
    assert "# a bold one" in kept and "batch_size: 4" in kept, "what a person edited stays"
    assert "steps: 90000" in kept, "what a resume changed is in the file too"
    assert run.record["adjustable"]["learning_rate"]["value"] == 0.2, "what was set live goes on"


def test_a_wrong_file_is_refused_with_its_lines(profiled_loop: Loop) -> None:
    run = profiled_loop()
    good = (run.run.root / "config.yaml").read_text()
    lines = good.splitlines()
    place = next(number for number, line in enumerate(lines, 1) if "batch_size" in line)
    answer = put(run, good.replace("batch_size: 8", "batch_size: lots") + "  colour: red\n")
    assert answer.status_code == 422
    told = {one["field"]: one["message"] for one in answer.json()["errors"]}
    assert set(told) == {"train.batch_size", "data.colour"}
    assert f"line {place}" in told["train.batch_size"] and f"line {len(lines) + 1}" in told["data.colour"]
    for broken in ("train: [", "just words", "a: b: c"):
        refused = put(run, broken)
        assert refused.status_code == 422 and "line 1" in refused.json()["errors"][0]["message"]
    assert (run.run.root / "config.yaml").read_text() == good

    (run.run.root / "config.yaml").write_text("train:\n  learning_rate: fast\n")
    diff = run.server.get(f"{run.path}/config/diff")
    assert "line 2" in diff["problem"] and row(diff, "train.learning_rate")["file"] is None
    (run.run.root / "config.yaml").unlink()
    assert "cannot be read" in run.server.get(f"{run.path}/config/diff")["problem"]


def test_a_run_without_a_file_compares_what_its_script_announced(loop: Loop) -> None:
    run = loop()
    run.tell("set", name="learning_rate", value=0.3)
    diff = run.server.get(f"{run.path}/config/diff")
    assert diff["file"] is None
    rate = row(diff, "learning_rate")
    assert (rate["launched"], rate["live"], rate["file"]) == (0.1, 0.3, None)
    assert put(run, "a: 1\n").status_code == 422
