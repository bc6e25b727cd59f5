"""Profiles, datasets and the request that starts a run. Upstream: catalog. Downstream: server, client, browser."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from gladius.wire.base import Wire


class EpochBounds(Wire):
    """What a profile allows for `epochs`."""

    min: float = 1
    max: float = 1000


class ProfileInfo(Wire):
    """A named way to train. `problem` says why it cannot be used now, and how to mend that."""

    id: str
    name: str
    description: str = ""
    engine: str
    default_epochs: float
    epochs: EpochBounds = EpochBounds()
    needs_dataset: bool = True
    default_dataset: str | None = None
    tags: list[str] = Field(default_factory=list)
    builtin: bool = False
    config: dict[str, Any] = Field(default_factory=dict)
    problem: str | None = None


class DatasetInfo(Wire):
    """A dataset that a run can use; counts are None until it is built or counted."""

    id: str
    name: str
    description: str = ""
    format: str
    records: int | None = None
    bytes: int | None = None
    path: str | None = None
    builtin: bool = False
    problem: str | None = None


class StartRequest(Wire):
    """The body of `POST /runs`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile_id: str
    dataset_id: str | None = None
    epochs: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    preset_id: str | None = Field(default=None, description="Its settings are taken where `overrides` name none")
    overrides: dict[str, Any] = Field(default_factory=dict)
    name: str | None = Field(default=None, max_length=200)
    tags: list[str] = Field(default_factory=list)
    launcher: str | None = None
    queue: bool | None = None


class StartAnswer(Wire):
    """The answer of `POST /runs`, `/resume` and `/fork`."""

    run_id: str
    state: str
    attempt: int = 1
