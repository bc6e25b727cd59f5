"""How often a client may be told: at once, then at most 30 times a second. Upstream: nothing. Downstream: subscription."""

from __future__ import annotations

RATE = 27.0
BURST = 3.0
"""A bucket of 3 refilled at 27 a second passes at most 30 in any second, and lets a small burst through at once."""


class Bucket:
    """A token bucket on a monotonic clock."""

    def __init__(self, rate: float = RATE, burst: float = BURST) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = 0.0

    def take(self, now: float) -> float:
        """Take a token and return 0.0, or return how many seconds to wait for one."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate
