"""Everything that is known of a failure in one text."""

from __future__ import annotations

import re

from written_run import Written

from gladius import __version__
from gladius.store.errorlog import error_log


def test_the_error_log_holds_all_that_a_stranger_needs(written: Written) -> None:
    written.begin(1).started().steps(0, 5)
    lines = [f"line {number}" for number in range(300)]
    written.directory.console_log.write_text("\n".join(lines) + "\n 10%\r 20%\r 30%\n", encoding="utf-8")
    error = {"code": "cuda_out_of_memory", "message": "no room", "traceback": "Traceback:\n  boom"}
    written.trainer.write("state", {"state": "error", "error": error})
    text = error_log(written.view())
    assert f"gladius    {__version__}" in text and "Traceback:\n  boom" in text
    assert "cuda_out_of_memory" in text and "no room" in text and written.directory.run_id in text
    assert "lr: 0.1" in text
    assert "line 299\n" in text and "line 101\n" in text and "line 100\n" not in text, "the last 200 lines"
    assert " 30%\n" in text and " 20%" not in text, "of a line that was written over, what stayed"


def test_what_is_not_known_of_a_failure_is_a_dash(written: Written) -> None:
    written.begin(1).started().exited("killed", signal="SIGKILL", evidence="ended by SIGKILL")
    text = error_log(written.view())
    assert "ended by SIGKILL" in text and re.search(r"^code +—$", text, re.M)
    assert "## Traceback" not in text
