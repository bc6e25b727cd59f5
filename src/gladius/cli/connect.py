"""Find the server that the verbs talk to, or start one. Upstream: the other verbs. Downstream: client, `gladius up`."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

from gladius.cli.say import say
from gladius.client import Client
from gladius.errors import ServerError, ServerUnreachable
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import Home

_AGENT = "gladius-cli"
_PATIENCE_S = 60.0
_POLL_S = 0.02


@contextlib.contextmanager
def connected() -> Iterator[Client]:
    """Give a client of the living server; where none runs, of one that lives as long as this verb."""
    own: subprocess.Popen[bytes] | None = None
    if not os.environ.get("GLADIUS_URL") and not is_held(Home().server_lock):
        own = start_server(Home(), port=0)
    try:
        with Client(agent=_AGENT) as client:
            yield client
    finally:
        if own is not None:
            own.terminate()
            own.wait()


def lasting_client() -> Client:
    """Give a client of the living server; where none runs, start one that stays."""
    home = Home()
    if not os.environ.get("GLADIUS_URL") and not is_held(home.server_lock):
        process = start_server(home, port=None)
        client = Client(agent=_AGENT)
        # Nobody asked for a process that stays, so they are told of it; the log of a script stays free of tokens.
        told = f"gladius: a console server now runs at {client.url} (pid {process.pid}); 'gladius up' gives its link."
        say(told, err=True)
        return client
    return Client(agent=_AGENT)


def start_server(home: Home, port: int | None) -> subprocess.Popen[bytes]:
    """Start `gladius up` in a session of its own and wait until it answers; its words go to the home's server log.

    `port` None is the default port, or a free one where that is taken.
    """
    home.create()
    process = _spawn(home, port)
    if port is None and process.poll() is not None:
        process = _spawn(home, 0)
    if process.poll() is not None:
        raise ServerError("The console server could not be started.", f"Its log: {home.server_log}")
    return process


def _spawn(home: Home, port: int | None) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "gladius.cli.main", "up", "--no-browser", "--home", str(home.root)]
    argv += [] if port is None else ["--port", str(port)]
    log = os.open(home.server_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    finally:
        os.close(log)
    deadline = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(ServerUnreachable), Client(home=home) as client:
            if home.server_json.exists():
                client.health()
                break
        time.sleep(_POLL_S)
    return process
