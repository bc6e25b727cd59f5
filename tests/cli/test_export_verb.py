"""`gladius export`: files by name, several at once, none replaced unasked."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import pytest
from terminal import gladius
from written_run import Written

from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home


@pytest.fixture
def run(server_home: Home) -> Written:
    written = Written(server_home, Identity.current())
    return written.begin(1, total_epochs=1).steps(0, 12)


def test_several_formats_are_several_files_whose_paths_are_printed(run: Written, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    answer = gladius("export", "latest", "--format", "csv,json,zip", "--output", folder)
    name = run.directory.run_id
    assert answer.out.split() == [str(folder / f"{name}.{suffix}") for suffix in ("csv", "json", "zip")]
    assert len(list(csv.DictReader((folder / f"{name}.csv").read_text().splitlines()))) == 12
    assert len(json.loads((folder / f"{name}.json").read_text())["series"]["train/loss"]["step"]) == 12
    assert "README.md" in _names(folder / f"{name}.zip")

    again = gladius("export", "latest", "--output", folder)
    assert again.code == 2 and again.complains(f"{name}.csv exists already", "--force")
    assert gladius("export", "latest", "--output", folder, "--force").code == 0


def test_without_output_it_is_the_current_folder_and_json_tells_the_whole_path(run: Written, tmp_path: Path) -> None:
    answer = gladius("export", run.directory.run_id[:20], "--format", "csv", "--json", cwd=tmp_path)
    file = tmp_path / f"{run.directory.run_id}.csv"
    assert answer.json == {"run_id": run.directory.run_id, "files": [str(file)]} and file.exists()


def test_what_cannot_be_written_is_told_before_anything_is(run: Written, tmp_path: Path) -> None:
    answer = gladius("export", "latest", "--format", "csv,parquet", cwd=tmp_path)
    assert answer.code == 2 and answer.complains("parquet", "not there yet", "csv, json")
    target = tmp_path / "one.csv"
    assert gladius("export", "latest", "--format", "csv,json", "--output", target).complains("no folder")
    assert list(tmp_path.glob("*.csv")) == []
    assert gladius("export", "latest", "--output", target).out.strip() == str(target)
    assert gladius("export", "latest", "--output", target).complains("exists already")


def _names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()
