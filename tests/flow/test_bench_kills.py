"""A small number of the random kills that `python -m bench.kills` does by the thousand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_no_promise_is_lost_to_twenty_five_random_kills() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "bench.kills", "--kills", "25"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    summary = json.loads(answer.stdout)
    assert summary["passed"], summary
    assert answer.returncode == 0
    assert (summary["kills"], summary["lost"], summary["duplicates"], summary["bad_files"]) == (25, 0, 0, 0)
    assert summary["returned"] == summary["found"] > 1000
