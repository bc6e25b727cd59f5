"""The base of every wire model and the number type of PULSE. Upstream: pulse. Downstream: the other wire modules.

In this room annotations are values, not texts (no `annotations` of the future): pydantic would compile each text again. An
empty list is a default as it is, which pydantic copies: of the factory `list` it reads the signature with Python's tokenizer.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

NonFinite = Literal["NaN", "Infinity", "-Infinity"]
"""How a number that JSON cannot say travels (the proto3 JSON mapping)."""

Number = float | NonFinite

State = Literal[
    "queued", "preparing", "running", "paused", "validating", "checkpointing", "stopping", "released",
    "done", "error", "cancelled", "killed", "out_of_memory", "lost", "unknown",
]  # fmt: skip
"""The effective state of a run: the trainer's own states plus what only an observer can say."""

TERMINAL_STATES: frozenset[str] = frozenset(
    {"done", "error", "cancelled", "killed", "out_of_memory", "lost", "unknown"}
)


LATER = ConfigDict(defer_build=True)
"""Validators are built when they are first used: a verb of the command line uses a few of two hundred."""


class Wire(BaseModel):
    """A message part. Unknown keys are skipped, so that old readers survive new writers."""

    model_config = ConfigDict(extra="ignore", frozen=True, ser_json_inf_nan="strings", **LATER)


class Body(Wire):
    """What a client sends: an unknown key is a mistake."""

    model_config = ConfigDict(extra="forbid")
