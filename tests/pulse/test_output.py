"""What a training prints when the disk takes nothing: /dev/full is a disk that never does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = """
import os, sys
from gladius.pulse.output import keep_printing
keep_printing(sys.argv[1])
print("before", flush=True)
log, full = os.dup(1), os.open("/dev/full", os.O_WRONLY)
os.dup2(full, 1)
print("lost", flush=True)
os.dup2(log, 1)
print("after", flush=True)
os.dup2(full, 1)
print("lost at the end")
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", [[], ["-u"]])
def test_a_full_disk_reaches_no_print_and_the_log_says_what_is_missing(tmp_path: Path, words: list[str]) -> None:
    log = tmp_path / "console.log"
    with log.open("ab") as file:
        argv = [sys.executable, *words, "-c", _SCRIPT, str(log)]
        ended = subprocess.run(argv, stdout=file, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    told = "before\n\n[gladius: the disk took no output for a while; 5 bytes are missing here]\nafter\n"
    assert log.read_text() == told


def test_another_output_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "console.log").touch()
    script = (
        "import sys\nfrom gladius.pulse.output import keep_printing\nwas = sys.stdout\n"
        "keep_printing(sys.argv[1])\nassert sys.stdout is was"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "console.log")], check=True, stdout=subprocess.DEVNULL)
