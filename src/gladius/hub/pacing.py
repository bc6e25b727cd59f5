"""How often a client may be told: at once, then at most 30 times a second. Upstream: nothing. Downstream: feed."""

from __future__ import annotations

RATE = 28.0
BURST = 2.0
"""A bucket of 2 refilled at 28 a second passes at most 30 in any second, and lets a small burst through at once."""


class Bucket:
    """A token bucket on a monotonic clock."""

    def __init__(self, rate: float = RATE, burst: float = BURST) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = 0.0
        self.not_before = 0.0
        """When the next token is there, once one was refused."""

    def take(self, now: float) -> bool:
        """Take a token if there is one; else `not_before` says when there will be."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1.0 - 1e-9:
            self._tokens -= 1.0
            return True
        self.not_before = now + (1.0 - self._tokens) / self._rate
        return False
