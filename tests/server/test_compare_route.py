"""`GET /compare`: the runs that are there, those that are not, and both tables."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import pytest
from console_server import ConsoleServer
from written_run import Written

from gladius.client import Client
from gladius.errors import RequestRejected
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home


def test_runs_stand_beside_each_other_over_http_and_in_python(
    serve: Callable[..., ConsoleServer], home: Home, until: Callable[..., Any], tmp_path: Any
) -> None:
    written = []
    for rate in (0.1, 0.2):
        one = Written(home, Identity.current())
        one.begin(1, total_epochs=1).steps(0, 30, loss=rate)
        one.directory.attempt_config(1).write_text(f"train:\n  learning_rate: {rate}\n  seed: 7\n")
        one.trainer.write("state", {"state": "done"})
        one.exited("finished", code=0)
        one.directory.report_json.write_text("{}")
        written.append(one)
    broken = Written(home, Identity.current()).begin(1, total_epochs=1).steps(0, 2)
    broken.directory.attempt_config(1).write_text("a: [")
    ids = [one.directory.run_id for one in written]
    server = serve()
    until(lambda: len(server.get("/runs")["runs"]) == 3)

    found = server.get("/compare", runs=[*ids, "nobody", "2"])
    assert [run["run_id"] for run in found["runs"]] == ids
    assert [(one["run"], one["reason"]) for one in found["missing"]] == [("nobody", "not_found"), ("2", "ambiguous")]
    assert found["runs"][0]["metrics"]["train/loss"]["lowest"] == {"value": 0.1, "step": 0, "epoch": 0.0}
    assert found["metrics"] == [{"name": "train/loss", "runs": 2, "best": "lowest"}]
    differing = [one for one in found["settings"] if one["differs"]]
    assert [(one["key"], list(one["values"].values())) for one in differing] == [("train.learning_rate", [0.1, 0.2])]
    assert server.get("/compare", runs=",".join(ids))["runs"] == found["runs"]

    beside = server.get("/compare", runs=[*ids, broken.directory.run_id])
    assert "cannot be read" in beside["runs"][2]["config_problem"] and beside["runs"][0]["config_problem"] is None
    assert all(len(one["values"]) == 2 for one in beside["settings"]), "the others' settings stay"

    with Client(home=home) as client:
        assert [run.run_id for run in client.compare(ids).runs] == ids
        assert len(list(csv.DictReader(client.save_comparison(ids, tmp_path / "r.csv").read_text().splitlines()))) == 2
        curves = client.save_comparison(ids, tmp_path / "c.csv", ["train/loss"], curves=True)
        assert len(list(csv.DictReader(curves.read_text().splitlines()))) == 60
        for runs, metrics in (([f"r{i}" for i in range(21)], []), ([""], []), (ids, [])):
            with pytest.raises(RequestRejected) as rejected:
                client.save_comparison(runs, tmp_path / "x.csv", metrics, curves=True)
            assert rejected.value.status == 422

    gone = server.http.delete(f"/runs/{ids[1]}")
    assert gone.is_success, gone.text
    rest = server.get("/compare", runs=ids)
    assert [(one["run"], one["reason"]) for one in rest["missing"]] == [(ids[1], "trash")]
    assert [run["run_id"] for run in rest["runs"]] == ids[:1]
