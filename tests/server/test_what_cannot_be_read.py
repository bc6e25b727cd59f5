"""A file that cannot be read is named where a person looks: on the page, over the API, by `gladius doctor`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forge
import pytest
from console_server import ConsoleServer
from written_run import Written

from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home
from gladius.store.history import HistoryCheck
from gladius.store.soundness import all_problems
from gladius.supervise.record import append_history

Until = Callable[..., Any]


def test_a_run_whose_facts_are_broken_is_named_with_its_file_and_comes_back(
    home: Home, serve: Callable[..., ConsoleServer], until: Until
) -> None:
    good, bad = Written(home, Identity.current()), Written(home, Identity.current())
    for run in (good, bad):
        run.begin(1, total_epochs=1).steps(0, 3)
    path, whole = bad.directory.run_json, bad.directory.run_json.read_text()
    path.write_text(whole[:-5])
    server = serve()
    (problem,) = until(lambda: server.get("/home")["problems"])
    assert (problem["code"], problem["file"], problem["level"]) == ("run_unreadable", str(path), "attention")
    assert "is no JSON" in problem["message"] and "Mend the file" in problem["hint"]
    for wanted in ("", "/metrics/names", "/export?format=csv"):
        refused = server.http.get(f"/runs/{bad.directory.run_id}{wanted}")
        assert (refused.status_code, refused.json()["code"]) == (409, "run_unreadable")
        assert str(path) in refused.json()["detail"]
    listed = server.get("/runs")
    assert [one["run_id"] for one in listed["runs"]] == [good.directory.run_id]
    path.write_text(whole)
    until(lambda: server.http.get(f"/runs/{bad.directory.run_id}").status_code == 200)
    until(lambda: server.get("/home")["problems"] == [])


@pytest.fixture
def unreadable(spawn: Callable[..., Any]) -> Iterator[Callable[[Path], Callable[[], None]]]:
    """Have every read of a file fail with EIO, from the kernel itself, until the returned function is called.

    A process's memory lies over it: a plain file whose first page is nobody's.
    """
    memory = f"/proc/{spawn('sleep', '600').pid}/mem"
    covered: list[Path] = []

    def mend() -> None:
        subprocess.run(["umount", covered.pop()], check=True)

    def cover(path: Path) -> Callable[[], None]:
        if subprocess.run(["mount", "--bind", memory, path], capture_output=True, check=False).returncode != 0:
            pytest.skip("mounts are not allowed here")
        covered.append(path)
        with pytest.raises(OSError, match="Input/output error"):
            path.read_bytes()
        return mend

    yield cover
    while covered:
        mend()


def test_a_run_whose_facts_the_disk_cannot_read_is_named_with_the_cause_and_comes_back(
    home: Home, serve: Callable[..., ConsoleServer], until: Until, unreadable: Callable[[Path], Callable[[], None]]
) -> None:
    good, bad = Written(home, Identity.current()), Written(home, Identity.current())
    for run in (good, bad):
        run.begin(1, total_epochs=1).steps(0, 3)
    here, path = f"/runs/{bad.directory.run_id}", bad.directory.run_json

    def told(server: ConsoleServer) -> None:
        (problem,) = until(lambda: server.get("/home")["problems"])
        assert (problem["code"], problem["file"]) == ("run_unreadable", str(path))
        assert "Input/output error" in problem["message"]
        assert server.http.get(f"/runs/{good.directory.run_id}").status_code == 200
        assert good.directory.run_id in {one["run_id"] for one in server.get("/runs")["runs"]}

    mend = unreadable(path)
    server = serve()
    told(server)
    refused = server.http.get(here)
    assert (refused.status_code, refused.json()["code"]) == (409, "run_unreadable")
    assert "Input/output error" in refused.json()["detail"]
    mend()
    until(lambda: server.http.get(here).status_code == 200)
    until(lambda: server.get("/home")["problems"] == [])
    unreadable(path)
    assert server.http.get(here).status_code == 200, "what was known of a run stays"


def test_a_damaged_line_of_the_history_is_named_by_the_server_and_by_doctor(
    home: Home, serve: Callable[..., ConsoleServer], until: Until
) -> None:
    append_history(home.history, {"training_id": "a", "attempt": 1, "status": "done"})
    with home.history.open("ab") as file:
        file.write(b'{"training_id": 7\n')
    append_history(home.history, {"training_id": "b", "attempt": 1, "status": "done"})
    server = serve()
    (problem,) = server.get("/home")["problems"]
    assert (problem["code"], problem["file"], problem["line"]) == ("damaged_line", str(home.history), 2)
    told = forge.run(sys.executable, "-m", "gladius.cli.main", "doctor", "--json")
    (found,) = [one for one in json.loads(told.stdout) if one["name"] == "Files"]
    assert found["state"] == "limited" and f"{home.history}, line 2" in found["detail"]
    lines = home.history.read_bytes().splitlines(keepends=True)
    home.history.write_bytes(lines[0] + lines[2])
    until(lambda: server.get("/home")["problems"] == [])


def test_the_history_is_read_once_as_it_grows(home: Home) -> None:
    check = HistoryCheck(home.history)
    assert check.damaged() == []
    append_history(home.history, {"training_id": "a", "attempt": 1, "status": "done"})
    assert check.damaged() == []
    with home.history.open("ab") as file:
        file.write(b"half a li")
    assert check.damaged() == [], "its newline may come yet"
    with home.history.open("ab") as file:
        file.write(b"ne\n\nmore\n")
    assert check.damaged() == [2, 4] and check._read == home.history.stat().st_size
    home.history.write_bytes(b"x\n")
    assert check.damaged() == [1]


def test_a_damaged_command_is_an_alert_of_its_run_and_found_by_doctor(
    home: Home, serve: Callable[..., ConsoleServer], until: Until
) -> None:
    run = Written(home, Identity.current())
    run.begin(1, total_epochs=1).steps(0, 3)
    (run.directory.control / "0001.json").write_text("{no command")
    server = serve()
    alerts = until(lambda: [one for one in server.get("/alerts")["alerts"] if one["code"] == "damaged_command"])
    assert [one["message"] for one in alerts] == ["Damaged commands are passed over: control/0001.json"]
    (problem,) = all_problems(home)
    assert (problem.code, problem.file) == ("damaged_command", str(run.directory.control / "0001.json"))


@pytest.mark.parametrize("text", ["[]", "", "\0"])
def test_whatever_is_no_object_is_no_run(home: Home, text: str) -> None:
    run = home.new_run("r", {"source": "script"})
    run.run_json.write_text(text)
    (problem,) = all_problems(home)
    assert problem.code == "run_unreadable" and problem.file == str(run.run_json)
