"""The mailbox: one file per command, each read once, in order, whatever else lies in the folder."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import threading
from pathlib import Path

import pytest

from gladius.errors import CommandInvalid
from gladius.pulse.control import (
    SUPERVISOR_COMMANDS,
    TRAINER_COMMANDS,
    Command,
    Mailbox,
    check_command,
    new_command_id,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "control"


def command(id_: str | None = None, name: str = "pause", **fields: object) -> Command:
    return Command(id=id_ or new_command_id(), command=name, attempt=1, **fields)  # type: ignore[arg-type]


def test_a_posted_command_is_a_file_of_its_fields(folder: Path) -> None:
    posted = command("a1", "set", args={"name": "lr", "value": 1e-4}, issued_at=12.5, issued_by="ada")
    Mailbox(folder).post(posted)
    assert json.loads((folder / "a1.json").read_text()) == {
        "id": "a1", "attempt": 1, "command": "set", "args": {"name": "lr", "value": 1e-4}, "issued_at": 12.5, "issued_by": "ada",
    }  # fmt: skip
    assert Mailbox(folder).all() == [posted]
    assert os.listdir(folder) == ["a1.json"]


def test_a_missing_folder_holds_no_commands(folder: Path) -> None:
    mailbox = Mailbox(folder)
    assert mailbox.scan() == []
    Mailbox(folder).post(command("a"))
    assert [c.id for c in mailbox.scan()] == ["a"]


def test_commands_come_once_and_by_id_within_a_scan(folder: Path) -> None:
    mailbox = Mailbox(folder)
    for id_ in ("c", "a", "b"):
        mailbox.post(command(id_))
    assert [c.id for c in mailbox.scan()] == ["a", "b", "c"]
    assert mailbox.scan() == []
    mailbox.post(command("A"))
    assert [c.id for c in mailbox.scan()] == ["A"]
    assert [c.id for c in Mailbox(folder).all()] == ["A", "a", "b", "c"]


def test_the_same_id_is_posted_once(folder: Path) -> None:
    mailbox = Mailbox(folder)
    mailbox.post(command("a", "pause"))
    mailbox.post(command("a", "stop"))
    assert [(c.id, c.command) for c in mailbox.scan()] == [("a", "pause")]


def test_files_that_appear_within_one_tick_of_the_clock_are_found(folder: Path) -> None:
    reader, poster = Mailbox(folder), Mailbox(folder)
    folder.mkdir()
    posted, found = [], []
    for _ in range(200):
        first = command()
        poster.post(first)
        found += reader.scan()
        stamp = folder.stat().st_mtime_ns
        second = command()
        poster.post(second)
        # Put the folder's time back: the second file came within the same tick.
        os.utime(folder, ns=(stamp, stamp))
        found += reader.scan()
        posted += [first, second]
    assert found == posted


def test_a_clock_that_runs_behind_hides_nothing(folder: Path) -> None:
    """A file server's clock may be an hour behind ours."""
    reader, poster = Mailbox(folder), Mailbox(folder)
    poster.post(command("a"))
    os.utime(folder, ns=(10**18, 10**18))
    assert len(reader.scan()) == 1
    poster.post(command("b"))
    os.utime(folder, ns=(10**18, 10**18))
    assert len(reader.scan()) == 1


def test_two_posters_and_a_reader_miss_nothing(folder: Path) -> None:
    reader = Mailbox(folder)
    posted: list[str] = []

    def post() -> None:
        for _ in range(100):
            new = command()
            Mailbox(folder).post(new)
            posted.append(new.id)

    posters = [threading.Thread(target=post) for _ in range(2)]
    for poster in posters:
        poster.start()
    found: list[str] = []
    while any(poster.is_alive() for poster in posters):
        found += [c.id for c in reader.scan()]
    found += [c.id for c in reader.scan()]
    assert sorted(found) == sorted(posted)
    assert len(set(found)) == 200


