"""An engine's settings as a JSON Schema, for editors. Upstream: settings. Downstream: server, the page's editor."""

from __future__ import annotations

from typing import Any

from gladius.catalog.settings import Setting, Settings

_TYPES = {"text": "string", "integer": "integer", "number": "number", "flag": "boolean", "list": "array"}


def json_schema(settings: Settings) -> dict[str, Any]:
    """Nested as the file is: a section is an object that knows its keys and no others."""
    root = _section()
    for setting in settings:
        *parents, last = setting.key.split(".")
        place = root
        for parent in parents:
            place = place["properties"].setdefault(parent, _section())
        place["properties"][last] = _rule(setting)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root}


def _section() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "additionalProperties": False}


def _rule(setting: Setting) -> dict[str, Any]:
    """What one value may be; null is allowed where the default says "not set"."""
    open_ = setting.default is None
    rule: dict[str, Any] = {"type": [_TYPES[setting.kind], "null"] if open_ else _TYPES[setting.kind]}
    if setting.choices:
        rule["enum"] = [*setting.choices, *([None] if open_ else [])]
    if setting.min is not None:
        rule["minimum"] = setting.min
    if setting.max is not None:
        rule["maximum"] = setting.max
    if setting.help:
        rule["description"] = setting.help
    if not open_:
        rule["default"] = setting.default
    return rule
