"""Every error is a problem with a code and a next step."""

from __future__ import annotations

import pytest
from console_server import ConsoleServer
from httpx import Response


def problem(answer: Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["title"] and body["detail"] and body["type"] == "about:blank"
    return body


def test_an_unknown_run_is_404_and_says_how_to_find_one(server: ConsoleServer) -> None:
    assert "gladius ls" in str(problem(server.http.get("/runs/nope"), 404, "run_not_found")["hint"])


def test_an_unknown_path_and_a_wrong_method_are_problems(server: ConsoleServer) -> None:
    assert problem(server.http.get("/nothing"), 404, "not_found")["hint"]
    assert problem(server.http.put("/runs"), 405, "method_not_allowed")["hint"]
    problem(server.http.delete("/nothing"), 404, "not_found")


def test_a_wrong_parameter_is_named(server: ConsoleServer) -> None:
    body = problem(server.http.get("/runs", params={"limit": "many"}), 422, "fields_invalid")
    assert [error["field"] for error in body["errors"]] == ["limit"]  # type: ignore[attr-defined]


def test_a_start_names_every_wrong_field(server: ConsoleServer) -> None:
    wrong = {"profile_id": "tiny-moe", "dataset_id": "nope", "epochs": -1, "name": 7, "color": "red",
             "overrides": {"train.learning_rat": 1, "train.epochz": 3}}  # fmt: skip
    body = problem(server.http.post("/runs", json=wrong), 422, "fields_invalid")
    fields = {error["field"] for error in body["errors"]}  # type: ignore[attr-defined]
    assert fields == {"dataset_id", "epochs", "name", "color", "overrides.train.learning_rat", "overrides.train.epochz"}
    assert server.get("/runs")["runs"] == []


@pytest.mark.parametrize(
    "content", ["", "no json", "[1]", "null", '{"profile_id": NaN', "[" * 100_000, "x" * (2 << 20)]
)
def test_a_body_that_is_no_object_is_a_problem(server: ConsoleServer, content: str) -> None:
    problem(server.http.post("/runs", content=content), 422, "fields_invalid")


def test_a_missing_profile_is_named(server: ConsoleServer) -> None:
    body = problem(server.http.post("/runs", json={}), 422, "fields_invalid")
    assert [error["field"] for error in body["errors"]] == ["profile_id"]  # type: ignore[attr-defined]
    problem(server.http.get("/profiles/nope"), 404, "profile_not_found")
    problem(server.http.get("/datasets/nope"), 404, "dataset_not_found")
