"""Ended trainings and deleted runs, over the API. Upstream: transport. Downstream: client."""

from __future__ import annotations

from urllib.parse import quote

from gladius.client.transport import Transport
from gladius.wire.runs import HistoryEntry, RunSummary, TrashedRun


class History:
    """What a client can ask of the past."""

    _transport: Transport

    def history(self, limit: int = 10) -> list[HistoryEntry]:
        """Ended trainings, newest first."""
        return [HistoryEntry.model_validate(entry) for entry in self._transport.get("/history", {"limit": limit})]

    def deleted_runs(self) -> list[TrashedRun]:
        """The runs in the trash, last deleted first."""
        return [TrashedRun.model_validate(one) for one in self._transport.get("/trash")]

    def restore_run(self, entry: str) -> RunSummary:
        """Put a deleted run back; RequestRejected where a run of its id is there by now."""
        return RunSummary.model_validate(self._transport.post(f"{_entry(entry)}/restore", {}))

    def remove_for_good(self, entry: str) -> None:
        """Remove a deleted run from the server's disk. Nothing brings it back."""
        self._transport.request("DELETE", _entry(entry))


def _entry(entry: str) -> str:
    return f"/trash/{quote(entry, safe='')}"
