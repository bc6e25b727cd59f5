"""What is wrong with a call is one line that says what to do next, and an exit code that scripts can tell apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from terminal import gladius

from gladius.pulse.rundir import Home


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("dance",), "No such command 'dance'"),
        (("pause",), "Missing argument 'RUN'"),
        (("history", "--limit", "-1"), "'--limit'"),
        (("run", "--epochs", "nan", "--", "true"), "'--epochs'"),
    ],
)
def test_wrong_usage_is_one_line_with_the_way_to_the_help(home: Home, arguments: tuple[str, ...], says: str) -> None:
    answer = gladius(*arguments)

    assert answer.code == 2
    assert answer.complains(says, "--help")


def test_no_verb_shows_the_help() -> None:
    answer = gladius()

    assert answer.code == 2
    assert "Commands:" in answer.err


def test_a_state_that_does_not_exist_is_named(home: Home) -> None:
    answer = gladius("ls", "--status", "bogus")

    assert answer.code == 2
    assert answer.complains("'bogus' is no state", "running")


def test_what_the_server_does_not_know_is_named(server_home: Home) -> None:
    for name in ("три", "", "a/b"):
        answer = gladius("show", name)
        assert answer.code == 1
        assert answer.complains(f"No run '{name}'", "gladius ls")
    wrong = gladius("train", "nope", "stdlib-docs", "--epochs", "0")
    assert wrong.code == 2
    assert wrong.complains("No profile 'nope'", "gladius profile ls")


def test_a_server_that_does_not_answer_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("http://127.0.0.1:1", "http://[::bad"):
        monkeypatch.setenv("GLADIUS_URL", url)
        answer = gladius("ls")

        assert answer.code == 1
        assert answer.complains(url, "gladius up")


def test_a_home_that_cannot_be_made_is_named(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("GLADIUS_HOME", str(file))

    answer = gladius("run", "--", "true")
    assert answer.code == 1
    assert answer.complains(str(file), "gladius doctor")
    assert any(found["name"] == "Home" and found["mend"] for found in gladius("doctor", "--json").json)


def test_looking_needs_no_server_and_no_run(home: Home) -> None:
    home.server_json.write_text('{"url": "http://127.0.0.1:1", "token": "stale", "pid": 1}')

    assert gladius("ls", "--json").json == []


def test_a_status_file_is_written_read_and_judged(tmp_path: Path) -> None:
    file = tmp_path / "training_status.json"
    fields = ("--epoch", "1", "--total-epochs", "3", "--loss", "0.5", "--message", "тест 🎉")

    assert gladius("pulse", "write", file, "running", *fields).code == 0
    read = gladius("pulse", "read", file, "--json").json
    assert (read["status"], read["epoch"], read["message"], read["stale"]) == ("running", 1.0, "тест 🎉", False)

    before = file.read_bytes()
    wrong = gladius("pulse", "write", file, "running", "--epoch", "nan")
    assert wrong.code == 2
    assert wrong.complains("epoch must be finite", "--help")
    assert file.read_bytes() == before
    nowhere = gladius("pulse", "write", tmp_path / "none" / "status.json", "running")
    assert nowhere.code == 1
    assert nowhere.complains("No such file", "folder")


def test_what_is_no_status_and_no_run_is_said_so(tmp_path: Path) -> None:
    missing = gladius("pulse", "read", tmp_path / "none")
    folder = gladius("pulse", "validate", tmp_path / "none", "--json")

    assert missing.code == folder.code == 1
    assert missing.complains("is missing", "training_status.json")
    assert json.loads(folder.out)["valid"] is False
