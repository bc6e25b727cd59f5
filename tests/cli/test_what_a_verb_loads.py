"""A verb loads what it needs and no more, and what is loaded in a lean way answers as it would otherwise."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
import typer

from gladius.cli.verbs import ROOMS

_SEEN = "import json, sys; print(json.dumps(sorted(sys.modules)))"
_UP = """
from gladius.cli.loading import loading_the_server
from gladius.cli.verbs import tree
tree(["--debug", "up", "--port", "0"])
with loading_the_server():
    from gladius import compose
    from gladius.server import serve
"""
_DESCRIBED = """
import tempfile, json
from gladius.compose import build
from gladius.pulse.rundir import Home
from gladius.server.app import build_api
from gladius.server.credentials import Credentials
from gladius.users.keys import Keys
home = Home(tempfile.mkdtemp()); home.create()
print(json.dumps(build_api(build(home), Credentials(Keys(home), "127.0.0.1", 1, None, False)).openapi()))
"""


@pytest.mark.parametrize("room", ROOMS)
def test_a_module_adds_the_verbs_that_the_table_says(room: str) -> None:
    app = typer.Typer()
    import_module(f"gladius.cli.{room}").add_to(app)
    verbs = [one.name or getattr(one.callback, "__name__", "") for one in app.registered_commands]
    assert sorted(ROOMS[room]) == sorted([*verbs, *(str(one.name) for one in app.registered_groups)])


def test_the_server_starts_without_what_only_other_verbs_need() -> None:
    loaded = set(_print_of(_UP + _SEEN))
    assert {"gladius.server.app", "gladius.cli.up"} <= loaded
    needless = {
        "gladius.cli.train",
        "rich",
        "httpx",
        "websockets.sync",
        "pydantic.v1.main",
        "numpy",
        "ruamel.yaml",
    }
    assert needless & loaded == set()


def test_a_server_that_was_loaded_in_a_lean_way_describes_the_same_api() -> None:
    lean, usual = _print_of(_UP + _DESCRIBED), _print_of(_DESCRIBED)
    assert len(usual["paths"]) > 80
    assert lean == usual


def _print_of(script: str) -> Any:
    return json.loads(
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, timeout=60).stdout
    )
