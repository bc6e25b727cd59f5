"""Write the JSON Schemas of wire and PULSE. Upstream: the wire modules. Downstream: web/src/wire, docs/schemas.

`python -m gladius.wire web/src/wire/schema.json [docs/schemas]`
"""

import json
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from gladius.wire import (
    alerts,
    catalog,
    compare,
    config,
    datasets,
    events,
    exports,
    flows,
    home,
    knowledge,
    messages,
    overview,
    preflight,
    presets,
    probe,
    queue,
    runs,
    server,
    settings,
    steering,
    users,
)
from gladius.wire.base import Wire

Mode = Literal["serialization", "validation"]

FRAMES: list[type[Wire]] = [
    messages.HelloMessage, messages.StatusUpdate, messages.EventsMessage, messages.ConsoleMessage,
    messages.SystemMessage, messages.RunMessage, messages.AlertMessage, messages.Gap, messages.Pong,
    messages.CommandMessage, messages.ErrorMessage, messages.ActivityMessage, messages.MachineMessage,
    messages.GoneMessage,
]  # fmt: skip
ANSWERS: list[type[Wire]] = [
    runs.RunRecord, runs.RunList, runs.MetricsAnswer, runs.MetricNames, runs.LatestAnswer, runs.SystemAnswer,
    runs.SearchHit, runs.SearchPage, runs.LogPlace, runs.EventsAnswer, runs.ConfigAnswer, config.ConfigSchema,
    presets.PresetInfo,
    runs.HistoryEntry, runs.TrashedRun, runs.CommandRecord, catalog.ProfileInfo, catalog.ProfileFile,
    catalog.TrashedProfile, catalog.DatasetInfo, catalog.StartAnswer,
    steering.CommandAnswer, server.HealthAnswer, server.SessionAnswer, server.SignInLink, server.Problem, steering.ResumePreview,
    steering.ConfigDiff, steering.ScheduleCourse, alerts.AlertsAnswer, settings.Settings, exports.TensorBoardAnswer,
    datasets.DatasetReport, datasets.DatasetPreview, datasets.TokenLengths, datasets.RemovedDataset, datasets.DatasetRules,
    home.HomeAnswer, compare.Comparison, queue.QueueAnswer, preflight.CheckAnswer, probe.ProbeAnswer,
    knowledge.IndexStarted, knowledge.IndexInfo, knowledge.IndexDetail, knowledge.DocumentSearch, knowledge.DocumentFolders,
    knowledge.UploadedDocument,
    flows.FlowInfo, flows.FlowRun, flows.StepOutput, flows.TextCommandAnswer,
    overview.ActivitiesAnswer, overview.MachineSample, overview.AttachAnswer,
    users.UserInfo, users.UserAdded, users.TokenInfo, users.TokenMade, users.AuditPage,
]  # fmt: skip
EVENTS: list[type[Wire]] = list(events.EVENT_TYPES.values())
CLIENT_FRAMES: list[type[Wire]] = [messages.Subscribe, messages.Ping, messages.CommandFrame]
BODIES: list[type[Wire]] = [
    catalog.StartRequest, catalog.ProfileNew, catalog.ProfileUpdate, catalog.ProfileDraft,
    steering.CommandRequest, steering.ResumeRequest, steering.ForkRequest, steering.RevertRequest,
    steering.ConfigUpdate, presets.PresetRequest, settings.SettingsUpdate, datasets.AddDataset, datasets.DatasetUpdate, queue.QueueChange,
    knowledge.IndexRequest, overview.AttachRequest,
    runs.RunPatch,
    flows.FlowStart, flows.FlowDraft, flows.TextCommand,
    users.UserRequest, users.UserPatch, users.PasswordChange, users.TokenRequest,
]  # fmt: skip
UNIONS = {"Event": EVENTS, "ServerMessage": FRAMES, "ClientMessage": CLIENT_FRAMES}

