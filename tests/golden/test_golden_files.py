"""Files written once and never changed: every version reads them so, for ever."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gladius.pulse.control import Command, check_command
from gladius.pulse.events import EventReader, EventWriter
from gladius.pulse.rundir import Home, RunDir
from gladius.store.history import read_history
from gladius.supervise.observe import Observed
from gladius.wire.events import EVENT_TYPES, parse_event
from pulse_wrapper import FIELDS, TrainingStatus, read_training_status

FILES = Path(__file__).with_name("files")
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"

STATUSES: dict[str, dict[str, Any] | None] = {
    "status-idle.json": {
        "status": "idle", "epoch": 0.0, "total_epochs": 0.0, "loss": 0.0, "message": "Waiting to start...", "timestamp": 1700000000,
    },
    "status-running.json": {
        "status": "running", "epoch": 2.5, "total_epochs": 3.0, "loss": 0.342, "message": "epoch 3/3, step 400/800",
        "timestamp": 1700000100,
    },
    "status-done-whole-numbers.json": {
        "status": "done", "epoch": 3.0, "total_epochs": 3.0, "loss": 0.0, "message": "Training completed successfully",
        "timestamp": 1700000200,
    },
    "status-error-with-unknown-fields.json": {
        "status": "error", "epoch": 46.704, "total_epochs": 100.0, "loss": -0.0015,
        "message": "CUDA out of memory 🔥 שלום \ud800", "timestamp": 0,
    },
    "status-broken-nan.json": None,
}  # fmt: skip


@pytest.mark.parametrize("name", STATUSES)
def test_a_status_reads_as_it_always_did(name: str) -> None:
    expected = STATUSES[name]
    assert read_training_status(FILES / name) == expected
    if expected is not None:
        assert list(read_training_status(FILES / name) or {}) == list(FIELDS)


def test_every_status_is_here() -> None:
    assert {path.name for path in FILES.glob("status-*.json")} == set(STATUSES)


def test_progress_and_staleness_of_the_running_status() -> None:
    path = FILES / "status-running.json"
    fresh, stale = TrainingStatus.from_file(path, now=1700000160), TrainingStatus.from_file(path, now=1700000161)
    assert (round(fresh.progress, 1), fresh.status, fresh.stale) == (83.3, "running", False)
    assert (stale.status, stale.stale, stale.epoch) == ("error", True, 2.5)


def read(name: str) -> list[dict[str, Any]]:
    return EventReader(FILES / name).read_all()


def test_the_trainers_stream_is_read_whole_but_for_its_torn_lines() -> None:
    reader = EventReader(FILES / "events.jsonl")
    events = reader.read_all()
    assert [event["seq"] for event in events] == [*range(18), 20, 21, 22]
    assert reader.damaged == 1
    assert [event["attempt"] for event in events] == [1] * 19 + [2] * 2
    assert len(read("supervisor.jsonl")) == 12


@pytest.mark.parametrize("name", ["events.jsonl", "supervisor.jsonl"])
def test_every_known_event_is_one_of_the_wire(name: str) -> None:
    for event in read(name):
        if event["type"] in EVENT_TYPES:
            parsed = parse_event.validate_python(event)
            assert type(parsed) is EVENT_TYPES[event["type"]]
            assert (parsed.seq, parsed.time, parsed.attempt) == (event["seq"], event["time"], event["attempt"])
        else:
            assert event["type"] == "hologram"


def test_every_type_of_the_protocol_is_here() -> None:
    here = {event["type"] for name in ("events.jsonl", "supervisor.jsonl") for event in read(name)}
    assert here - {"hologram"} == set(EVENT_TYPES)


def test_numbers_come_back_as_they_were_written() -> None:
    first, second = [event for event in read("events.jsonl") if event["type"] == "metrics"][:2]
    values = parse_event.validate_python(first).values  # type: ignore[union-attr]
    assert values == {
        "train/loss": 7.625, "train/learning_rate": 0.003, "train/grad_norm": "NaN", "moe/load/0/3": 0.125, "moe/loss/3": 7.5,
        "train/tokens_per_second": "Infinity", "custom": "-Infinity",
    }  # fmt: skip
    assert math.isnan(float(values["train/grad_norm"]))
    assert second["values"] == {"train/loss": 1e-07}


def test_the_torn_tail_heals_and_numbers_go_on(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes((FILES / "events.jsonl").read_bytes())
    before = EventReader(path).read_all()
    writer = EventWriter(path, 3)
    writer.write("log", {"level": "info", "message": "after"})
    writer.close()
    after = EventReader(path).read_all()
    assert after[:-1] == before
    assert (after[-1]["seq"], after[-1]["attempt"]) == (24, 3)


def test_an_observer_of_each_attempt_knows_its_end() -> None:
    directory = RunDir(FILES)
    first, second = Observed(directory, 1), Observed(directory, 2)
    first.read()
    second.read()
    assert (first.state, first.step, first.loss, first.error) == ("error", 1, 1e-07, "RuntimeError: CUDA out of memory")
    assert (second.state, second.step, second.epoch, second.instrumented) == (None, 2, 0.2, True)


def test_a_command_is_read_as_posted() -> None:
    command = Command.from_dict(json.loads((FILES / "command.json").read_text()))
    assert command == Command(
        "018bcfe5-6800-7000-8000-000000000001", "set", 1, {"name": "learning_rate", "value": 0.001}, 1700000006.5, "ada"
    )
    check_command(command.command, command.args)


def test_the_last_line_of_a_training_wins_in_the_history(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    home.history.write_bytes((FILES / "training_runs.jsonl").read_bytes())
    newest, older = read_history(home.history, 10)
    assert (newest.training_id, newest.attempt, newest.status, newest.final_loss) == (
        "20231114-221320-tiny-moe-0a1b", 2, "done", 4.5,
    )  # fmt: skip
    assert (older.status, older.final_loss) == ("cancelled", None)


def test_the_published_schemas_accept_the_files() -> None:
    schema = json.loads((SCHEMAS / "event.schema.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    for name in ("events.jsonl", "supervisor.jsonl"):
        for event in read(name):
            if event["type"] != "hologram":
                validator.validate(event)
    status = json.loads((SCHEMAS / "status.schema.json").read_text())
    validator = jsonschema.validators.validator_for(status)(status)
    for name, expected in STATUSES.items():
        if expected is not None:
            validator.validate({field: json.loads((FILES / name).read_text())[field] for field in FIELDS})
    assert not validator.is_valid(json.loads((FILES / "status-error-with-unknown-fields.json").read_text())), (
        "a writer adds none"
    )


def test_the_files_were_never_changed() -> None:
    recorded = dict(reversed(line.split("  ")) for line in (FILES / "SHA256SUMS").read_text().splitlines())
    assert recorded == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FILES.iterdir()
        if path.name != "SHA256SUMS"
    }
