"""Everything of a run in one ZIP, made while it is sent. Upstream: the run's files, table, document. Downstream: the person."""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gladius.exchange.document import json_chunks
from gladius.exchange.rows import Survey, blocks, size_of
from gladius.exchange.table import csv_chunks
from gladius.pulse.plain_file import read_bytes
from gladius.store.record import load_yaml
from gladius.wire.runs import RunRecord

_LEVEL = 3
"""A gigabyte of log is packed in seconds; a higher level saves little of text and takes minutes."""

_README = """# {name}

Run `{run_id}`, {state}, exported from Gladius {version} on {date} (UTC).

| file | what it is |
|---|---|
{table}

- `metrics.csv`: empty cells were not logged at that step. `superseded_by` is empty for what counts; else it is the
  attempt that went back and trained that step again. In pandas: `df = df[df.superseded_by.isna()]`.
  `time` is in Unix seconds, of the first number of its row.
- `metrics.json`: NaN, Infinity and -Infinity are text, since JSON has no such numbers.
- `sha256sum -c SHA256SUMS` checks that all files are whole.
"""


@dataclass(frozen=True)
class Entry:
    """One file of the archive."""

    name: str
    what: str
    chunks: Callable[[], Iterator[bytes]]


def zip_chunks(found: Survey, record: RunRecord) -> Iterator[bytes]:
    """Yield the archive piece by piece."""
    sink = _Sink()
    sums: dict[str, str] = {}
    entries = entries_of(found, record)
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for entry in entries:
            digest = hashlib.sha256()
            with archive.open(_info(entry.name), "w", force_zip64=True) as file:
                for chunk in entry.chunks():
                    digest.update(chunk)
                    file.write(chunk)
                    if sink.size:
                        yield sink.take()
            sums[entry.name] = digest.hexdigest()
        readme = _readme(record, entries).encode()
        sums["README.md"] = hashlib.sha256(readme).hexdigest()
        archive.writestr(_info("README.md"), readme)
        archive.writestr(_info("SHA256SUMS"), "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))
    yield sink.take()


def entries_of(found: Survey, record: RunRecord) -> list[Entry]:
    """What the archive will hold; a file that the run does not have is not in it."""
    run = found.directory
    entries = [
        Entry(
            "metrics.csv", f"Every point of {len(found.names)} metrics, a row for each step", lambda: csv_chunks(found)
        ),
        Entry("metrics.json", "The same with everything known of the run", lambda: json_chunks(found, record)),
    ]
    config = _config(found, record)
    if config is not None:
        entries.append(Entry("config.yaml", "The configuration of its newest attempt", lambda: iter([config])))
    for path, what in ((run.report_md, "What it did, for people"), (run.report_json, "What it did, for programs")):
        if size_of(path):
            entries.append(Entry(path.name, what, lambda path=path: iter([read_bytes(path)])))  # type: ignore[misc]
    for path, what in (
        (run.events, "The trainer's own record, as written"),
        (run.supervisor_events, "The supervisor's record, as written"),
        (run.console_log, "Its output, as written"),
    ):
        if not path.is_symlink() and path.is_file():
            entries.append(Entry(path.name, what, lambda path=path: blocks(path, found.ends[path])))  # type: ignore[misc]
    return entries


def _config(found: Survey, record: RunRecord) -> bytes | None:
    """The file of the newest attempt with its comments; where there was none, what the trainer said of its settings."""
    path = found.directory.attempt_config(record.summary.attempt)
    root = found.directory.root
    if not path.is_symlink() and path.is_file() and load_yaml(path, root):
        return read_bytes(path, root)
    if not record.config:
        return None
    from gladius import yaml_text

    return yaml_text.dump(record.config).encode()


def _readme(record: RunRecord, entries: list[Entry]) -> str:
    import gladius

    return _README.format(
        name=record.summary.name,
        run_id=record.summary.run_id,
        state=record.summary.state.replace("_", " "),
        version=gladius.__version__,
        date=time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()),
        table="\n".join(f"| `{entry.name}` | {entry.what} |" for entry in entries),
    )


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, time.localtime()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o100644 << 16
    return info


class _Sink(io.RawIOBase):
    """Where the archive is written to: what waits there is sent, then forgotten. It cannot seek, so ZIP streams."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        self.size += len(part)
        return len(part)

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts, self.size = [], 0
        return data
