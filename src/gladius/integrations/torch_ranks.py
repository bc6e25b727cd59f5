"""Join the processes of a torch.distributed job. Upstream: the script, TorchLoop, the Trainer. Downstream: pulse's crew.

Everything goes over a process group of our own, gloo on the CPU, so that nothing waits for a device or gets between the
training's own operations. A hold may last: its time-out is a month.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, List, Tuple

import torch
import torch.distributed as dist

from gladius.errors import RankLost
from gladius.pulse.crew import places
from gladius.pulse.identity import Identity
from gladius.pulse.reporter import Run

_LONGEST = timedelta(days=30)
_EXITING_S = 3.0
"""How long the end of a process may come behind the end of its connections."""


def join(run: Run) -> Run:
    """Steer all processes of this job as one; returns the run. For one process it does nothing.

        dist.init_process_group("gloo")
        with join(gladius.start(total_epochs=3)) as run:
            run.on("checkpoint", save)          # on every rank: each is called at the same step
            for step, batch in run.steps(loader): ...

    Call it on every rank, after torch.distributed has begun and before anything is asked of the run. From then on each
    rank calls `steps` (or `boundary`) for the same steps; functions for checkpoint and validate are called on all of
    them, and may use collective operations; what they return counts on rank 0.
    """
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1 and run.ranks is None:
        run.join(TorchRanks())
    return run


class TorchRanks:
    """All processes of the job, in a gloo group of their own. Made on every rank at once."""

    def __init__(self) -> None:
        self.rank: int = dist.get_rank()
        self.size: int = dist.get_world_size()
        self.members: List[Identity] = []
        self._group = dist.new_group(backend="gloo", timeout=_LONGEST)
        self.members = [Identity.from_dict(one) or Identity.current() for one in self.gather(self._me())]

    def signal(self, step: int, word: int) -> Tuple[int, int]:
        """Hear rank 0's step and word; 0.1 ms where the ranks are at the same step."""
        said = torch.tensor((step, word), dtype=torch.int64)
        try:
            dist.broadcast(said, 0, group=self._group)
        except RuntimeError as error:
            raise self._lost(error) from error
        their_step, their_word = said.tolist()
        return their_step, their_word

    def share(self, value: Any) -> Any:
        """Return rank 0's value on every rank."""
        box = [value]
        try:
            dist.broadcast_object_list(box, 0, group=self._group, device=torch.device("cpu"))
        except RuntimeError as error:
            raise self._lost(error) from error
        return box[0]

    def gather(self, value: Any) -> List[Any]:
        """Return the values of all ranks, by rank, on every rank."""
        values: List[Any] = [None] * self.size
        try:
            dist.all_gather_object(values, value, group=self._group)
        except RuntimeError as error:
            raise self._lost(error) from error
        return values

    def gone(self) -> List[str]:
        """The ranks of this machine whose process has ended, in words."""
        deadline = time.monotonic() + _EXITING_S
        while True:
            ended = [
                (rank, member.host, member.pid) for rank, member in enumerate(self.members) if member.alive() is False
            ]
            if ended or time.monotonic() > deadline:
                return places(ended)
            time.sleep(0.05)

    def _lost(self, error: RuntimeError) -> RankLost:
        return RankLost(self.gone(), (str(error) or type(error).__name__).splitlines()[0])

    @staticmethod
    def _me() -> Any:
        return Identity.current().as_dict()
