"""Keep in a checkpoint what a Trainer forgets when it is resumed. Upstream: a save. Downstream: the resumed Trainer.

Three things: the loss (with TRL also entropy, accuracy and the like) summed up since its last log; the random state from
which the epoch's order was drawn, where it comes from the global one (a checkpoint from the middle of an epoch holds a later
state); and what a person changed live. Every number is written as `float.hex`, so that the resumed run logs the same loss
to the last bit.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Dict, Mapping, NamedTuple, Optional

from gladius.integrations import trl_trainers

FILE = "gladius_trainer.json"


def file_of(rank: int) -> str:
    """The name of one rank's file: each sums up a loss of its own."""
    return FILE if rank == 0 else "gladius_trainer_{}.json".format(rank)


class Memory(NamedTuple):
    """The loss summed up since step `since`, at `step`; `due`: the log of this very step comes after the save."""

    step: int
    since: int
    loss: float
    due: bool
    epoch_random: Optional[str]
    live: Mapping[str, Any]
    trl: Mapping[str, Any] = {}

    @property
    def mean_loss(self) -> float:
        """What the Trainer logs at this step when it is due: its own formula."""
        return self.loss / max(1, self.step - self.since)


def write(trainer: Any, folder: Path, live: Mapping[str, Any], epoch_random: Optional[str]) -> None:
    """Write the memory beside the weights. Raises OSError."""
    facts: Dict[str, Any] = {"step": trainer.state.global_step, "live": dict(live), "epoch_random": epoch_random}
    if hasattr(trainer, "_tr_loss"):  # before transformers 5 the sum is a local variable that nobody can reach
        facts["since"] = trainer._globalstep_last_logged
        facts["loss"] = float(trainer._tr_loss).hex()
        facts["due"] = bool(trainer.control.should_log)
    trl = trl_trainers.window(trainer)
    if trl:
        facts["trl"] = trl
    (folder / file_of(trainer.args.process_index)).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def mean_loss(memory: Memory, folder: Path, ranks: int) -> float:
    """What the Trainer would have logged: the mean of all ranks."""
    others = [read(folder, rank) for rank in range(1, ranks)]
    all_ = [memory, *(one for one in others if one is not None)]
    return sum(one.mean_loss for one in all_) / len(all_)


def read(folder: Path, rank: int = 0) -> Optional[Memory]:
    """Return what `write` left; None where there is none, or none that can be read."""
    try:
        facts = json.loads((folder / file_of(rank)).read_text(encoding="utf-8"))
        step = int(facts["step"])
        loss = float.fromhex(facts.get("loss", "0x0p+0"))
        since, due = int(facts.get("since", step)), bool(facts.get("due", False))
        return Memory(step, since, loss, due, facts["epoch_random"], dict(facts["live"]), dict(facts.get("trl", {})))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def restore_window(trainer: Any, memory: Memory) -> None:
    """Go on summing where the checkpoint was saved; called when the Trainer has begun with an empty window."""
    if memory.step != trainer.state.global_step:
        return
    trl_trainers.restore_window(trainer, memory.trl, memory.due)
    if memory.due or not hasattr(trainer, "_tr_loss"):
        return  # the log of that step closed the window
    trainer._tr_loss.fill_(memory.loss)
    trainer._globalstep_last_logged = memory.since
    # The summary's mean is over the steps of this process alone, so what came before is taken off again.
    trainer._total_loss_scalar -= float(trainer._tr_loss)


def random_state() -> str:
    """The state of torch's own generator, from which samplers and loaders draw, as text."""
    import torch

    return base64.b64encode(torch.get_rng_state().numpy().tobytes()).decode("ascii")


def set_random_state(text: str) -> None:
    """Set what `random_state` returned. Raises ValueError, RuntimeError for a text that is none."""
    import torch

    torch.set_rng_state(torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8))
