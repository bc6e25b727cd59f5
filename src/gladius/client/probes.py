"""The client's calls about probes: a few measured steps of a run that is not started. Upstream: transport. Downstream: client."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from gladius.client.transport import Transport
from gladius.wire.probe import ProbeAnswer

_POLL_S = 0.2
_GOES_ON = ("preparing", "running")


def chosen(
    profile_id: str,
    dataset_id: str | None,
    epochs: float | None,
    overrides: Mapping[str, Any] | None,
    preset: str | None,
) -> dict[str, Any]:
    """What a start, a check and a probe are asked with."""
    return {
        "profile_id": profile_id, "dataset_id": dataset_id, "epochs": epochs, "overrides": dict(overrides or {}),
        "preset_id": preset,
    }  # fmt: skip


class ProbeCalls:
    """Probes."""

    _transport: Transport

    def probe(
        self,
        profile_id: str,
        dataset_id: str | None = None,
        epochs: float | None = None,
        overrides: Mapping[str, Any] | None = None,
        preset: str | None = None,
        limit_s: float | None = None,
        progress: Callable[[ProbeAnswer], None] | None = None,
    ) -> ProbeAnswer:
        """Take three steps of such a run and return what was measured; nothing of it is left.

        `progress` is called with each answer on the way; whatever leaves this call before its end (Ctrl+C) cancels the
        probe. RequestRejected says that the machine is full, or why such a run cannot start.
        """
        body = chosen(profile_id, dataset_id, epochs, overrides, preset)
        found = ProbeAnswer.model_validate(self._transport.post("/runs/probe", body, {"limit_s": limit_s}))
        try:
            while found.state in _GOES_ON:
                if progress is not None:
                    progress(found)
                time.sleep(_POLL_S)
                found = self.probe_answer(found.probe_id)
        finally:
            if found.state in _GOES_ON:
                self.cancel_probe(found.probe_id)
        return found

    def probe_answer(self, probe_id: str) -> ProbeAnswer:
        """How far a probe is, or what came of it."""
        return ProbeAnswer.model_validate(self._transport.get(_of(probe_id)))

    def cancel_probe(self, probe_id: str) -> ProbeAnswer:
        """End a probe and wait until nothing of it is left; one that has ended stays as it is."""
        return ProbeAnswer.model_validate(self._transport.request("DELETE", _of(probe_id)).json())


def _of(probe_id: str) -> str:
    return f"/runs/probe/{quote(probe_id, safe='')}"
