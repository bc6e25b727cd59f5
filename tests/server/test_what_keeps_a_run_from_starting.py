"""Each way in which a start can fail is said beforehand, with the field and the mend; nothing is started then."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forge
import pytest
from console_server import ConsoleServer

from gladius.compose import build
from gladius.errors import DiskFull
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import Home
from gladius.wire.catalog import StartRequest
from pulse_wrapper import safe_read_json

RECORDS = '{"instruction": "Say one.", "output": "one"}\n{"instruction": "Say two.", "output": "two"}\n'


class Desk:
    """A server whose home has no runs, and model folders in different states."""

    def __init__(self, folder: Path, server: ConsoleServer) -> None:
        self.folder, self.server, self.home = folder, server, server.home

    def profile(self, name: str, text: str) -> None:
        (self.home.profiles / f"{name}.yaml").write_text(text)

    def model(self, name: str, **files: str | bytes) -> str:
        """A model folder; `_` in a name stands for its dot."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        for file, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (folder / file.replace("__", ".")).write_bytes(data)
        return str(folder)

    def ask(self, profile: str, dataset: str | None = "mine", **overrides: Any) -> dict[str, Any]:
        return {
            "profile_id": profile,
            "dataset_id": dataset,
            "overrides": {k.replace("__", "."): v for k, v in overrides.items()},
        }

    def found(self, body: dict[str, Any]) -> dict[str, dict[str, Any]]:
        answer = self.server.http.post("/runs/check", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["seconds"] < 10
        return {one["check"]: one for one in answer.json()["findings"]}

    def refused(self, body: dict[str, Any]) -> dict[str, str]:
        """Fields and sentences of a refused start, of which nothing is left behind."""
        before = set(self.home.runs.iterdir())
        answer = self.server.http.post("/runs", json=body)
        assert answer.status_code == 422, answer.text
        assert set(self.home.runs.iterdir()) == before and not list(self.home.queue.iterdir())
        return {one["field"]: one["message"] for one in answer.json()["errors"]}


def safetensors(shapes: dict[str, list[int]], cut: int = 0) -> bytes:
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"\0" * (end - cut)


CONFIG = json.dumps({"hidden_size": 8, "num_hidden_layers": 1, "vocab_size": 16})
WHOLE = safetensors({"model.embed_tokens.weight": [16, 8], "model.layers.0.q.weight": [8, 8]})


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("starts")
    house = Home(folder / "home")
    house.create()
    (house.datasets / "mine.jsonl").write_text(RECORDS)
    (house.datasets / "broken.jsonl").write_text(RECORDS + '{"instruction": \n')

    running = ConsoleServer(forge.start, house, slots=1)
    yield Desk(folder, running)
    running.terminate()


needs_peft = pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="needs peft")
MODELS: list[tuple[str, dict[str, str | bytes], str]] = [
    ("no-config", {"model__safetensors": WHOLE, "tokenizer__json": "{}"}, "no readable config.json"),
    ("no-weights", {"config__json": CONFIG, "tokenizer__json": "{}"}, "holds no weights"),
    ("no-tokenizer", {"config__json": CONFIG, "model__safetensors": WHOLE}, "no tokenizer"),
    ("cut", {"config__json": CONFIG, "tokenizer__json": "{}", "model__safetensors": WHOLE[:-9]}, "no whole safetensors"),
    ("html", {"config__json": CONFIG, "tokenizer__json": "{}", "model__safetensors": b"<html>not found</html>"}, "no whole"),
    ("list", {"config__json": "[]", "tokenizer__json": "{}", "model__safetensors": WHOLE}, "no readable config.json"),
    ("shards", {"config__json": CONFIG, "tokenizer__json": "{}", "model__safetensors__index__json": json.dumps(
        {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})}, "lacks 2 of 2"),
]  # fmt: skip


@needs_peft
@pytest.mark.parametrize(("name", "files", "said"), MODELS, ids=[one[0] for one in MODELS])
def test_a_model_folder_that_cannot_be_loaded_is_named(
    desk: Desk, name: str, files: dict[str, str | bytes], said: str
) -> None:
    body = desk.ask("lora-sft", model__name=desk.model(name, **files))
    assert said in desk.refused(body)["overrides.model.name"]
    model = desk.found(body)["model"]
    assert model["level"] == "error" and name in model["message"] and model["hint"]


@needs_peft
def test_a_whole_model_folder_is_measured_and_a_hub_id_is_a_doubt(desk: Desk) -> None:
    whole = desk.model("whole", config__json=CONFIG, tokenizer__json="{}", model__safetensors=WHOLE)
    found = desk.found(desk.ask("lora-sft", model__name=whole))
    assert {one["level"] for one in found.values()} == {"ok"}, found
    assert (
        found["model"]["message"] == "The model's folder is whole: 192 parameters."
        and "2 records" in found["dataset"]["message"]
    )
    assert (
        found["memory"]["message"].startswith("It should fit") and found["machine"]["message"] == "It starts at once."
    )
    hub = desk.found(desk.ask("lora-sft", model__name="some/model"))["model"]
    assert hub["level"] == "warning" and "hub" in hub["message"]
    assert "whole path" in desk.refused(desk.ask("lora-sft", model__name="./model"))["overrides.model.name"]
    assert "no model folder" in desk.refused(desk.ask("lora-sft", model__name="/no/such"))["overrides.model.name"]
    assert "model.name" in desk.refused(desk.ask("lora-sft"))["overrides.model.name"], "the profile leaves it open"


