"""The committed schemas and TypeScript types are the ones that the wire models give today."""

import json
import re
from pathlib import Path

from gladius.wire.__main__ import STATUS_SCHEMA, event_schema, render, wire_schema

ROOT = Path(__file__).parents[2]
TYPES = ROOT / "web/src/wire/generated.ts"


def test_wire_schema_is_what_the_models_say() -> None:
    assert (ROOT / "web/src/wire/schema.json").read_text(encoding="utf-8") == render(wire_schema()), "run 'make gen'"


def test_public_schemas_are_what_the_models_say() -> None:
    schemas = ROOT / "docs/schemas"
    assert (schemas / "status.schema.json").read_text(encoding="utf-8") == render(STATUS_SCHEMA), "run 'make gen'"
    assert (schemas / "event.schema.json").read_text(encoding="utf-8") == render(event_schema()), "run 'make gen'"


def test_every_wire_model_and_field_has_its_typescript_type() -> None:
    types = TYPES.read_text(encoding="utf-8")
    bodies = dict(re.findall(r"^export interface (\w+) \{\n(.*?)^\}", types, re.M | re.S))
    for name, definition in wire_schema()["$defs"].items():
        if "properties" not in definition:
            assert re.search(rf"^export type {name} =", types, re.M), f"no type {name}: run 'make gen'"
            continue
        assert name in bodies, f"no interface {name}: run 'make gen'"
        fields = set(re.findall(r"^  (\w+)\??:", bodies[name], re.M))
        assert fields == set(definition["properties"]), f"{name} differs: run 'make gen'"


def test_schemas_do_not_depend_on_the_moment() -> None:
    assert json.loads(render(wire_schema())) == json.loads(render(wire_schema()))
    assert render(event_schema()) == render(event_schema())
