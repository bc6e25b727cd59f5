"""Runs beside each other: what they came to, and what was set differently. Upstream: store. Downstream: server, client, browser."""

from typing import Any, Literal

from pydantic import Field

from gladius.wire.base import Number, State, Wire
from gladius.wire.runs import Best, Cursors
from gladius.wire.steering import ParentLink

MOST_RUNS = 20
"""So many at most; more cannot be told apart."""


class MetricPlace(Wire):
    """A value that was logged, as it was, and where."""

    value: Number
    step: int | None = None
    epoch: float | None = None


class MetricResult(Wire):
    """What a metric came to, over the points that no resume rewound. `lowest` and `highest` are of finite values alone."""

    points: int
    not_finite: int = Field(default=0, description="Points that are NaN or infinite")
    final: MetricPlace
    lowest: MetricPlace | None = None
    highest: MetricPlace | None = None


class Rate(Wire):
    """Throughput as the trainer told it: the median of all its values."""

    unit: Literal["tokens", "samples"]
    per_second: float


class ComparedRun(Wire):
    """One run of a comparison. None is unknown and shown as a dash."""

    run_id: str
    name: str
    state: State
    stalled: bool = False
    suspended: bool = False
    created_at: float
    started_at: float | None = Field(default=None, description="Of its first attempt: time axes begin here")
    finished_at: float | None = None
    seconds: float | None = Field(default=None, description="Of all attempts together, without the time between them")
    attempt: int = 0
    instrumented: bool = Field(description="The trainer said hello; else metrics are parsed from its output")
    cursors: Cursors
    profile_id: str | None = None
    dataset_id: str | None = None
    engine: str | None = None
    step: int | None = None
    epoch: float | None = None
    total_epochs: float | None = None
    best: Best | None = None
    rate: Rate | None = None
    changes: int = Field(default=0, description="Settings that were changed while it trained")
    parent: ParentLink | None = None
    children: list[str] = Field(default=[], description="Runs that were forked from this one")
    metrics: dict[str, MetricResult] = Field(default_factory=dict)
    config_problem: str | None = Field(default=None, description="Why its configuration cannot be read")


class MissingRun(Wire):
    """A run that was asked for and is not shown."""

    run: str
    reason: Literal["not_found", "trash", "ambiguous"]
    message: str


class ComparedMetric(Wire):
    """A metric that at least one of the runs has. `best` says which end is the better one, None where a name does not tell."""

    name: str
    runs: int = Field(description="How many of the runs have it")
    best: Literal["lowest"] | None = None


class ComparedSetting(Wire):
    """One key of the configurations, flattened. A run that does not have the key is not among `values`."""

    key: str
    differs: bool
    values: dict[str, Any] = Field(description="Run id -> value")


class Comparison(Wire):
    """Runs beside each other, in the order in which they were asked for."""

    runs: list[ComparedRun]
    missing: list[MissingRun] = Field(default=[])
    metrics: list[ComparedMetric] = Field(default=[])
    settings: list[ComparedSetting] = Field(default=[])
