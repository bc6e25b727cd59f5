"""What the OpenAPI document says is so: schemathesis asks every operation of a real server, rightly, wrongly and with no key at all.

The home has what the operations are about, and every other request names it instead of something made up. Each operation is asked
GLADIUS_SCHEMA_EXAMPLES times in each way (`make schema`).
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import forge
import hypothesis.strategies as st
import pytest
import schemathesis
from console_server import ConsoleServer
from flow_house import python
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.parameters import ParameterLocation

from gladius.pulse.rundir import Home

EXAMPLES = int(os.environ.get("GLADIUS_SCHEMA_EXAMPLES", "2"))
SEED = int(os.environ.get("GLADIUS_SCHEMA_SEED", "20261123"))
SLOW = {("post", "/api/v1/runs/{run_id}/tensorboard"), ("get", "/api/v1/datasets/{dataset_id}/tokens")}
"""Asked about what is there these start programs of several seconds: they are asked about what is not there alone."""
PROBLEM = "application/problem+json"


@dataclass
class House:
    """A server and the ids of what its home has."""

    server: ConsoleServer
    known: dict[str, list[str]]
    document: dict[str, Any]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Two runs of which one waits, a flow that was run, a profile, a preset, a dataset."""
    home = Home(tmp_path_factory.mktemp("described") / "home")
    home.create()
    held = "import time; print('step 1 loss 0.5', flush=True); time.sleep(600)"
    profile = {"name": "held", "engine": "script", "needs_dataset": False, "default_epochs": 1}
    (home.profiles / "held.yaml").write_text(json.dumps({**profile, "argv": [sys.executable, "-c", held]}))
    (home.datasets / "sums.jsonl").write_text('{"prompt": "1 + 1", "completion": "2"}\n' * 3)
    (home.flows / "mine.json").write_text(
        json.dumps({"id": "mine", "steps": [{"id": "a", "cmd": "COMMAND", "args": python("pass")}]})
    )
    server = ConsoleServer(forge.start, home, slots=1)
    runs = [server.http.post("/runs", json={"profile_id": "held"}).json()["run_id"] for _ in range(2)]
    server.http.post("/presets", json={"name": "warm", "values": {"train.x": 1}})
    flow_run = server.http.post("/flows/mine/runs", json={"args": {}}).json()["flow_run_id"]
    datasets = [one["id"] for one in server.get("/datasets")]
    known = {
        "run_id": runs, "flow_id": ["mine"], "flow_run_id": [flow_run, "latest"], "step_id": ["a"], "profile_id": ["held"],
        "preset_id": [one["id"] for one in server.get("/presets")], "dataset_id": datasets,
    }  # fmt: skip
    yield House(server, known, server.get("/openapi.json"))
    for run_id in runs:
        server.http.post(f"/runs/{run_id}/commands", json={"command": "terminate", "args": {"grace_s": 0.1}})
    server.terminate()


def operations(document: dict[str, Any]) -> list[Any]:
    """Those that only look first, those that take something away last."""
    found = [one.ok() for one in schemathesis.openapi.from_dict(document).get_all_operations()]
    return sorted(found, key=lambda one: (one.method == "delete", one.method != "get", "cancel" in one.path))


def body_is_wrong(case: Any) -> bool:
    """Whether schemathesis made a body that the description forbids; of a query, where all is text, it cannot tell well."""
    body = case.meta.components.get(ParameterLocation.BODY)
    return body is not None and body.mode is GenerationMode.NEGATIVE


def ask(house: House, operation: Any, mode: GenerationMode, checks: list[Any]) -> None:
    """Ask one operation so often; raises what schemathesis finds, with the request that shows it."""
    bearer = {"authorization": f"Bearer {house.server.token}"}
    about = {name: st.sampled_from(house.known[name]) for name in house.known if f"{{{name}}}" in operation.path}
    if (operation.method, operation.path) in SLOW:
        about = {}

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode), st.booleans(), st.fixed_dictionaries(about))
    def asked(case: Any, real: bool, names: dict[str, str]) -> None:
        if real:
            case.path_parameters.update(names)
        answer = case.call(base_url=house.server.url, headers=bearer)
        case.validate_response(answer, checks=checks)
        if body_is_wrong(case) and not operation.path.endswith("/check"):
            assert 400 <= answer.status_code < 500, (case, answer.status_code)
        if answer.status_code >= 400:
            assert answer.headers["content-type"][0].startswith(PROBLEM), (case, answer.headers)

    asked()


CHECK_NAMES = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
)  # fmt: skip


def test_an_operation_is_open_to_nobody_without_a_key_and_says_so(house: House) -> None:
    load_all_checks()
    for operation in operations(house.document):
        case = operation.Case(path_parameters=dict.fromkeys(re.findall(r"{(\w+)}", operation.path), "x"))
        case.path_parameters.update({name: ids[0] for name, ids in house.known.items()})
        answer = case.call(base_url=house.server.url)
        open_to_all = operation.path == "/api/v1/health"
        assert answer.status_code == (200 if open_to_all else 401), operation.path
        assert house.document["paths"][operation.path][operation.method]["security"] == (
            [] if open_to_all else [{"token": []}]
        )
        case.validate_response(answer, checks=CHECKS.get_by_names(CHECK_NAMES))


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_every_operation_answers_as_it_is_described(house: House, mode: GenerationMode) -> None:
    load_all_checks()
    checks = CHECKS.get_by_names(CHECK_NAMES)
    wrong = []
    for operation in operations(house.document):
        try:
            ask(house, operation, mode, checks)
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, operation.path  # it takes nothing that could be wrong
        except BaseException as error:  # noqa: BLE001 - every operation is looked at before all is told
            wrong.append(f"{operation.method} {operation.path}: {error!r} {getattr(error, 'exceptions', '')}")
    assert not wrong, "\n\n".join(wrong)
    assert house.server.get("/health")["status"] == "ok"
