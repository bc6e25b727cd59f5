"""The OpenAPI document says what is so: who may ask, and that every error is a problem. Upstream: routes. Downstream: clients."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from gladius.server.access import NEEDS, PUBLIC
from gladius.server.problems import MEDIA_TYPE
from gladius.wire.server import Problem

_REF = "#/components/schemas/Problem"
_ERRORS = {"4XX": "Refused", "5XX": "Failed"}
_INVALID = ("HTTPValidationError", "ValidationError")
"""What FastAPI says of a wrong request by itself; `problems` answers it otherwise."""


def install(app: FastAPI) -> None:
    """Have the app's document put right before it is first told."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        known = app.openapi_schema
        return known if known is not None else _told(generate())

    app.openapi = openapi  # type: ignore[method-assign]


def _told(document: dict[str, Any]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    schemas = {name: one for name, one in components.get("schemas", {}).items() if name not in _INVALID}
    components["schemas"] = {**schemas, "Problem": Problem.model_json_schema()}
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            responses.pop("422", None)
            for status, words in _ERRORS.items():
                responses[status] = {"description": words, "content": {MEDIA_TYPE: {"schema": {"$ref": _REF}}}}
            need = NEEDS[method.upper(), path]
            operation["security"] = [] if need == PUBLIC else [{"token": []}]
            if need != PUBLIC:
                operation["x-role"] = need
    return document
