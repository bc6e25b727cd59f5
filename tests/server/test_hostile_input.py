"""What a request may carry: bodies are bounded, deep JSON is refused, and checkpoints are never opened by this process."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from direct import Direct

from gladius.exchange.table import harmless
from gladius.pulse.rundir import Home, RunDir

POSTS = ("/api/v1/runs", "/api/v1/flows/check", "/api/v1/datasets", "/api/v1/command", "/api/v1/profiles/check")


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Direct]:
    home = Home(tmp_path_factory.mktemp("h") / "home")
    home.create()
    running = Direct(home)
    yield running
    running.stop()


def test_a_body_beyond_four_mebibytes_is_refused(direct: Direct) -> None:
    for path in POSTS:
        answer = direct.ask("POST", path, body=b'{"a": "' + b"x" * (5 << 20) + b'"}')
        assert answer.status in (404, 413, 422), (path, answer.status)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 50_000, b"\xff\xfe", b"{", b'{"a": NaN}'])
def test_malformed_and_deep_json_is_a_problem_and_no_error(direct: Direct, body: bytes) -> None:
    for path in POSTS:
        answer = direct.ask("POST", path, body=body)
        assert 400 <= answer.status < 500, (path, answer.status, answer.body[:200])
        assert answer.headers["content-type"] == "application/problem+json"


def test_cells_that_begin_a_formula_are_text_and_numbers_are_not() -> None:
    for cell in ("=1+1", "+1", "-x", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "-0.5"):
        assert harmless(cell) == f"'{cell}"
    for cell in (-0.5, -1, 0, None, True, "-Infinity", "NaN", "train/loss", "", " "):
        assert harmless(cell) is cell
    text = io.StringIO()
    csv.writer(text).writerow([harmless(-0.5), harmless("=1")])
    assert text.getvalue().strip() == "-0.5,'=1"


class Payload:
    """Unpickled it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


_WATCHED = """
import sys
found = []
def watch(event, args):
    if event == 'pickle.find_class' or (event == 'import' and args[0].split('.')[0] in ('torch', 'tensorflow')):
        found.append((event, str(args[:2])))
    if event in ('socket.connect', 'socket.sendto', 'socket.getaddrinfo'):
        whom = args[0] if event == 'socket.getaddrinfo' else args[1]
        if isinstance(whom, tuple):
            whom = whom[0]
        if str(whom).strip("b'") not in ('127.0.0.1', '::1', 'localhost', 'None'):
            found.append((event, str(whom)))
sys.addaudithook(watch)
sys.path[:0] = sys.argv[2:4]
from pathlib import Path
from direct import Direct
from gladius.pulse.rundir import Home
served = Direct(Home(Path(sys.argv[1])))
run = '/api/v1/runs/latest'
count = 0
for path, operations in served.api.openapi()['paths'].items():
    if 'get' in operations:
        answer = served.ask('GET', path.replace('{run_id}', 'latest').replace('{command_id}', 'x'), 'q=x&step=1&tokenizer=/x')
        assert answer.status < 500, (path, answer.body)
        count += answer.status < 400
for path in ('/resume', '/fork'):
    served.ask('POST', run + path, 'preview=true', b'{}')
served.stop()
print(count, found)
"""


def test_a_server_unpickles_nothing_of_a_run_with_checkpoints_and_calls_nobody(tmp_path: Path) -> None:
    home, mark = Home(tmp_path / "home"), tmp_path / "unpickled"
    home.create()
    run: RunDir = home.new_run("with-checkpoints", {"source": "api", "engine": "transformers"})
    run.write_attempt(1, {"argv": ["python"], "cwd": str(tmp_path), "config": {"output_dir": "."}})
    saved = run.checkpoints / "step-10"
    saved.mkdir()
    for name in (
        "optimizer.pt",
        "pytorch_model.bin",
        "trainer_state.json",
        "manifest.json",
        "gladius.json",
        "scheduler.pt",
        "rng_state.pth",
    ):
        (saved / name).write_bytes(pickle.dumps(Payload(mark)))
    told = {
        "seq": 0,
        "time": 1.0,
        "attempt": 1,
        "type": "checkpoint",
        "step": 10,
        "path": str(saved),
        "bytes": 1,
        "kind": "auto",
    }
    run.events.write_text(json.dumps(told) + "\n")
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    done = subprocess.run(
        [sys.executable, "-c", _WATCHED, str(home.root), *folders],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    count, _, found = done.stdout.strip().splitlines()[-1].partition(" ")
    assert found == "[]" and int(count) > 25, done.stdout
    assert not mark.exists()
