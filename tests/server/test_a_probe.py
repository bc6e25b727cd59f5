"""A probe takes three steps of a run that is not started, says what they took, and leaves nothing, whoever ends it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forge
import psutil
import pytest
from console_server import ConsoleServer

from gladius.pulse.rundir import Home

Until = Callable[..., Any]

_SCRIPTS = {
    # Its last line would stand in a file if anything of it were run behind the third step.
    "loop": """
import gladius, pathlib, sys, time
held = bytearray(60_000_000)
run = gladius.start(total_steps=40)
run.on("checkpoint", lambda folder: (folder / "w").write_text("w"), every_steps=1)
for step, _ in run.steps(range(40)):
    time.sleep(0.05)
    run.log({"loss": 1.0 / (step + 1)})
run.save()
pathlib.Path(sys.argv[1], "after").write_text("the end was reached")
""",
    "printing": """
import sys, time
for step in range(1, 100):
    time.sleep(0.5)
    print(f"step {step} loss {1 / step:.3f}", flush=True)
""",
    "silent": "import time; time.sleep(60)",
    "short": "print('nothing to do')",
    "failing": "print('loading'); raise SystemExit('no weights in /nowhere')",
    "held": "import time; print('step 1 loss 0.5', flush=True); time.sleep(60)",
}


class Bench:
    """A home with a profile for each script, and its server with one place."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, Home(folder / "home")
        self.home.create()
        for name, text in _SCRIPTS.items():
            script = folder / f"{name}.py"
            script.write_text(text)
            (self.home.profiles / f"{name}.yaml").write_text(
                f'engine: script\nneeds_dataset: false\npython: {sys.executable}\nargv: ["{{python}}", "{script}", "{folder}"]\n'
            )
        self._server: ConsoleServer | None = None

    @property
    def server(self) -> ConsoleServer:
        """The server, another one where the last has ended."""
        if self._server is None or self._server.process.poll() is not None:
            self.close()
            self._server = self._serve()
        return self._server

    def close(self) -> None:
        if self._server is not None and self._server.process.poll() is None:
            self._server.terminate()

    def _serve(self) -> ConsoleServer:
        return ConsoleServer(forge.start, self.home, slots=1)

    def begin(self, profile: str, limit: float = 60, **said: Any) -> str:
        body = {"profile_id": profile, **said}
        answer = self.server.http.post("/runs/probe", params={"limit_s": limit}, json=body)
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"].endswith(answer.json()["probe_id"])
        return str(answer.json()["probe_id"])

    def look(self, probe_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.server.get(f"/runs/probe/{probe_id}")
        return found

    def processes(self) -> list[int]:
        """Processes that work in the home's probes."""
        marked = str(self.home.probes)
        return [p.pid for p in psutil.process_iter(["cmdline"]) if any(marked in w for w in p.info["cmdline"] or ())]

    def nothing_is_left(self) -> bool:
        left = list(self.home.probes.iterdir()) if self.home.probes.is_dir() else []
        in_lists = list(self.home.runs.iterdir()) or self.home.history.exists() or list(self.home.queue.iterdir())
        return not left and not in_lists and not self.processes()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    found = Bench(tmp_path_factory.mktemp("probes"))
    yield found
    found.close()


def ended(bench: Bench, until: Until, probe_id: str) -> dict[str, Any]:
    until(lambda: bench.look(probe_id)["state"] not in ("preparing", "running"), 30)
    until(bench.nothing_is_left)
    return bench.look(probe_id)


def test_three_steps_are_measured_and_nothing_behind_them_is_run(bench: Bench, until: Until) -> None:
    probe = bench.begin("loop", name="mine")
    busy = bench.server.http.post("/runs/probe", json={"profile_id": "loop"})
    assert busy.status_code == 409 and busy.json()["code"] == "machine_full"
    queue = bench.server.get("/queue")
    assert [(one["name"], one["probe"]) for one in queue["running"]] == [("mine", True)]
    found = ended(bench, until, probe)
    assert found["state"] == "done" and found["steps"] == 3 and found["error"] is None
    assert found["total_steps"] == 40 and 0.04 < found["step_seconds"] < 2
    expected = found["first_step_seconds"] + 39 * found["step_seconds"]
    assert found["duration"] == pytest.approx(expected)
    assert found["peak_memory"] > 60_000_000 and found["fits"] is (found["peak_memory"] <= found["free_memory"])
    assert not (bench.folder / "after").exists() and bench.server.get("/queue")["running"] == []
    assert bench.server.get("/runs")["runs"] == []


def test_a_command_is_measured_by_what_it_prints_and_what_is_unknown_stays_so(bench: Bench, until: Until) -> None:
    found = ended(bench, until, bench.begin("printing"))
    assert found["state"] == "done" and found["steps"] == 3 and 0.3 < found["step_seconds"] < 3
    assert found["total_steps"] is None and found["duration"] is None and found["peak_memory"]


def test_what_failed_says_so_in_the_trainers_own_words(bench: Bench, until: Until) -> None:
    failing = ended(bench, until, bench.begin("failing"))
    assert (failing["state"], failing["fits"], failing["step_seconds"]) == ("failed", None, None)
    assert "exit code 1" in failing["error"] and failing["last_words"] == "loading\nno weights in /nowhere"
    short = ended(bench, until, bench.begin("short"))
    assert short["state"] == "failed" and "no step was reported" in short["error"]
    late = ended(bench, until, bench.begin("silent", limit=5))
    assert late["state"] == "failed" and late["error"] == "No step was reported within 5 s."
    wrong = bench.server.http.post("/runs/probe", json={"profile_id": "nobody"})
    assert wrong.status_code == 422 and wrong.json()["errors"][0]["field"] == "profile_id"
    assert bench.server.http.get("/runs/probe/nobody").json()["code"] == "probe_not_found"


def test_a_probe_is_cancelled_and_one_whose_server_was_killed_is_cleared_away(bench: Bench, until: Until) -> None:
    probe = bench.begin("held")
    until(lambda: bench.look(probe)["steps"] == 1)
    cancelled = bench.server.http.delete(f"/runs/probe/{probe}").json()
    assert cancelled["state"] == "cancelled" and bench.nothing_is_left()
    assert bench.server.http.delete(f"/runs/probe/{probe}").json() == cancelled

    probe = bench.begin("held")
    until(lambda: bench.look(probe)["steps"] == 1)
    bench.server.kill()
    assert bench.processes() and list(bench.home.probes.iterdir())
    assert bench.server.http.get(f"/runs/probe/{probe}").status_code == 404
    until(bench.nothing_is_left)
    at_the_end = bench.begin("held")
    until(lambda: bench.look(at_the_end)["steps"] == 1)
    bench.server.terminate()
    assert bench.nothing_is_left(), "a server that is told to end takes its probes with it"


def test_the_command_line_takes_a_probe_of_any_profile(bench: Bench) -> None:
    env = {**os.environ, "GLADIUS_URL": bench.server.url, "GLADIUS_TOKEN": bench.server.token}
    argv = [sys.executable, "-m", "gladius.cli.main", "train", "loop", "--probe"]
    said = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "steps of the run" in said.stdout and "40" in said.stdout and "probe: " in said.stderr
