"""One run, from afar. Upstream: transport. Downstream: cli, notebooks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from gladius.client.columns import as_frame, as_lists, series_of
from gladius.client.download import save
from gladius.client.steering import Steering
from gladius.client.transport import Transport
from gladius.errors import RequestRejected, RunNotFound
from gladius.wire.exports import ExportFormat
from gladius.wire.runs import (
    ConfigAnswer,
    EventsAnswer,
    MetricNames,
    RunRecord,
    RunSummary,
    SearchHit,
    Status,
    SystemSample,
    TrashedRun,
)
from gladius.wire.tensors import MEDIA_TYPE

_LATEST_POLL_S = 1.0
_CHUNK = 1 << 20
Stream = Literal["trainer", "supervisor"]


class RunHandle(Steering):
    """A run of a server, by whatever name the server knows it."""

    def __init__(self, transport: Transport, name: str) -> None:
        self._transport = transport
        self.name = name
        if not name or "/" in name:
            # No path of the server can say such a name; a run that is called so has its id.
            raise RunNotFound(name)
        self._path = f"/runs/{quote(name, safe='')}"

    def __repr__(self) -> str:
        return f"RunHandle({self.name!r})"

    @property
    def id(self) -> str:
        """The run's exact id; asks the server when the handle was made from another name."""
        return self.summary().run_id

    # Saying

    def rename(self, name: str) -> RunSummary:
        """Give it another name; "" is the one it was started with. Its id stays."""
        return self._annotate(name=name)

    def tag(self, *tags: str, remove: Sequence[str] = ()) -> RunSummary:
        """Add tags, and take some away."""
        return self._annotate(add_tags=list(tags), remove_tags=list(remove))

    def describe(self, notes: str, before: str | None = None) -> RunSummary:
        """Write its notes; given what stood there `before`, RequestRejected when somebody has changed them since."""
        return self._annotate(notes=notes, **({} if before is None else {"notes_before": before}))

    def delete(self) -> TrashedRun:
        """Put it into the trash; RequestRejected while it lives."""
        return TrashedRun.model_validate(self._transport.request("DELETE", self._path).json())

    def _annotate(self, **patch: Any) -> RunSummary:
        return RunSummary.model_validate(self._transport.patch(self._path, patch))

    # Looking

    def record(self) -> RunRecord:
        """Everything but bulk data."""
        return RunRecord.model_validate(self._transport.get(self._path))

    def summary(self) -> RunSummary:
        """State, health, progress, loss, ETA."""
        return self.record().summary

    def status(self) -> Status:
        """PULSE v1: the six fields."""
        return Status.model_validate(self._transport.get(f"{self._path}/status"))

    def metric_names(self) -> list[str]:
        """The names of its metrics."""
        return MetricNames.model_validate(self._transport.get(f"{self._path}/metrics/names")).names

    def metrics(
        self,
        *names: str,
        max_points: int | None = None,
        from_step: int | None = None,
        to_step: int | None = None,
        frame: bool | None = None,
    ) -> Any:
        """Metrics by name, all where none is named; numbers that are not finite come as such.

        Returns a pandas DataFrame in long form (name, step, epoch, time, log_offset, value, min, max) where pandas is
        installed, or with `frame=False` a dict name -> columns. Where no point was left out, `min` and `max` are the values.
        """
        params = {"name": list(names) or None, "max_points": max_points, "from_step": from_step, "to_step": to_step}
        answer = self._transport.get_bytes(f"{self._path}/metrics", {**params, "format": "safetensors"})
        if answer.headers.get("content-type") != MEDIA_TYPE:
            raise RequestRejected(
                answer.status_code, "server_older", "The server is older than this client: it tells points in another form.",
                "Update Gladius where the server runs and restart it, or use a client of its version.",
            )  # fmt: skip
        series = series_of(answer.content)
        if frame is not False:
            try:
                return as_frame(series)
            except ImportError:
                if frame:
                    raise
        return as_lists(series)

    def events(
        self, stream: Stream = "trainer", after_seq: int = -1, types: list[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the events of one stream that the server has now, oldest first."""
        more = True
        while more:
            params = {"stream": stream, "after_seq": after_seq, "type": types}
            page = EventsAnswer.model_validate(self._transport.get(f"{self._path}/events", params))
            yield from page.events
            after_seq, more = page.cursor, page.more

    def console(self, offset: int = 0, limit: int | None = None) -> bytes:
        """Raw output: `limit` bytes from `offset` (negative: from the end), or all there is."""
        data = b""
        while limit is None or len(data) < limit:
            size = _CHUNK if limit is None else min(_CHUNK, limit - len(data))
            answer = self._transport.get_bytes(f"{self._path}/console", {"offset": offset, "limit": size})
            if not answer.content:
                break
            data += answer.content
            range_ = answer.headers["content-range"].removeprefix("bytes ")
            place, _, total = range_.partition("/")
            offset = int(place.partition("-")[2]) + 1
            if offset >= int(total):
                break
        return data

    def search(self, text: str, regex: bool = False, limit: int = 100) -> list[SearchHit]:
        """Lines of the output that hold `text`."""
        params = {"q": text, "regex": regex, "limit": limit}
        return [SearchHit.model_validate(hit) for hit in self._transport.get(f"{self._path}/console/search", params)]

    def system(self) -> list[SystemSample]:
        """Machine samples, oldest first."""
        return [SystemSample.model_validate(one) for one in self._transport.get(f"{self._path}/system")["samples"]]

    def config(self) -> ConfigAnswer:
        """The effective configuration of the newest attempt."""
        return ConfigAnswer.model_validate(self._transport.get(f"{self._path}/config"))

    def report(self, markdown: bool = False) -> Any:
        """The report of the last ended attempt: a dict, or Markdown."""
        answer = self._transport.get_bytes(f"{self._path}/report", {"format": "md" if markdown else "json"})
        return answer.text if markdown else answer.json()

    def export(
        self, format: ExportFormat = "csv", path: str | os.PathLike[str] | None = None, force: bool = False
    ) -> Path:
        """Download the whole run and return the file: every point, in full precision.

        Args:
            format: `csv` (a row for each step), `json`, `zip` (everything there is), or `log` (the output alone).
            path: a file, or a folder for a file that the server names; default the current folder.
            force: replace a file that is there. Without it, FileExistsError is raised.

        """
        with self._transport.stream(f"{self._path}/export", {"format": format}) as answer:
            return save(answer, Path(path or "."), force)

    def tensorboard(self) -> str:
        """Start TensorBoard on the run, or find it, and return its URL; a browser that is signed in can open it."""
        import httpx

        url = httpx.URL(self._transport.url)
        return str(url.join(str(self._transport.post(f"{self._path}/tensorboard", {})["url"])))

    def wait(self, timeout: float | None = None) -> RunSummary:
        """Wait until the run has ended and return its summary; raises TimeoutError."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            summary = self.summary()
            if summary.finished_at is not None or summary.state in ("lost", "unknown"):
                return summary
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} is still {summary.state}")
            time.sleep(_LATEST_POLL_S)
