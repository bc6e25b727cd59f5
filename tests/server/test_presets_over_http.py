"""Presets over HTTP, runs that start with one, and the config file's version, rules and resume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from console_server import ConsoleServer
from loop_run import LoopRun

Loop = Callable[..., LoopRun]


def test_presets_are_listed_kept_replaced_and_deleted(serve: Callable[..., ConsoleServer]) -> None:
    server = serve()
    folder = server.home.presets
    assert {"quick-look", "little-memory"} <= {one["id"] for one in server.get("/presets")}
    body: dict[str, Any] = {"name": "Mine", "values": {"train.learning_rate": 1e-4}, "description": "gentle"}
    made = server.http.post("/presets", json=body)
    assert made.status_code == 201 and made.json()["id"] == "mine"
    assert "learning_rate: 0.0001" in (folder / "mine.yaml").read_text()

    again = server.http.post("/presets", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "preset_exists")
    assert again.json()["errors"][0]["preset_id"] == "mine"
    replaced = server.http.put("/presets/mine", json={**body, "values": {"train.seed": 7}})
    assert replaced.json()["values"] == {"train.seed": 7}

    wrong = server.http.post("/presets", json={"name": "x", "values": {"train.sed": 1}})
    assert wrong.status_code == 422 and wrong.json()["errors"][0]["field"] == "values.train.sed"
    assert server.http.delete("/presets/mine").status_code == 204
    assert not (folder / "mine.yaml").exists()
    assert server.http.get("/presets/mine").status_code == 404
    assert server.http.delete("/presets/quick-look").status_code == 409


def test_a_run_starts_with_a_preset_and_what_is_asked_for_counts_more(profiled_loop: Loop) -> None:
    run = profiled_loop()
    server = run.server
    values = {"train.learning_rate": 0.3, "train.batch_size": 4}
    body = {"name": "Bold", "engine": "script", "profile": "loop", "values": values}
    assert server.http.post("/presets", json=body).status_code == 201
    wanted = {"profile_id": "loop", "preset_id": "bold", "overrides": {"batch_size": 2}}
    started = server.http.post("/runs", json=wanted)
    assert started.status_code == 201, started.text
    config = server.get(f"/runs/{started.json()['run_id']}/config")["config"]
    assert (config["train"]["learning_rate"], config["train"]["batch_size"]) == (0.3, 2)

    for preset, word in (("nothing", "No preset"), ("quick-look", "is for")):
        refused = server.http.post("/runs", json={**wanted, "preset_id": preset})
        assert refused.status_code == 422
        told = {one["field"]: one["message"] for one in refused.json()["errors"]}
        assert word in told["preset_id"]


def test_a_file_that_was_changed_meanwhile_is_not_written_over(profiled_loop: Loop) -> None:
    run = profiled_loop()
    diff = run.server.get(f"{run.path}/config/diff")
    mine = diff["text"].replace("batch_size: 8", "batch_size: 4")
    theirs = diff["text"].replace("nap: 0.005", "nap: 0.004")
    (run.run.root / "config.yaml").write_text(theirs)
    refused = run.server.http.put(f"{run.path}/config", json={"text": mine, "version": diff["version"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "config_changed")
    assert (run.run.root / "config.yaml").read_text() == theirs
    now = run.server.get(f"{run.path}/config/diff")
    kept = run.server.http.put(f"{run.path}/config", json={"text": mine, "version": now["version"]})
    assert kept.status_code == 200 and (run.run.root / "config.yaml").read_text() == mine
    run.until(lambda: run.record["summary"]["config_modified"] == kept.json()["modified"])


def test_the_rules_of_the_file_are_those_that_it_is_checked_by(profiled_loop: Loop) -> None:
    run = profiled_loop()
    rules = run.server.get(f"{run.path}/config/schema")
    train = rules["rules"]["properties"]["train"]
    assert train["additionalProperties"] is False
    assert (train["properties"]["batch_size"]["type"], train["properties"]["batch_size"]["default"]) == ("integer", 8)


def test_what_the_keys_of_a_script_mean_nobody_pretends_to_know(loop: Loop) -> None:
    run = loop()
    assert run.server.get(f"{run.path}/config/schema")["rules"] is None


def test_a_resume_shows_what_the_file_says_otherwise_and_takes_it_when_asked(profiled_loop: Loop) -> None:
    run = profiled_loop()
    run.tell("checkpoint")
    file = run.run.root / "config.yaml"
    file.write_text(file.read_text().replace("batch_size: 8", "batch_size: 4"))
    run.tell("pause", mode="release")
    run.wait_for("released")
    shown = run.resume(preview=True).json()
    assert [(one["key"], one["old"], one["new"]) for one in shown["in_file"]] == [("train.batch_size", 8, 4)]
    assert shown["changed"] == []
    taken = run.resume(preview=True, from_file=True).json()
    assert taken["in_file"] == [] and [one["key"] for one in taken["changed"]] == ["train.batch_size"]
    assert run.resume(from_file=True).status_code == 201
    run.wait_for("running")
    assert run.server.get(f"{run.path}/config")["config"]["train"]["batch_size"] == 4
    snapshot = run.server.get(f"{run.path}/config")["snapshot"]
    assert (snapshot["training"]["batch_size"]["value"], snapshot["file"]["edited"]) == (4, False)
