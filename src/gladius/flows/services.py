"""What a flow may do in the house, as the rooms beside it offer it. Upstream: server. Downstream: steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Token:
    """Which try of which step asks: written into the run's run.json, so that it is found again and never started twice."""

    flow_run_id: str
    step: str
    number: int

    @property
    def source(self) -> str:
        """As the request to start a run carries it, see `launch.origin`."""
        return f"flow:{self.flow_run_id}/{self.step}/{self.number}"


@dataclass(frozen=True)
class TrainingEnd:
    """How a training ended, and what it came to."""

    state: str
    cause: str | None = None
    loss: Any = None
    eval_loss: Any = None
    checkpoint: str | None = None


@dataclass(frozen=True)
class Indexing:
    """How far the indexing of a folder is; `problem` says why it ended without a dataset."""

    ended: bool
    dataset_id: str | None = None
    problem: str | None = None
    documents: int | None = None
    records: int | None = None


@dataclass(frozen=True)
class Health:
    """Whether the machine is fit to train; `problems` is empty when it is."""

    free_gb: float
    gpus: int
    problems: list[str] = field(default_factory=list)


class Services(Protocol):
    """Every method may raise a GladiusError, which is the cause of the step's failure."""

    async def submit(self, request: Mapping[str, Any], token: Token, asked_by: str | None) -> str:
        """Start a training, or let it wait for its turn; return its run id."""

    async def submitted(self, token: Token) -> str | None:
        """The run that this very try of this step has started; None when it has not."""

    async def training_end(self, run_id: str) -> TrainingEnd | None:
        """How a training ended; None while it goes on. Raises RunNotFound."""

    async def stop_training(self, run_id: str, asked_by: str) -> None:
        """Ask a training to save a checkpoint and end; one that does not listen is made to end. Asked again and again until it has."""

    async def metric(self, run_id: str, name: str) -> float | None:
        """The last value of one metric; None where there is none."""

    async def last_checkpoint(self, run_id: str) -> Path | None:
        """The newest checkpoint of a run; None when it saved none."""

    async def health(self) -> Health:
        """Look at disk, home, store and GPUs."""

    async def index(self, path: str, name: str | None) -> str:
        """Begin to turn a folder of documents into a dataset; return the id of that work."""

    async def indexing(self, index_id: str) -> Indexing:
        """How far that work is."""

    async def stop_indexing(self, index_id: str) -> None:
        """Ask that work to end."""

    async def dataset_problem(self, dataset_id: str) -> tuple[int, str | None]:
        """How many records a dataset has, and what keeps a run from starting on it; None when nothing does."""

    async def export(self, run_id: str, format: str, output: str | None) -> tuple[Path, int]:
        """Write a run into a file below the folders of exports; its path and size."""

    async def argument_problem(self, kind: str, value: Any) -> str | None:
        """Why a value cannot be what an argument of this kind is; None when it can."""
