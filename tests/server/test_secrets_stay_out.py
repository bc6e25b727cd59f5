"""What an environment holds is in no file of the home and in no answer; what we write is our user's alone."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from console_server import ConsoleServer

from gladius.pulse.rundir import Home

PLANTED = "planted-7f3a9c-secret"
_TRAINER = """
import gladius
run = gladius.start()
for step in range(3):
    run.log({'loss': 1.0 / (step + 1)}, step=step)
run.finish()
"""


@pytest.fixture
def lived(home: Home, monkeypatch: pytest.MonkeyPatch, serve: Callable[..., ConsoleServer]) -> ConsoleServer:
    """A home in which a run was supervised beside a server, both with secrets in their environment, under a loose umask."""
    for name in ("AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "MY_OWN_THING"):
        monkeypatch.setenv(name, PLANTED)
    server = serve()
    run = [sys.executable, "-m", "gladius.cli.main", "run", "--name", "little", "--", sys.executable, "-c", _TRAINER]
    done = subprocess.run(run, capture_output=True, text=True, check=False, timeout=60, umask=0o000)
    assert done.returncode == 0, done.stderr
    return server


def files(home: Home) -> Iterator[Path]:
    return (path for path in home.root.rglob("*") if path.is_file() and not path.is_symlink())


def test_a_home_holds_no_value_of_the_environment_and_is_its_owners_alone(lived: ConsoleServer) -> None:
    home = lived.home
    assert sum(1 for path in files(home) if path.is_relative_to(home.runs)) > 5
    names = next(home.all_runs()).read_attempt(1)["env"]
    assert "AWS_SECRET_ACCESS_KEY" in names, "the names are kept"
    tokens = {home.state / "token", home.server_json}
    for path in files(home):
        content = path.read_bytes()
        assert PLANTED.encode() not in content, path
        assert lived.token.encode() not in content or path in tokens, path
    found = ((path, stat.S_IMODE(path.lstat().st_mode)) for path in home.root.rglob("*") if not path.is_symlink())
    assert [(str(path), oct(mode)) for path, mode in found if mode & 0o077] == []


def test_no_answer_and_no_command_line_tells_a_secret(lived: ConsoleServer) -> None:
    for what in (
        "",
        "/error-log",
        "/config",
        "/report",
        "/export?format=json",
        "/export?format=zip",
        "/events",
        "/commands",
    ):
        answer = lived.http.get(f"/runs/latest{what}")
        assert answer.status_code < 500
        assert PLANTED.encode() not in answer.content and lived.token.encode() not in answer.content, what
    refused = lived.bare.get(f"/api/v1/runs?token={lived.token}", headers={"authorization": "Bearer wrong"})
    assert refused.status_code == 401 and lived.token not in refused.text
    assert lived.token not in lived.bare.get("/api/v1/runs", headers={"authorization": f"Bearer {lived.token}x"}).text
    command = Path(f"/proc/{lived.process.pid}/cmdline").read_bytes()
    assert lived.token.encode() not in command
