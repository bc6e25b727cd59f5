"""`gladius compare`: a table for people, JSON for programs, files on request."""

from __future__ import annotations

from pathlib import Path

from terminal import gladius
from written_run import Written

from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home


def test_runs_are_compared_and_what_is_missing_is_named(server_home: Home, tmp_path: Path) -> None:
    ids = []
    for rate in (0.25, 0.5):
        one = Written(server_home, Identity.current()).begin(1, total_epochs=1).steps(0, 5, loss=rate)
        one.directory.attempt_config(1).write_text(f"lr: {rate}\nseed: 7\n")
        ids.append(one.directory.run_id)

    shown = gladius("compare", *ids)
    assert shown.code == 0 and "0.2500 @ 0" in shown.out and "lr" in shown.out and "seed" not in shown.out
    assert "1 settings are the same" in shown.out

    files = {"results": tmp_path / "r.csv", "curves": tmp_path / "c.csv"}
    told = gladius("compare", *ids, "nobody", "--json", "--results", files["results"], "--curves", files["curves"])
    assert told.code == 1 and "No run 'nobody'. It is left out." in told.err
    assert [run["run_id"] for run in told.json["runs"]] == ids
    assert len(files["results"].read_text().splitlines()) == 3 and len(files["curves"].read_text().splitlines()) == 11

    again = gladius("compare", *ids, "--results", files["results"])
    assert again.code == 2 and again.complains("exists already", "--force")
    alone = gladius("compare", ids[0])
    assert alone.code == 2 and alone.complains("One run is no comparison", "gladius ls")
