"""Keep the half-full log window of a Trainer in its checkpoints. Upstream: a save. Downstream: the resumed Trainer.

A Trainer logs the mean loss since its last log, and forgets what it has summed up when it is resumed. Every number is
written as `float.hex`, so that the resumed run logs the same loss to the last bit.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Mapping, NamedTuple, Optional

FILE = "gladius_trainer.json"


class Window(NamedTuple):
    """The summed loss since `since_step`, at `step`; `due`: the log of this very step comes after the save."""

    step: int
    since_step: int
    loss: float
    due: bool
    live: Mapping[str, Any]
    """What a person changed and no other file of the checkpoint holds."""


def write(trainer: Any, folder: Path, live: Mapping[str, Any]) -> None:
    """Write the window beside the weights. Raises OSError."""
    facts: Dict[str, Any] = {"step": trainer.state.global_step, "live": dict(live)}
    if hasattr(trainer, "_tr_loss"):  # before transformers 5 the sum is a local variable that nobody can reach
        facts["window"] = {
            "since_step": trainer._globalstep_last_logged,
            "loss": float(trainer._tr_loss).hex(),
            "due": bool(trainer.control.should_log),
        }
    (folder / FILE).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def read(folder: Path) -> Optional[Window]:
    """Return what `write` left; None where there is none, or none that can be read."""
    try:
        facts = json.loads((folder / FILE).read_text(encoding="utf-8"))
        window = facts.get("window") or {"since_step": facts["step"], "loss": "0x0p+0", "due": False}
        loss = float.fromhex(window["loss"])
        return Window(int(facts["step"]), int(window["since_step"]), loss, bool(window["due"]), dict(facts["live"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def restore(trainer: Any, window: Window) -> None:
    """Go on summing where the checkpoint was saved; called when the Trainer has begun with an empty window."""
    if window.due or not hasattr(trainer, "_tr_loss") or window.step != trainer.state.global_step:
        return  # the log of that step was, or will be, written by whoever saved: the window begins anew
    trainer._tr_loss.fill_(window.loss)
    trainer._globalstep_last_logged = window.since_step
    # The summary's mean is over the steps of this process alone, so what came before is taken off again.
    trainer._total_loss_scalar -= float(trainer._tr_loss)
