"""What runs inside a trainer runs under every Python from 3.9 on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import pulse_wrapper
from gladius.pulse.events import EventReader
from pulse_wrapper import read_training_status

sys.path.insert(0, str(Path(__file__).parent))
from pythons import VERSIONS, find

SOURCES = Path(pulse_wrapper.__file__).parent


def interpreter(version: str) -> str:
    program = find(version)
    if program is None:
        pytest.skip(f"there is no Python {version} on this machine")
    return program


def bare_environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **more}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_wrapper_alone_passes_its_self_checks(version: str, tmp_path: Path) -> None:
    shutil.copy(pulse_wrapper.__file__, tmp_path)
    answer = subprocess.run(
        [interpreter(version), "-W", "error", "-I", tmp_path / "pulse_wrapper.py"],
        cwd=tmp_path, env=bare_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.count("ok    ") == 6
    assert "all self-checks passed" in answer.stdout
    assert set(os.listdir(tmp_path)) <= {"pulse_wrapper.py", "__pycache__"}


def test_a_failed_self_check_is_a_failed_exit(tmp_path: Path) -> None:
    source = Path(pulse_wrapper.__file__).read_text(encoding="utf-8").replace("== 83.3", "== 83.4")
    (tmp_path / "broken.py").write_text(source, encoding="utf-8")
    answer = subprocess.run([sys.executable, tmp_path / "broken.py"], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "FAILED  running at 2.5" in answer.stdout


SCRIPT = textwrap.dedent("""
    import sys
    import gladius
    with gladius.start(total_epochs=2, config={"lr": 1e-4}) as run:
        run.adjustable("lr", get=lambda: 1e-4, set=print, min=0)
        for epoch in range(2):
            for step, batch in run.steps(range(5)):
                run.log({"train/loss": 1.0 / (step + 1), "odd": float("nan")}, tokens=10)
            with run.long("validating"):
                run.log({"eval/loss": 0.5})
        run.checkpoint(step=9, path="x", bytes=1, kind="final")
        run.sample(9, [{"prompt": "a", "output": "b"}])
    third_party = [m for m in sys.modules if "site-packages" in (getattr(sys.modules[m], "__file__", None) or "")]
    assert not third_party, third_party
""")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_script_records_itself(version: str, tmp_path: Path) -> None:
    program = interpreter(version)
    (tmp_path / "train.py").write_text(SCRIPT)
    environment = bare_environment(
        PYTHONPATH=str(SOURCES), GLADIUS_RUN_DIR=str(tmp_path / "run"), PYTHONDONTWRITEBYTECODE="1"
    )
    answer = subprocess.run(
        [program, "-S", "-W", "error", tmp_path / "train.py"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    events = EventReader(tmp_path / "run" / "events.jsonl").read_all()
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert [event["state"] for event in events if event["type"] == "state"] == [
        "preparing", "running", "validating", "running", "validating", "running", "done",
    ]  # fmt: skip
    losses = [event["values"] for event in events if event["type"] == "metrics" and "train/loss" in event["values"]]
    assert len(losses) == 10
    assert losses[4]["train/loss"] == 0.2
    assert losses[4]["odd"] == "NaN"
    status = read_training_status(tmp_path / "run" / "training_status.json")
    assert (status["status"], status["epoch"], status["total_epochs"]) == ("done", 2.0, 2.0)
