"""The OpenAPI document says what is so: who may ask, and that every error is a problem. Upstream: routes. Downstream: clients."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from gladius.server.access import NEEDS, PUBLIC
from gladius.server.problems import MEDIA_TYPE
from gladius.wire.base import Wire
from gladius.wire.catalog import StartRequest
from gladius.wire.server import Problem

_OURS = (Problem, StartRequest)
"""What no route declares to FastAPI: the one answer of every error, and the body that `start_check` reads by itself."""
_ERRORS = {"4XX": "Refused", "5XX": "Failed"}
_INVALID = ("HTTPValidationError", "ValidationError")
"""What FastAPI says of a wrong request by itself; `problems` answers it otherwise."""


def place_of(model: type[Wire]) -> str:
    """Where the document describes a model."""
    return f"#/components/schemas/{model.__name__}"


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
    components["schemas"] = {**schemas, **{model.__name__: model.model_json_schema() for model in _OURS}}
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    failed = {MEDIA_TYPE: {"schema": {"$ref": place_of(Problem)}}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            responses.pop("422", None)
            for status, words in _ERRORS.items():
                responses[status] = {"description": words, "content": failed}
            need = NEEDS[method.upper(), path]
            operation["security"] = [] if need == PUBLIC else [{"token": []}]
            if need != PUBLIC:
                operation["x-role"] = need
    return document
