"""What a person should know, as the API tells it. Upstream: alerts. Downstream: server, client, browser."""

from typing import Any, Literal

from pydantic import Field

from gladius.wire.base import Wire

AlertLevel = Literal["info", "warning", "critical"]


class AlertRecord(Wire):
    """One alert from its beginning to its end. A notice (level `info`) ends as it begins.

    `code` names the sentence and `data` holds its parameters, for translation; `message` is the sentence in English.
    A code that a trainer made up has no sentence but its `message`.
    """

    id: str
    run_id: str
    code: str
    level: AlertLevel
    message: str
    data: dict[str, Any] = Field(default_factory=dict)
    value: Any = Field(default=None, description="What was measured: while it lasts, the worst so far")
    threshold: Any = None
    step: int | None = None
    attempt: int = 1
    began_at: float = Field(description="Unix seconds")
    ended_at: float | None = Field(default=None, description="Unix seconds; None while it lasts")
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None


class AlertsAnswer(Wire):
    """Alerts, the newest first."""

    alerts: list[AlertRecord]
