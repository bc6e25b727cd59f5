"""Wrong tries slow those down who make them, and nobody else. Upstream: login. Downstream: login.

Three limits, each with a wait that doubles: of one name from one address, of one address, of one name. The wide two spare
who has signed in by this name from this address before, so that a stranger's tries at a name lock nobody out of it.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator

LONGEST_WAIT_S = 60.0
_FREE = {"pair": 5, "address": 30, "name": 30}
_FORGOTTEN_S = 900.0
_MOST = 10_000

Key = tuple[str, str, str]


class Throttle:
    """In memory: a restart forgives. At most so many keys are kept, the longest unused go first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[Key, tuple[int, float]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait(self, address: str, name: str) -> int:
        """Whole seconds after which a try is looked at; 0 is now. Asking again does not lengthen it."""
        now = self._clock()
        return math.ceil(max(0.0, *(self._until(key) - now for key in self._keys(address, name))))

    def failed(self, address: str, name: str) -> None:
        """Count a wrong try."""
        now = self._clock()
        for key in self._keys(address, name):
            count, last = self._wrong.pop(key, (0, now))
            self._wrong[key] = (1 if now - last > _FORGOTTEN_S else count + 1, now)
        while len(self._wrong) > _MOST:
            self._wrong.popitem(last=False)

    def succeeded(self, address: str, name: str) -> None:
        """Forget the wrong tries of this name from here, and remember that it belongs here."""
        for key in list(self._keys(address, name)):
            # The try was counted before it was looked at; what is right is no wrong one of this address or name.
            count, last = self._wrong.pop(key, (0, 0.0))
            if key[0] != "pair" and count > 1:
                self._wrong[key] = (count - 1, last)
        self._known.pop((address, name), None)
        self._known[address, name] = None
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def _keys(self, address: str, name: str) -> Iterator[Key]:
        yield "pair", address, name
        if (address, name) not in self._known:
            yield "address", address, ""
            yield "name", "", name

    def _until(self, key: Key) -> float:
        count, last = self._wrong.get(key, (0, 0.0))
        beyond = count - _FREE[key[0]]
        return -math.inf if beyond < 0 else last + min(LONGEST_WAIT_S, 2.0 ** min(beyond, 10))
