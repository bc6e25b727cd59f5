"""A browser page that is signed in to a real server."""

from __future__ import annotations

from typing import Any

from console_server import ConsoleServer


class Visit:
    """A browser page that is logged in to a server, and what it complained about."""

    def __init__(self, context: Any, server: ConsoleServer) -> None:
        self.server = server
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)
        self.page.on("request", self._watch)
        self.page.goto(server.link())

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _watch(self, request: Any) -> None:
        if not request.url.startswith((self.server.url, self.server.url.replace("http", "ws", 1), "data:", "blob:")):
            self.foreign.append(request.url)

    def open(self, path: str) -> Any:
        self.page.goto(self.server.url + path)
        return self.page

    @property
    def state(self) -> str:
        return str(self.page.get_by_role("status").inner_text()).strip()
