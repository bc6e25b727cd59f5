"""A real console server in a process of its own, and what a test asks it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from gladius.pulse.rundir import Home
from gladius.users.book import Book

_SERVER = """
import json, sys
from gladius.compose import up
options = json.loads(sys.argv[2])
up(sys.argv[1], on_ready=lambda address: print(address.url, address.token, flush=True), **options)
"""
ALL_TOPICS = ("status", "metrics", "events", "console", "system", "runs", "alerts")


class ConsoleServer:
    """Started and answering. `http` carries the token; `bare` does not."""

    program = _SERVER

    def __init__(self, spawn: Callable[..., Any], home: Home, **options: Any) -> None:
        self.home = home
        argv = [sys.executable, "-c", self.program, home.root, json.dumps({"port": 0, **options})]
        self.process: subprocess.Popen[str] = spawn(*argv, stdout=subprocess.PIPE, stderr=None)
        assert self.process.stdout is not None
        line = self.process.stdout.readline().split()
        assert len(line) == 2, "the server did not start"
        self.url, self.token = line
        self.bare = httpx.Client(base_url=self.url, trust_env=False, timeout=20)
        bearer = {"authorization": f"Bearer {self.token}"}
        self.http = httpx.Client(base_url=f"{self.url}/api/v1", headers=bearer, trust_env=False, timeout=20)

    @property
    def port(self) -> int:
        return httpx.URL(self.url).port or 80

    def link(self) -> str:
        """An address that signs one browser in as the owner, whatever the server's public one is."""
        return f"{self.url}/?{self.http.post('/session/link').json()['url'].partition('?')[2]}"

    def sign_in(self) -> str:
        """The Cookie header of a browser that came by such an address."""
        with httpx.Client(trust_env=False, timeout=20) as browser:
            browser.get(self.link())
            ((name, value),) = browser.cookies.items()
        return f"{name}={value}"

    def get(self, path: str, **params: Any) -> Any:
        """The parsed JSON of a successful GET below /api/v1."""
        response = self.http.get(path, params=params)
        assert response.is_success, response.text
        return response.json()

    def connect(self, **headers: str) -> AbstractContextManager[ClientConnection]:
        """The stream socket, with the token."""
        given = {"authorization": f"Bearer {self.token}", **headers}
        url = self.url.replace("http", "ws", 1) + "/api/v1/stream"
        return connect(url, additional_headers=given, proxy=None, compression=None)

    def forget_users(self) -> None:
        """Take away whoever has a name here, and every token."""
        book = Book(self.home.users)
        for user in book.users():
            book.remove_user(user.name, last_too=True)
        for token in book.tokens():
            book.revoke(token.id)

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self.process.kill()
        self.process.wait(10)
        self._close()

    def terminate(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(15)
        self._close()
        return code

    def _close(self) -> None:
        self.bare.close()
        self.http.close()
        if self.process.stdout is not None:
            self.process.stdout.close()
            self.process.stdout = None


class Listener:
    """A socket client in a thread, which keeps every message it got."""

    def __init__(
        self,
        server: ConsoleServer,
        runs: Sequence[str],
        topics: Sequence[str] = ALL_TOPICS,
        cursors: Mapping[str, Any] | None = None,
    ) -> None:
        self.messages: list[dict[str, Any]] = []
        self._connection = server.connect()
        self.socket = self._connection.__enter__()
        subscribe = {"type": "subscribe", "runs": list(runs), "topics": list(topics), "cursors": dict(cursors or {})}
        self.socket.send(json.dumps(subscribe))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        try:
            for text in self.socket:
                self.messages.append(json.loads(text))
        except Exception:  # noqa: BLE001
            return

    def of(self, type_: str, run_id: str | None = None) -> list[dict[str, Any]]:
        """The messages of one type, in order."""
        return [one for one in list(self.messages) if one["type"] == type_ and run_id in (None, one.get("run_id"))]

    def events(self, stream: str = "trainer") -> list[dict[str, Any]]:
        """The events of one stream, in the order they came."""
        return [event for one in self.of("events") if one["stream"] == stream for event in one["events"]]

    def console(self) -> bytes:
        """The output heard, checked to be without gap or overlap."""
        text, end = "", None
        for one in self.of("console"):
            assert end is None or one["offset"] == end, "a gap or an overlap"
            end = one["offset"] + one["length"]
            text += one["text"]
        return text.encode()

    def close(self) -> None:
        self._connection.__exit__(None, None, None)
        self._thread.join(10)