BAD_FILES = [
    "", "{", "[]", "null", "7", '{"id": 1, "command": "pause", "attempt": 1}', '{"id": "x", "attempt": 1}',
    '{"id": "x", "command": "pause"}', '{"id": "x", "command": "pause", "attempt": true}',
    '{"id": "x", "command": "pause", "attempt": "1"}', '{"id": "x", "command": "pause", "attempt": 1, "args": []}',
    '{"id": "x", "command": "pause", "attempt": 1, "issued_at": 1' + "0" * 400 + "}", "[" * 50_000,
]  # fmt: skip


def test_a_command_that_cannot_be_read_for_a_while_is_read_later(tmp_path: Path) -> None:
    box = Mailbox(tmp_path / "control")
    box.post(command("a"))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, limits[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        assert box.scan() == []
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert [one.id for one in box.scan()] == ["a"]


def test_bad_files_are_skipped_with_one_warning_each(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.mkdir()
    for number, content in enumerate(BAD_FILES):
        (folder / f"bad-{number}.json").write_text(content)
    (folder / "folder.json").mkdir()
    (folder / "supervisor").mkdir()
    (folder / "note.txt").write_text("hello")
    (folder / ".pulse-x.tmp").write_text("{}")
    (folder / ".hidden.json").write_text(json.dumps(command("h")._asdict() | {"args": {}}))
    mailbox = Mailbox(folder)
    mailbox.post(command("good"))
    for _ in range(3):
        mailbox.scan()
    assert [c.id for c in mailbox.all()] == ["good"]
    caplog.clear()
    Mailbox(folder).scan()
    assert len(caplog.records) == len(BAD_FILES) + 1


@pytest.mark.parametrize("id_", ["", "../up", "a/b", ".hidden", "a\x00b", "x" * 200, "a b", "ü", "a\n"])
def test_an_id_that_is_no_file_name_is_refused(folder: Path, id_: str) -> None:
    with pytest.raises(CommandInvalid, match="id"):
        Mailbox(folder).post(Command(id=id_, command="pause", attempt=1))
    assert not folder.exists()


def test_new_ids_are_uuid7_and_sort_by_birth() -> None:
    ids = [new_command_id() for _ in range(10_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    shape = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
    assert all(shape.match(id_) for id_ in ids)


GOOD = [
    ("pause", {}), ("pause", {"mode": "hold"}), ("pause", {"mode": "release"}), ("resume", {}), ("stop", {}), ("stop", {"checkpoint": False}),
    ("checkpoint", {}), ("validate", {"split": "test"}), ("set", {"name": "lr", "value": 0}), ("reload_config", {"keys": ["lr"]}),
]  # fmt: skip
BAD = [
    ("explode", {}), ("", {}), ("terminate", {}), ("pause", {"mode": "sleep"}), ("pause", {"mode": ["hold"]}), ("pause", {"now": True}),
    ("resume", {"mode": "hold"}), ("stop", {"checkpoint": "yes"}), ("stop", {"checkpoint": None}), ("validate", {"split": "train"}),
    ("set", {}), ("set", {"name": "lr"}), ("set", {"value": 1}), ("reload_config", {}), ("checkpoint", {"grace_s": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args"), GOOD)
def test_every_command_of_the_closed_list_passes(name: str, args: dict[str, object]) -> None:
    check_command(name, args)


@pytest.mark.parametrize(("name", "args"), BAD)
def test_anything_else_is_refused_with_a_reason(name: str, args: dict[str, object]) -> None:
    with pytest.raises(CommandInvalid) as refused:
        check_command(name, args)
    assert str(refused.value)


@pytest.mark.parametrize("grace", [-1, "soon", None, True, float("nan"), float("inf"), 10**400, [1]])
def test_a_grace_that_is_no_time_is_refused(grace: object) -> None:
    check_command("terminate", {"grace_s": 0}, SUPERVISOR_COMMANDS)
    check_command("terminate", {"grace_s": 2.5}, SUPERVISOR_COMMANDS)
    with pytest.raises(CommandInvalid, match="grace_s"):
        check_command("terminate", {"grace_s": grace}, SUPERVISOR_COMMANDS)


def test_the_lists_are_the_protocols() -> None:
    assert set(TRAINER_COMMANDS) == {"pause", "resume", "stop", "checkpoint", "validate", "set", "reload_config"}
    assert set(SUPERVISOR_COMMANDS) == {"terminate", "suspend", "continue"}
