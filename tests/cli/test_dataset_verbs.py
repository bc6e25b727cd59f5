"""`gladius dataset ls, show, check, add, edit, rm, restore`."""

from __future__ import annotations

import json
from pathlib import Path

from terminal import gladius

from gladius.pulse.rundir import Home

GOOD = json.dumps({"instruction": "Say [bold]hi[/x].", "output": "Hi."}) + "\n"


def test_a_dataset_is_added_checked_listed_and_shown(server_home: Home, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(GOOD)
    checked = gladius("dataset", "check", file)
    assert checked.code == 0 and "Nothing is wrong" in checked.out
    added = gladius("dataset", "add", file)
    assert (added.code, added.out) == (0, "mine\n"), added.err
    assert (server_home.datasets / "mine.jsonl").read_text() == GOOD
    assert {one["id"]: one["records"] for one in gladius("dataset", "ls", "--json").json}["mine"] == 1
    shown = gladius("dataset", "show", "mine", "-n", "1")
    assert shown.code == 0 and "[bold]hi[/x]" in shown.out
    again = gladius("dataset", "add", file)
    assert again.code == 1 and again.complains("mine.jsonl", "another name")
    assert gladius("dataset", "edit", "mine", "--name", "Ours", "--json").json["name"] == "Ours"
    entry = gladius("dataset", "rm", "mine").out.strip()
    assert not (server_home.datasets / "mine.jsonl").exists()
    assert [one["entry"] for one in gladius("dataset", "trash", "--json").json] == [entry]
    assert gladius("dataset", "restore", entry, "--json").json["name"] == "Ours"
    outside = gladius("dataset", "add", file, "--in-place")
    assert outside.code != 0 and outside.complains("leads out", "--datasets")


def test_a_file_is_checked_where_it_lies_without_a_server(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "broken.jsonl"
    file.write_text(GOOD + "{\n" + GOOD)
    report = gladius("dataset", "check", file, "--json")
    assert report.code == 1 and [one["line"] for one in report.json["findings"]] == [2, 3]
    assert not home.server_json.exists()
