"""The list, the trash and what people say of runs, over HTTP."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from console_server import ConsoleServer
from ended_run import ended_run

from gladius.client import Client, get_training_history
from gladius.errors import RequestRejected
from gladius.pulse.rundir import Home
from gladius.supervise.record import append_history

Serve = Callable[..., ConsoleServer]
Until = Callable[..., Any]


def test_runs_are_found_renamed_tagged_deleted_and_restored(
    serve: Serve, home: Home, until: Until, listen: Callable[..., Any]
) -> None:
    good, bad = (
        ended_run(home, "good", [2.0, 0.5], dataset="poems"),
        ended_run(home, "bad", [2.0, 1.5], "error", "failed"),
    )
    server = serve()
    client = Client(server.url, server.token)

    def names(**params: Any) -> list[str]:
        return [run["name"] for run in server.get("/runs", **params)["runs"]]

    assert names(sort="loss", order="asc") == ["good", "bad"] == names(sort="name", order="desc")
    assert names(status="error") == ["bad"] == names(q="BAD tiny") and names(dataset="poems", profile="tiny-moe") == [
        "good"
    ]
    page = server.get("/runs", limit=1, facets=True)
    assert (page["total"], page["unread"], page["facets"]["status"]) == (2, 0, {"done": 1, "error": 1})
    assert [run["run_id"] for run in server.get("/runs", cursor=page["cursor"])["runs"]] == [good.run_id]
    assert [run["run_id"] for run in server.get("/runs", offset=1)["runs"]] == [good.run_id]
    for wrong in ({"sort": "colour"}, {"cursor": "x"}, {"offset": -1}, {"order": "up"}):
        answer = server.http.get("/runs", params=wrong)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] in wrong

    heard = listen(server, ["*"], ["runs"])
    path = f"/runs/{good.run_id}"
    patch = {"name": "Best", "add_tags": ["keep"], "notes": "**worked**", "notes_before": ""}
    assert server.http.patch(path, json=patch).json()["tags"] == ["keep"]
    until(lambda: any(one["summary"]["name"] == "Best" for one in heard.of("run", good.run_id)))
    assert server.get(path)["notes"] == "**worked**" and names(tag="keep", q="worked") == ["Best"]
    assert server.http.patch(path, json={"notes": "x", "notes_before": "y"}).json()["code"] == "notes_changed"
    for wrong in ({"tags": ["a,b"]}, {"state": "done"}, {"name": 5}, {"notes": "x" * 70_000}):  # type: ignore[dict-item]
        assert server.http.patch(path, json=wrong).status_code == 422
    assert [run.name for run in client.runs(tag="keep", sort="loss", order="asc")] == ["Best"]
    assert client.run("Best").tag("a", remove=["keep"]).tags == ["a"]

    thrown = server.http.delete(path).json()
    assert not good.root.exists() and names() == ["bad"] and server.http.get(path).status_code == 404
    assert [one["name"] for one in server.get("/trash")] == ["Best"] == [one.name for one in client.deleted_runs()]
    assert client.restore_run(thrown["entry"]).tags == ["a"] and set(names()) == {"Best", "bad"}
    assert server.http.post(f"/trash/{thrown['entry']}/restore").json()["code"] == "trash_not_found"
    entry = client.run(bad.run_id).delete().entry
    assert server.http.delete(f"/trash/{entry}").status_code == 204 and os.listdir(home.trashed_runs) == []
    for wrong in ("..", "%2e%2e", "..%2f..%2fruns", "profiles"):
        assert server.http.delete(f"/trash/{wrong}").status_code in (404, 405)
    assert names() == ["Best"]
    client.close()


def test_a_live_run_is_not_deleted_but_renamed_while_it_trains(
    serve: Serve, train: Callable[..., Any], until: Until
) -> None:
    run, server = train(name="live"), serve()
    until(lambda: server.get(f"/runs/{run.run_id}")["summary"]["state"] == "running")
    answer = server.http.delete(f"/runs/{run.run_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "run_busy")
    with Client(server.url, server.token) as client:
        assert client.run(run.run_id).rename("now").name == "now"
        assert [one.run_id for one in client.runs(q="now", status="live")] == [run.run_id]
        with pytest.raises(RequestRejected, match="Stop it first"):
            client.run("now").delete()
    run.order(steps=1)
    until(lambda: server.get("/runs", sort="loss")["runs"][0]["step"] == 0)


def test_the_history_is_read_with_and_without_a_server(server: ConsoleServer, home: Home) -> None:
    assert get_training_history() == [] == get_training_history(5, home)
    for number in range(3):
        append_history(
            home.history, {"training_id": f"run-{number}", "attempt": 1, "status": "done", "final_loss": 1.5}
        )
    assert [one.training_id for one in get_training_history(2)] == ["run-2", "run-1"]
    assert [one.final_loss for one in get_training_history(home=home.root)] == [1.5] * 3
    assert server.get("/history", limit=1) == []
