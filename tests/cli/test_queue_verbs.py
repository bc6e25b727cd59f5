"""`gladius queue` and what `gladius train` says of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from console_server import ConsoleServer
from terminal import gladius

from gladius.pulse.rundir import Home

_WAIT = "import os, time\nwhile not os.path.exists('go'):\n    time.sleep(0.02)"


def test_a_queue_is_seen_changed_and_waited_through(
    home: Home,
    serve: Callable[..., ConsoleServer],
    spawn: Callable[..., subprocess.Popen[str]],
    until: Callable[..., Any],
) -> None:
    script = home.root / "wait.py"
    script.write_text(_WAIT)
    profile = f'engine: script\nneeds_dataset: false\nargv: ["{{python}}", "{script}"]\n'
    (home.profiles / "held.yaml").write_text(profile)
    server = serve(slots=1)
    first = gladius("train", "held", "--name", "first")
    assert first.code == 0 and first.err == ""
    waiting = gladius("train", "held", "--name", "second")
    assert "waits, 1 of 1 in the queue" in waiting.err and waiting.code == 0
    second, third = waiting.out.strip(), gladius("train", "held", "--name", "third", "--priority", "3").out.strip()
    shown = gladius("queue")
    assert shown.code == 0 and "1 of 1 places taken" in shown.out and shown.out.index(third) < shown.out.index(second)
    assert gladius("queue", "priority", "third", "-2").out.index(second) < gladius("queue", "ls").out.index(third)
    moved = gladius("queue", "move", "third", "1", "--json").json
    assert [one["run_id"] for one in moved["waiting"]] == [third, second]
    assert (
        gladius("queue", "cancel", third).code == 0
        and gladius("show", third, "--json").json["summary"]["state"] == "cancelled"
    )
    assert gladius("queue", "cancel", third).complains("does not wait")
    at_once = gladius("train", "held", "--now", "--name", "now").out.strip()
    assert at_once not in gladius("queue").out.split("priority")[1]

    following = spawn(sys.executable, "-m", "gladius.cli.main", "train", "held", "--name", "followed", "--follow")
    until(lambda: len(server.get("/queue")["waiting"]) == 2)
    for run in server.get("/runs")["runs"]:
        (Path(home.run(run["run_id"]).root) / "go").touch()
    out, err = following.communicate(timeout=30)
    assert following.returncode == 0 and "in the queue" in err, out + err
