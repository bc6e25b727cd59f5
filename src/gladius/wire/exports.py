"""What leaves the console: formats of an export, and where TensorBoard was started. Upstream: exchange. Downstream: server, browser."""

from typing import Literal

from pydantic import Field

from gladius.wire.base import Wire

ExportFormat = Literal["csv", "json", "zip", "log"]
"""`log` is console.log alone, whole and as written."""


class TensorBoardAnswer(Wire):
    """Where a run's TensorBoard is."""

    url: str = Field(description=(
        "Path on this server. It carries a key of its own: TensorBoard's page has no cookie and cannot use this API"
    ))  # fmt: skip
