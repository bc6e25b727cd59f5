"""Wire models as JSON responses, without a second validation. Upstream: routes. Downstream: clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from gladius.wire.base import Wire

JSON = "application/json"
LARGEST = (1 << 53) - 1
"""The largest whole number that a question may hold: every client carries it exactly, and so does all that counts in here."""

_encode = msgspec.json.Encoder().encode


def answer(model: Wire, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """One model."""
    return Response(model.model_dump_json(), status_code=status, headers=headers, media_type=JSON)


def answer_list(models: Sequence[Wire]) -> Response:
    """A bare list of models."""
    return Response("[" + ",".join(model.model_dump_json() for model in models) + "]", media_type=JSON)


def pack(column: dict[str, list[Any]]) -> dict[str, Any]:
    """A column of metrics for `answer_plain`; what it has three times, where no point is left out, is written once."""
    if column["min"] is not column["value"]:
        return column
    value = msgspec.Raw(_encode(column["value"]))
    return {**column, "value": value, "min": value, "max": value}


def answer_plain(data: Any) -> Response:
    """Plain data that holds finite numbers only."""
    return Response(_encode(data), media_type=JSON)