def test_what_is_not_in_the_catalog_or_cannot_be_read_is_named(desk: Desk) -> None:
    assert "No profile" in desk.refused(desk.ask("nobody"))["profile_id"]
    assert "No dataset" in desk.refused(desk.ask("tiny-moe", "nothing"))["dataset_id"]
    assert "line 3" in desk.refused(desk.ask("tiny-moe", "broken"))["dataset_id"]
    checked = desk.server.http.post("/runs/check", json=desk.ask("nobody")).json()
    assert not checked["possible"] and checked["findings"][0]["field"] == "profile_id"


def test_a_trainer_that_is_not_installed_where_it_would_run_is_said(desk: Desk) -> None:
    bare = desk.folder / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    desk.profile("elsewhere", f"extends: tiny-moe\npython: {bare}/bin/python\n")
    refused = desk.refused(desk.ask("elsewhere", "mine"))["profile_id"]
    assert "torch, transformers" in refused and f"{bare}/bin/python -m pip install" in refused
    desk.profile("no-program", 'engine: script\nneeds_dataset: false\nargv: ["/no/such/trainer"]\n')
    assert "is not there" in desk.refused(desk.ask("no-program", None))["profile_id"]


def test_a_disk_without_room_and_a_memory_too_small_are_said(desk: Desk) -> None:
    script = f'engine: script\nneeds_dataset: false\nargv: ["{sys.executable}", "-c", "pass"]\n'
    desk.profile("large", script + "resources: {disk_gb: 90000000}\n")
    assert "free, and 9e+04 TB are needed" in desk.refused(desk.ask("large", None))["profile_id"]
    desk.profile("hungry", script + "resources: {memory_gb: 900000}\n")
    found = desk.found(desk.ask("hungry", None))
    assert found["memory"]["level"] == "warning" and found["memory"]["message"].startswith("It will not fit")
    assert found["machine"]["level"] == "error", "it would wait for ever"
    assert "It asks for 900 TB of memory" in desk.refused(desk.ask("hungry", None))["profile_id"]


def test_a_disk_that_is_full_is_said_and_nothing_half_made_is_left(tmp_path: Path, until: Callable[..., Any]) -> None:
    house = Home(tmp_path / "home")
    house.create()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(house.runs)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        (house.profiles / "plain.yaml").write_text('engine: script\nneeds_dataset: false\nargv: ["true"]\n')
        filling = house.runs / "filling"
        with contextlib.suppress(OSError), filling.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        rooms = build(house)
        asked = StartRequest(profile_id="plain")
        (disk,) = [one for one in rooms.preflight.check(asked).findings if one.check == "disk"]
        assert disk.level == "error" and disk.message.startswith("The disk has 0 B free, and ") and disk.hint
        assert rooms.preflight.refuse(asked)[0]["message"].startswith("The disk has 0 B free")
        # A flow, or a disk that fills between the look and the start.
        with pytest.raises(DiskFull, match="is full"):
            rooms.queue.submit(asked, "flow")
        assert [path.name for path in house.runs.iterdir()] == ["filling"] and not list(house.queue.iterdir())
        filling.unlink()
        run = rooms.queue.submit(asked, "flow")
        assert until(lambda: safe_read_json(run.report_json))["state"] == "done"
        until(lambda: not is_held(run.supervisor_lock))
    finally:
        subprocess.run(["umount", str(house.runs)], check=True)


def test_a_full_machine_says_where_a_run_would_wait_and_dying_words_are_on_record(
    desk: Desk, until: Callable[..., Any]
) -> None:
    script = desk.folder / "dies.py"
    script.write_text("import sys\nprint('\\x1b[31mreading\\x1b[0m')\nsys.stdin.close()\nimport nothing_like_this\n")
    desk.profile("dies", f'engine: script\nneeds_dataset: false\nargv: ["{sys.executable}", "{script}"]\n')
    desk.profile("holds", f'engine: script\nneeds_dataset: false\nargv: ["{sys.executable}", "-c", "input()"]\n')
    run_id = desk.server.http.post("/runs", json=desk.ask("dies", None)).json()["run_id"]
    record = until(lambda: (one := desk.server.get(f"/runs/{run_id}"))["summary"]["state"] == "error" and one)
    lines = record["last_words"].splitlines()
    assert lines[0] == "reading" and lines[-1] == "ModuleNotFoundError: No module named 'nothing_like_this'"
    until(lambda: not desk.server.get("/queue")["running"])

    sleeper = 'engine: script\nneeds_dataset: false\nargv: ["sleep", "60"]\n'
    desk.profile("sleeps", sleeper)
    holder = desk.server.http.post("/runs", json=desk.ask("sleeps", None)).json()["run_id"]
    assert "it will wait, 1 in the queue" in desk.found(desk.ask("sleeps", None))["machine"]["message"]
    desk.server.http.post(f"/runs/{holder}/commands", json={"command": "terminate", "args": {"grace_s": 0}})
    until(lambda: desk.server.get(f"/runs/{holder}")["summary"]["finished_at"])
