"""Let the processes of one job take every decision together. Upstream: steering, on rank 0. Downstream: each rank's functions.

Rank 0 alone reads the mailbox. At the end of each step it says one word to the others; when there is something to do it
says what, every rank does its part, and nobody trains on before all have answered. So each decision falls at one step on
all ranks, wherever each of them was when the command came, and rank 0 calls nothing done that another could not do.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from pathlib import Path
from typing import Any, Callable, Deque, Dict, List, Mapping, Optional, Protocol, Sequence, Tuple, TypeVar

from gladius.errors import CommandInvalid, RankFailed, RankLost, RanksApart
from gladius.pulse.adjust import Adjustables
from gladius.pulse.control import Command
from gladius.pulse.identity import Identity
from gladius.pulse.randomness import preserved

Result = TypeVar("Result")

GO_ON, ACT, HOLD, STOP, STOP_UNSAVED, RELEASE = range(6)
"""What rank 0 says: train on; do what follows; still held; end the loop, with or without a checkpoint; leave to be resumed."""

_ALONE_S = 30.0
_COMMUNICATION = (
    "closed by peer", "reset by peer", "Broken pipe", "Connection refused", "NCCL", "timed out", "Timed out",
    "Socket", "socket", "gloo",
)  # fmt: skip


class Ranks(Protocol):
    """How the processes of a job talk. Each call waits for all; RankLost is raised where one no longer answers."""

    rank: int
    size: int
    members: List[Identity]

    def signal(self, step: int, word: int) -> Tuple[int, int]:
        """Hear rank 0's step and word; what others give is not looked at. Said at each step, so it must cost little."""

    def share(self, value: Any) -> Any:
        """Return rank 0's value on every rank."""

    def gather(self, value: Any) -> List[Any]:
        """Return the values of all ranks, by rank, on every rank."""

    def gone(self) -> List[str]:
        """The ranks whose process has ended, in words, as far as that can be seen from this machine."""


def alone(_act: str, own: Callable[[], Result], **_facts: Any) -> Result:
    """What `Conductor.act` is in a job of one process."""
    return own()


class Conductor:
    """Rank 0's side: what it decides, all do."""

    def __init__(self, ranks: Ranks) -> None:
        self.step = -1
        self._ranks = ranks

    def act(self, act: str, own: Callable[[], Result], **facts: Any) -> Result:
        """Carry out `own` while each other rank does its part of `act`; returns when all have.

        Raises what `own` raises, else RankFailed where another rank could not.
        """
        self._ranks.signal(self.step, ACT)
        self._ranks.share({"act": act, **facts})
        result: Any = None
        failure: Optional[Exception] = None
        try:
            result = own()
        except RankLost:
            raise
        except Exception as error:  # noqa: BLE001
            # The script's own function: the others must hear of it before anybody goes on.
            failure = error
        problems = self._ranks.gather(None if failure is None else str(failure))
        if failure is not None:
            raise failure
        failed = [(rank, problem) for rank, problem in enumerate(problems) if problem is not None]
        if failed:
            raise RankFailed(*failed[0])
        return result  # type: ignore[no-any-return]

    def hold(self) -> None:
        """Say that the hold goes on, which also finds out who is gone."""
        self._ranks.signal(self.step, HOLD)

    def close(self, word: int) -> None:
        """Say the step's last word."""
        self._ranks.signal(self.step, word)


class Follower:
    """Another rank's side: it does what rank 0 decided, with the functions that its own script gave."""

    def __init__(self, ranks: Ranks, handlers: Mapping[str, Callable[..., Any]], adjustables: Adjustables) -> None:
        self.should_stop = False
        self.stop_checkpoint = True
        self.released = False
        self.accepted: Deque[Command] = deque()
        self._asked_to_go: Optional[float] = None
        self._ranks = ranks
        self._handlers = handlers
        self._adjustables = adjustables

    def follow(self, step: int) -> None:
        """At the end of `step`: do what is asked until rank 0 says how it goes on."""
        self._leave_if_left_behind()
        word = ACT
        while word in (ACT, HOLD):
            their_step, word = self._ranks.signal(step, GO_ON)
            if their_step != step:
                raise RanksApart(self._ranks.rank, step, their_step)
            if word == ACT:
                self._perform(self._ranks.share(None))
        self.should_stop = word != GO_ON
        self.stop_checkpoint = word in (GO_ON, STOP)
        self.released = word == RELEASE

    def _perform(self, order: Dict[str, Any]) -> None:
        problem: Optional[str] = None
        try:
            with preserved():
                self._do(order)
        except RankLost:
            raise
        except Exception as error:  # noqa: BLE001
            # The script's own function: rank 0 hears of it and decides.
            problem = str(error) or type(error).__name__
        self._ranks.gather(problem)

    def _do(self, order: Dict[str, Any]) -> None:
        act = order["act"]
        if act == "set":
            self._adjustables.give(order["name"], order["value"])
        elif act in self._handlers:
            handler = self._handlers[act]
            if "folder" in order:
                handler(Path(order["folder"]))
            elif "split" in order:
                handler(order["split"])
            else:
                handler()
        elif act != "hold":
            raise CommandInvalid(f"it was given no function for {act}", "Let every rank call run.on.")

    def _leave_if_left_behind(self) -> None:
        """A signal that asks for the machine is obeyed by all together; one that this rank alone got ends it in the end."""
        if not self.accepted:
            return
        now = time.monotonic()
        self._asked_to_go = self._asked_to_go or now
        if now - self._asked_to_go > _ALONE_S:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)


def explained(error: BaseException, ranks: Optional[Ranks]) -> BaseException:
    """Name the rank whose end another rank felt: a collective operation of the training itself only says that it broke."""
    if ranks is None or isinstance(error, RankLost) or not isinstance(error, Exception):
        return error
    if not any(word in str(error) for word in _COMMUNICATION):
        return error
    gone = ranks.gone()
    if not gone:
        return error
    lost = RankLost(gone, _first_line(error))
    lost.__cause__ = error
    return lost


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def places(members: Sequence[Tuple[int, str, int]]) -> List[str]:
    """Words for (rank, host, pid)."""
    return [f"rank {rank} (pid {pid} on {host})" for rank, host, pid in members]
