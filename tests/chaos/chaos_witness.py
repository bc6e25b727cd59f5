"""A client that keeps its cursors, over HTTP and over the socket, from one server to the next. Upstream: server. Downstream: rounds."""

from __future__ import annotations

from typing import Any

import httpx
from chaos_world import World
from console_server import Listener

from gladius.pulse.events import EventReader
from gladius.pulse.rundir import RunDir

_STREAMS = {"trainer": "events", "supervisor": "supervisor"}
_TOPICS = ("metrics", "events", "alerts", "console")


class Witness:
    """Hears one run. What it heard must be what the files hold: each event once, in order, each byte once."""

    def __init__(self, world: World, run: RunDir) -> None:
        self._world, self._run = world, run
        self._asked: dict[str, list[int]] = {"trainer": [], "supervisor": []}
        self._heard: dict[str, list[int]] = {"trainer": [], "supervisor": []}
        self._console = b""
        self._listener: Listener | None = None
        self._listen()

    def ask(self) -> None:
        """One look over HTTP, from where the last one ended; a server that dies meanwhile has told nothing."""
        for stream, seqs in self._asked.items():
            try:
                answer = self._world.server.get(
                    f"/runs/{self._run.run_id}/events", stream=stream, after_seq=seqs[-1] if seqs else -1, limit=10_000
                )
            except (httpx.HTTPError, RuntimeError):
                return
            seqs += [event["seq"] for event in answer["events"]]

    def reconnect(self) -> None:
        """The server has died: take what was heard, and listen to the next one from there."""
        self._collect()
        self._listen()

    def agrees(self) -> bool:
        """Whether both ways have told all that is in the files by now."""
        self.ask()
        size = self._run.console_log.stat().st_size if self._run.console_log.exists() else 0
        return (
            all(seqs[-1:] == self._seqs(stream)[-1:] for stream, seqs in self._asked.items())
            and all(self._so_far(stream)[-1:] == seqs[-1:] for stream, seqs in self._asked.items())
            and len(self._output()) == size
        )

    def check(self) -> None:
        """After the end: nothing missing, nothing twice."""
        self._collect()
        for stream, seqs in self._asked.items():
            assert seqs == self._seqs(stream), f"what HTTP told of the {stream}'s stream"
            assert self._heard[stream] == seqs, f"what the socket told of the {stream}'s stream"
        if self._run.console_log.exists():
            assert self._console == self._run.console_log.read_bytes(), "what the socket told of the output"

    def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _seqs(self, stream: str) -> list[int]:
        path = self._run.events if stream == "trainer" else self._run.supervisor_events
        return [event["seq"] for event in EventReader(path)]

    def _listen(self) -> None:
        cursors: dict[str, Any] = {
            name: self._heard[stream][-1] if self._heard[stream] else -1 for stream, name in _STREAMS.items()
        }
        cursors["console"] = len(self._console)
        self._listener = Listener(self._world.server, [self._run.run_id], _TOPICS, {self._run.run_id: cursors})

    def _so_far(self, stream: str) -> list[int]:
        new = self._listener.events(stream) if self._listener is not None else []
        return self._heard[stream] + [event["seq"] for event in new]

    def _output(self) -> bytes:
        pieces = self._listener.of("console") if self._listener is not None else []
        assert not pieces or pieces[0]["offset"] == len(self._console), "a gap or an overlap between two servers"
        return self._console + (self._listener.console() if self._listener is not None else b"")

    def _collect(self) -> None:
        """Take over what the listener heard; it hears no more."""
        if self._listener is None:
            return
        self._listener.close()
        assert self._listener.of("gap") == [], "a client that keeps up is skipped nothing"
        self._heard, self._console = {stream: self._so_far(stream) for stream in self._heard}, self._output()
        self._listener = None
