"""A job of several processes under its supervisor: a rank or the launcher is killed, and none is left."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from gladius.pulse.identity import process_state

pytestmark = pytest.mark.training

TRAINING = Path(__file__).parents[1] / "integrations" / "ranks_training.py"
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")


@pytest.fixture
def job(street: Any, tmp_path: Path, until: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start a job whose ranks wait in the middle of step 3; returns the run and the pid of each rank."""
    folder = tmp_path / "job"
    folder.mkdir()
    plan = folder / "plan.json"
    plan.write_text(json.dumps({"folder": str(folder), "epochs": 500}))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    gates = [folder / f"wait-3-{rank}" for rank in range(2)]
    for gate in gates:
        gate.touch()
    run = street.start(*TORCHRUN, str(TRAINING), str(plan), name="ranks")
    until(lambda: all((folder / f"at-3-{rank}").exists() for rank in range(2)), 60)
    for gate in gates:
        gate.unlink()
    pids = [int((folder / f"pid-{rank}").read_text()) for rank in range(2)]
    yield run, pids
    for pid in pids:
        if process_state(pid) is not None:
            os.kill(pid, signal.SIGKILL)


def test_when_a_rank_is_killed_the_others_end_and_the_verdict_names_it(street: Any, job: Any, until: Any) -> None:
    run, pids = job
    os.kill(pids[1], signal.SIGKILL)
    report = street.wait_recorded(run)
    assert street.exited(run)["evidence"] == f"exit code 1: rank 1 was ended by SIGKILL (pid {pids[1]})"
    assert (report["state"], report["verdict"]) == ("error", "failed")
    assert f"The job lost rank 1 (pid {pids[1]} on " in report["message"]
    assert all(process_state(pid) is None for pid in pids)


def test_when_the_launcher_is_killed_no_rank_trains_on(street: Any, job: Any, until: Any) -> None:
    run, pids = job
    hello = street.events(run, "hello")[-1]
    assert [rank["pid"] for rank in hello["ranks"]] == pids
    (started,) = [one for one in street.events(run, "process", supervisor=True) if one["event"] == "started"]
    os.kill(started["pid"], signal.SIGKILL)
    report = street.wait_recorded(run)
    assert report["verdict"] == "killed"
    until(lambda: all(process_state(pid) in (None, "Z") for pid in pids))
