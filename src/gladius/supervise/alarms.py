"""Warn once when a run is about to fill its disk. Upstream: machine samples. Downstream: `alert` events of the supervisor."""

from __future__ import annotations

from typing import Any

CONSOLE_LIMIT_BYTES = 1 << 30
LEAST_FREE_SHARE = 0.05


class Alarms:
    """Each alarm rings when its condition begins, and again only after it has ended."""

    def __init__(self) -> None:
        self._ringing: set[str] = set()

    def of(self, sample: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the payloads of the alerts that a `system` sample newly gives reason for."""
        disk = sample["disk"]
        free = (disk["total"] - disk["used"]) / disk["total"] if disk["total"] else 1.0
        console = sample["console_bytes"]
        return [
            *self._ring(
                "console_log_large", console >= CONSOLE_LIMIT_BYTES, console, CONSOLE_LIMIT_BYTES,
                f"console.log has {console / 1e9:.1f} GB; it is never cut",
            ),
            *self._ring(
                "disk_nearly_full", free <= LEAST_FREE_SHARE, round(free, 4), LEAST_FREE_SHARE,
                f"only {free:.1%} of the disk is free; checkpoints and logs may fail",
            ),
        ]  # fmt: skip

    def _ring(self, code: str, wrong: bool, value: float, threshold: float, message: str) -> list[dict[str, Any]]:
        if not wrong:
            self._ringing.discard(code)
            return []
        if code in self._ringing:
            return []
        self._ringing.add(code)
        return [{"level": "warning", "code": code, "message": message, "value": value, "threshold": threshold}]
