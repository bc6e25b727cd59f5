"""Who told a run what, when, and what became of it: for export. Upstream: desk. Downstream: server."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from gladius.wire.runs import CommandRecord

COLUMNS = (
    "command_id", "time", "issued_by", "attempt", "command", "args", "state", "step", "accepted_at", "answered_at", "detail",
)  # fmt: skip


def as_jsonl(records: Sequence[CommandRecord]) -> str:
    """One command a line, with its acks."""
    return "".join(record.model_dump_json() + "\n" for record in records)


def as_csv(records: Sequence[CommandRecord]) -> str:
    """One command a line; times are Unix seconds, `args` is JSON, what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for record in records:
        accepted = next((ack.time for ack in record.acks if ack.state == "accepted"), None)
        answered = next((ack.time for ack in record.acks if ack.state != "accepted"), None)
        cells = (
            record.command_id, record.issued_at, record.issued_by, record.attempt, record.command,
            json.dumps(record.args, sort_keys=True), record.state, record.step, accepted, answered, record.detail,
        )  # fmt: skip
        writer.writerow(["" if cell is None else _harmless(cell) for cell in cells])
    return text.getvalue()


def _harmless(cell: object) -> object:
    """A text that a spreadsheet would take for a formula gets a quote in front."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell
