"""A job of several processes under its supervisor: a rank or the launcher is killed, and none is left."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("torch")

from gladius.launch.local import LocalLauncher
from gladius.pulse.identity import process_state
from gladius.pulse.lock import is_held

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


def test_every_rank_is_counted_also_by_an_adopting_supervisor_and_none_outlives_the_launcher(
    street: Any, job: Any, until: Any
) -> None:
    run, pids = job
    hello = street.events(run, "hello")[-1]
    assert [rank["pid"] for rank in hello["ranks"]] == pids

    def counted(after: int = 0) -> Any:
        groups = [one["group"] for one in street.events(run, "system", supervisor=True)[after:]]
        return [group for group in groups if group["processes"] >= 3]  # torchrun and both of its ranks

    def of_the_ranks() -> int:
        return sum(psutil.Process(pid).memory_info().rss for pid in pids)

    assert until(counted)[-1]["rss"] > 0.9 * of_the_ranks()
    launcher = street.trainer(run).pid
    os.kill(street.supervisor_pid(run), signal.SIGKILL)
    until(lambda: not is_held(run.supervisor_lock))
    before = len(street.events(run, "system", supervisor=True))
    LocalLauncher(street.home).adopt(run, 1)
    assert until(lambda: counted(before))[-1]["rss"] > 0.9 * of_the_ranks()
    os.kill(launcher, signal.SIGKILL)
    report = street.wait_recorded(run)
    assert report["verdict"] == "unknown"  # whoever adopts is told no exit code
    until(lambda: all(process_state(pid) in (None, "Z") for pid in pids))