STATUS_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "PULSE v1 training_status.json",
    "description": "Exactly six fields. A writer never adds one; a reader ignores what it does not know.",
    "type": "object",
    "properties": {
        "status": {"enum": ["idle", "running", "done", "error"]},
        "epoch": {"type": "number", "minimum": 0, "description": "Fractional within an epoch"},
        "total_epochs": {"type": "number", "minimum": 0, "description": "0.0 when not known"},
        "loss": {"type": "number", "description": "Any finite number"},
        "message": {"type": "string", "description": "For people"},
        "timestamp": {"type": "integer", "description": "Unix seconds, UTC, of the last sign of life"},
    },
    "required": ["status", "epoch", "total_epochs", "loss", "message", "timestamp"],
    "additionalProperties": False,
}


def wire_schema() -> dict[str, Any]:
    """One schema whose `$defs` name every wire model: what a server sends as sent, what a client sends as accepted."""
    sent: list[tuple[type[Wire], Mode]] = [(model, "serialization") for model in EVENTS + FRAMES + ANSWERS]
    accepted: list[tuple[type[Wire], Mode]] = [(model, "validation") for model in CLIENT_FRAMES + BODIES]
    _, schema = models_json_schema(sent + accepted, ref_template="#/$defs/{model}")
    definitions = {name: _plain(definition) for name, definition in schema["$defs"].items()}
    for name in _sent_whole():
        definitions[name]["required"] = list(definitions[name]["properties"])
    for name, members in UNIONS.items():
        definitions[name] = {"title": name, "anyOf": [{"$ref": f"#/$defs/{member.__name__}"} for member in members]}
    return {
        "$schema": schema.get("$schema", STATUS_SCHEMA["$schema"]),
        "title": "Wire",
        "$defs": dict(sorted(definitions.items())),
    }


def event_schema() -> dict[str, Any]:
    """The schema of one line of `events.jsonl` or `supervisor.jsonl`."""
    adapter: TypeAdapter[Any] = events.parse_event
    schema = adapter.json_schema(mode="validation")
    return {
        "$schema": STATUS_SCHEMA["$schema"],
        "title": "PULSE v2 event",
        "description": "One line of events.jsonl or supervisor.jsonl. Readers skip unknown types and keys.",
        **schema,
    }


def _sent_whole() -> list[str]:
    """Models that a server always sends with every field. Events are passed on as their writer wrote them."""
    parts = [
        model
        for module in (
            runs,
            catalog,
            config,
            presets,
            steering,
            alerts,
            settings,
            exports,
            server,
            compare,
            datasets,
            knowledge,
            flows,
            users,
        )
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, Wire) and model.__module__ == module.__name__
    ]
    accepted = {*CLIENT_FRAMES, *BODIES, runs.Cursors, knowledge.IndexOptions}
    return sorted({model.__name__ for model in [*FRAMES, *parts] if model not in accepted})


def _plain(definition: dict[str, Any]) -> dict[str, Any]:
    """Keep the model's title alone (a titled field would become a type of its own); close what allows extra keys."""
    plain = {key: _untitled(value) for key, value in definition.items() if key != "additionalProperties"}
    if definition.get("additionalProperties") not in (None, True, False):
        plain["additionalProperties"] = definition["additionalProperties"]
    return plain


def _untitled(node: Any) -> Any:
    """A copy of a schema node in which no field has a title, and none that refers to a model a default of its own."""
    if isinstance(node, list):
        return [_untitled(item) for item in node]
    if not isinstance(node, dict):
        return node
    dropped = {"default"} if "$ref" in node else set()
    if isinstance(node.get("title"), str):
        dropped.add("title")
    return {key: _untitled(value) for key, value in node.items() if key not in dropped}


def render(schema: dict[str, Any]) -> str:
    """The file's text: the same for the same models, whatever the machine."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the schemas; 2 for wrong usage."""
    if len(arguments) not in (1, 2):
        sys.stderr.write("usage: python -m gladius.wire WIRE_SCHEMA.json [PULSE_SCHEMA_FOLDER]\n")
        return 2
    wire = Path(arguments[0])
    wire.parent.mkdir(parents=True, exist_ok=True)
    wire.write_text(render(wire_schema()), encoding="utf-8")
    folder = Path(arguments[1] if len(arguments) == 2 else "docs/schemas")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "status.schema.json").write_text(render(STATUS_SCHEMA), encoding="utf-8")
    (folder / "event.schema.json").write_text(render(event_schema()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
