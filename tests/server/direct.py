"""The app in this process, asked by raw ASGI scopes: no client tidies a path up before it arrives, and a request takes no socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from gladius.compose import build
from gladius.pulse.files import write_text
from gladius.pulse.rundir import Home
from gladius.server.app import build_api, create_app
from gladius.server.credentials import Credentials
from gladius.users.keys import Keys

TOKEN = "t" * 40
T = TypeVar("T")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Direct:
    """A server of `home` without a server: `start`, ask, `stop`."""

    def __init__(self, home: Home, assets: Path | None = None) -> None:
        self.home = home
        self._loop = asyncio.Runner()
        self._rooms = self._loop.run(self._build())
        write_text(home.token, TOKEN)
        credentials = Credentials(Keys(home), "127.0.0.1", 1)
        self.api = build_api(self._rooms, credentials)
        self.app = create_app(self._rooms, credentials, **({"assets": assets} if assets else {}))
        self._to_app: asyncio.Queue[dict[str, Any]] = self._loop.run(self._queue())
        self._events: list[str] = []
        self._loop.run(self._start())

    async def _build(self) -> Any:
        return build(self.home)

    async def _queue(self) -> asyncio.Queue[dict[str, Any]]:
        return asyncio.Queue()

    async def _start(self) -> None:
        started = asyncio.Event()

        async def send(message: dict[str, Any]) -> None:
            self._events.append(message["type"])
            started.set()

        self._to_app.put_nowait({"type": "lifespan.startup"})
        self._life = asyncio.create_task(self.app({"type": "lifespan"}, self._to_app.get, send))  # type: ignore[arg-type]
        await asyncio.wait_for(started.wait(), 20)
        assert self._events == ["lifespan.startup.complete"]
        await self._rooms.store.settled()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run(work)

    def stop(self) -> None:
        async def end() -> None:
            self._to_app.put_nowait({"type": "lifespan.shutdown"})
            await asyncio.wait_for(self._life, 20)

        self._loop.run(end())
        self._loop.close()

    def ask(self, method: str, raw_path: str, query: str = "", body: bytes = b"", signed_in: bool = True) -> Answer:
        return self._loop.run(self.asking(method, raw_path, query, body, signed_in))

    async def asking(
        self, method: str, raw_path: str, query: str = "", body: bytes = b"", signed_in: bool = True
    ) -> Answer:
        """As uvicorn hands a request on: the path unquoted once, whatever bytes the client sent."""
        headers = [(b"host", b"127.0.0.1:1"), (b"content-type", b"application/json")]
        if signed_in:
            headers.append((b"authorization", f"Bearer {TOKEN}".encode()))
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(raw_path), "raw_path": raw_path.encode("utf-8", "surrogateescape"), "root_path": "",
            "query_string": query.encode(), "headers": headers, "client": ("127.0.0.1", 2), "server": ("127.0.0.1", 1),
        }  # fmt: skip
        answer = Answer(0, {}, b"")
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()
            asked = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        await self.app(scope, receive, send)  # type: ignore[arg-type]
        return answer
