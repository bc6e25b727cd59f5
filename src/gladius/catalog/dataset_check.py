"""Read a dataset through: how many records, which format, what is wrong where. Upstream: records. Downstream: datasets, cli.

`python -m gladius.catalog.dataset_check PATH` prints the report as JSON; it ends when nobody holds its stdin any more.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gladius.errors import BadRecord
from gladius.integrations.record_files import Flaw, Row, kind_of, parts, rows
from gladius.integrations.records import detect, to_messages
from gladius.wire.datasets import DatasetReport, Finding

MOST_FINDINGS = 100
"""So many are told with their lines; all are counted."""
MOST_REMEMBERED = 500_000
"""Doubles are looked for among so many records: 100 bytes of memory each."""
LONG = 1_000_000
"""Characters beyond which a record is likely to be a mistake."""

_NO_RECORDS = {
    "jsonl": "Each line is one JSON object.",
    "json": "A .json file is a list of objects: [{...}, {...}].",
    "csv": "The first line names the columns, each further one is a record.",
}


def check(path: Path, most: int | None = None) -> DatasetReport:
    """Read every record, or the first `most`, as a trainer would. Never raises for what is in the file; a file that
    cannot be read is told.
    """
    found = _Reading(path)
    try:
        found.read(most)
    except OSError as error:
        found.tell(0, "unreadable", error.strerror or "not readable", "Make the file readable.")
    return found.report()


class _Reading:
    """One dataset on its way through; `part` is the file that is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path
        self._records = 0
        self._formats: set[str] = set()
        self._findings: list[Finding] = []
        self._counts: Counter[str] = Counter()
        self._errors = 0
        self._problem: str | None = None
        self._seen: dict[bytes, tuple[Path, int]] = {}

    def read(self, most: int | None) -> None:
        for row in itertools.islice(self._rows(), most):
            self._look_at(row)
        if not self._records and not self._counts:
            self._part = self._path
            hint = _NO_RECORDS.get(kind_of(self._path), "Write one record a line.")
            self.tell(0, "no_records", "no records", hint)
            self._problem = f"{self._path} holds no records. {hint}"

    def _rows(self) -> Iterator[Row]:
        for part in parts(self._path):
            self._part = part
            yield from rows(part)

    def _look_at(self, row: Row) -> None:
        if row.record is None:
            self.tell(row.line, *(row.flaw or Flaw("not_object", "not a JSON object", "")))
            return
        try:
            turns = to_messages(row.record, "auto", self._part, row.line)
        except BadRecord as error:
            self.tell(row.line, error.kind, error.problem, error.hint)
            return
        self._records += 1
        self._formats.add(str(detect(row.record)))
        length = sum(len(turn["content"]) for turn in turns)
        if length > LONG:
            told = f"{length:,} characters in one record"
            self.tell(row.line, "long_record", told, "Cut it: a trainer takes its beginning only.", "warning")
        self._look_for_double(row.line, row.record)

    def _look_for_double(self, line: int, record: dict[str, Any]) -> None:
        if len(self._seen) >= MOST_REMEMBERED:
            return
        text = json.dumps(record, sort_keys=True, ensure_ascii=True, default=str)
        digest = hashlib.blake2b(text.encode("ascii"), digest_size=12).digest()
        file, first = self._seen.setdefault(digest, (self._part, line))
        if (file, first) != (self._part, line):
            told = f"the same record as line {first}"
            told = told if file == self._part else f"the same record as line {first} of {file.name}"
            self.tell(line, "duplicate", told, "Leave one of the two.", "warning")

    def tell(self, line: int, kind: str, problem: str, hint: str, severity: str = "error") -> None:
        """Keep one finding, or only count it."""
        self._counts[kind] += 1
        if severity == "error":
            self._errors += 1
            self._problem = self._problem or str(BadRecord(self._part, line, problem, hint))
        # Warnings leave room for what keeps the dataset from being used.
        if len(self._findings) < (MOST_FINDINGS if severity == "error" else MOST_FINDINGS // 2):
            file = str(self._part) if self._part != self._path else None
            finding = {"line": line or None, "kind": kind, "severity": severity, "problem": problem, "hint": hint}
            self._findings.append(Finding.model_validate({**finding, "file": file}))

    def report(self) -> DatasetReport:
        """All that was seen."""
        found = "unknown" if not self._formats else self._formats.pop() if len(self._formats) == 1 else "mixed"
        return DatasetReport(
            path=str(self._path), format=found, records=self._records, problem=self._problem, findings=self._findings,
            counts=dict(self._counts), total=sum(self._counts.values()), errors=self._errors,
        )  # fmt: skip


def main() -> None:
    """Read one dataset, with less right to the processor than those who train or watch."""
    os.nice(10)
    threading.Thread(target=_end_with_the_asker, daemon=True).start()
    sys.stdout.write(check(Path(sys.argv[1])).model_dump_json())


def _end_with_the_asker() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
