"""What the routes tell of a real run, written by a process that knows the protocol and nothing of servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from console_server import ConsoleServer
from scripted_run import ScriptedRun
from starlette.exceptions import HTTPException

from gladius.pulse.rundir import Home
from gladius.server.answers import answer_in_pieces
from gladius.server.limits import Limits
from pulse_wrapper import FIELDS

Serve = Callable[..., ConsoleServer]
Train = Callable[..., ScriptedRun]
HOSTILE = [
    "../x",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f",
    "%2e%2e%2f%2e%2e",
    "a%00b",
    "%ff",
    "-",
    "~",
    "x" * 5000,
    "*",
    "%0d%0a",
]


def test_a_live_run_is_shown_with_all_that_it_wrote(serve: Serve, train: Train, until: Callable[..., object]) -> None:
    run = train(name="My run", model={"name": "moe", "parameters": 12})
    run.order(steps=30, status=[0.3, 3.0, 0.5, "epoch 1/3"])
    server = serve()
    record = until(lambda: (found := server.get("/runs/latest"))["summary"]["progress"] and found)
    summary = record["summary"]  # type: ignore[index]
    assert (summary["run_id"], summary["name"], summary["state"]) == (run.run_id, "My run", "running")
    assert (summary["step"], summary["total_steps"], summary["progress"]) == (29, 300, 10.0)
    assert summary["loss"] == pytest.approx(5.0 / 30) and summary["instrumented"] and summary["attempt"] == 1
    assert record["cursors"]["events"] == 31 and record["model"]["parameters"] == 12  # type: ignore[index]
    assert record["capabilities"] == ["pause", "resume", "stop"]  # type: ignore[index]
    assert set(record["disabled"]) == {"checkpoint", "validate", "set", "reload_config"}  # type: ignore[index]
    run.order(steps=5)
    until(lambda: server.get(f"/runs/{run.run_id}")["summary"]["step"] == 34)


def test_status_is_the_six_fields_and_nothing_else(serve: Serve, train: Train) -> None:
    run = train()
    run.order(status=[2.5, 3.0, 0.342, "Größe ≤ 3 ✓"])
    answer = serve().get(f"/runs/{run.run_id}/status")
    assert tuple(answer) == FIELDS
    assert answer == json.loads(run.directory.status.read_text())


def test_an_answer_that_is_sent_in_pieces_is_whole(serve: Serve, train: Train) -> None:
    run = train()
    run.order(steps=10_000)
    answer = serve().get(f"/runs/{run.run_id}/metrics", max_points=100_000)
    column = answer["series"]["train/loss"]
    assert len(json.dumps(answer)) > 1 << 19 and column["step"] == list(range(10_000))
    assert len(column["value"]) == 10_000 and column["min"] is column["max"] is column["log_offset"] is None
    assert set(answer) == {"series", "cursor", "supervisor", "superseded"}


def test_an_answer_is_made_no_further_when_nobody_listens() -> None:
    asked: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(1000):
            asked.append(number)
            yield bytes(1 << 18)

    async def answer() -> list[Any]:
        left, sent = asyncio.Event(), []

        async def receive() -> dict[str, Any]:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) == 4:
                left.set()

        await answer_in_pieces(pieces())({"type": "http"}, receive, send)
        return sent

    sent = asyncio.run(answer())
    assert [len(one.get("body", b"")) for one in sent[1:4]] == [1 << 18] * 3 and len(sent) < 8 and len(asked) < 10


def test_a_body_too_large_is_no_client_that_left() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": bytes(1 << 20), "more_body": True}

    async def send(_: Any) -> None:
        pass

    answer = answer_in_pieces(bytes(1 << 18) for _ in range(99))
    with pytest.raises(HTTPException) as refused:
        asyncio.run(Limits(answer)({"type": "http", "path": "/", "headers": []}, receive, send))
    assert refused.value.status_code == 413


def test_numbers_that_json_cannot_say_arrive_by_name(serve: Serve, train: Train) -> None:
    run = train()
    values = [1.5, "nan", "inf", "-inf", 2.5]
    run.order(metrics=[{"train/loss": value} for value in values])
    server = serve()
    series = server.get(f"/runs/{run.run_id}/metrics")["series"]["train/loss"]
    assert series["value"] == [1.5, "NaN", "Infinity", "-Infinity", 2.5]
    assert series["step"] == [0, 1, 2, 3, 4]
    assert server.get(f"/runs/{run.run_id}/metrics/names") == {"names": ["train/loss"]}
    events = server.get(f"/runs/{run.run_id}/events", type="metrics")["events"]
    assert [event["values"]["train/loss"] for event in events] == series["value"]
    run.order(metrics=[{"train/loss": "nan"}])
    assert server.get(f"/runs/{run.run_id}/metrics", name="nope")["series"]["nope"]["value"] == []


def test_events_are_paged_without_gap_or_overlap(serve: Serve, train: Train) -> None:
    run = train()
    run.order(steps=50)
    server, seqs, after, more = serve(), [], -1, True
    while more:
        page = server.get(f"/runs/{run.run_id}/events", after_seq=after, limit=7)
        seqs += [event["seq"] for event in page["events"]]
        after, more = page["cursor"], page["more"]
    assert seqs == list(range(52))
    hello = server.get(f"/runs/{run.run_id}/events", type="hello")["events"]
    assert [event["type"] for event in hello] == ["hello"]


def test_the_console_comes_as_raw_byte_ranges(serve: Serve, train: Train) -> None:
    run = train()
    run.order(print="0123456789\udcff\udcfe\n")
    server, path = serve(), f"/runs/{run.run_id}/console"
    whole = b"0123456789\xff\xfe\n"

    def piece(**params: int) -> tuple[int, bytes, str]:
        answer = server.http.get(path, params=params)
        return answer.status_code, answer.content, answer.headers["content-range"]

    assert piece() == (206, whole, "bytes 0-12/13")
    assert piece(offset=3, limit=4) == (206, b"3456", "bytes 3-6/13")
    assert piece(offset=-3) == (206, whole[-3:], "bytes 10-12/13")
    assert piece(offset=-500) == (206, whole, "bytes 0-12/13")
    assert piece(offset=13) == (200, b"", "bytes */13")
    assert piece(offset=999) == (200, b"", "bytes */13")
    assert server.http.get(path, params={"limit": -1}).status_code == 422


def test_the_console_is_searched(serve: Serve, train: Train) -> None:
    run = train()
    run.order(print="one\n\x1b[31mError\x1b[0m: two\nthree error\n")
    server, path = serve(), f"/runs/{run.run_id}/console/search"
    assert server.get(path, q="error") == [
        {"offset": 4, "line": 2, "text": "Error: two"},
        {"offset": 24, "line": 3, "text": "three error"},
    ]
    assert [hit["line"] for hit in server.get(path, q="^t.*e", regex=True)] == [3]
    assert server.http.get(path, params={"q": "(", "regex": True}).json()["code"] == "search_invalid"


def test_the_console_is_searched_page_by_page(serve: Serve, train: Train) -> None:
    run = train()
    run.order(print="Error one\nfine\nerror two\n")
    server, path = serve(), f"/runs/{run.run_id}/console/find"
    page = server.get(path, q="error", limit=1)
    assert page == {
        "hits": [{"offset": 0, "line": 1, "text": "Error one"}],
        "next": {"offset": 10, "line": 2}, "stopped": "limit", "size": 25,
    }  # fmt: skip
    rest = server.get(path, q="error", limit=5, **page["next"])
    assert ([hit["line"] for hit in rest["hits"]], rest["next"], rest["stopped"]) == ([3], None, "end")
    assert [hit["line"] for hit in server.get(path, q="error", newest=True)["hits"]] == [3, 1]
    assert [hit["line"] for hit in server.get(path, q="Error", case=True)["hits"]] == [1]
    assert server.http.get(path, params={"q": "(", "regex": True}).json()["code"] == "search_invalid"


def test_a_step_has_its_place_in_the_log(serve: Serve, train: Train, until: Callable[..., object]) -> None:
    run = train()
    server = serve()
    path = f"/runs/{run.run_id}/console/place"
    assert server.get(path, step=5) == {"step": None, "offset": None}
    for step, offset in ((3, 70), (9, 200)):
        numbers = {"values": {"train/loss": 1.0}, "step": step, "epoch": 0.1, "log_offset": offset}
        run.order(events=[["metrics", numbers]])
    until(lambda: server.get(path, step=9)["step"] == 9)
    assert server.get(path, step=5) == {"step": 3, "offset": 70}
    assert server.get(path, step=1_000) == {"step": 9, "offset": 200}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_id_leads_nowhere(server: ConsoleServer, home: Home, name: str) -> None:
    for rest in ("", "/status", "/console", "/report", "/config", "/metrics", "/commands"):
        assert server.http.get(f"/runs/{name}{rest}").status_code in (404, 405), (name, rest)
    assert server.http.post(f"/runs/{name}/commands", json={"command": "stop"}).status_code in (404, 405)


def test_a_run_is_found_by_id_prefix_name_and_latest(serve: Serve, train: Train) -> None:
    older, newer = train(name="alpha"), train(name="beta")
    server = serve()
    for name in (older.run_id, "alpha"):
        assert server.get(f"/runs/{name}")["summary"]["run_id"] == older.run_id
    assert server.get("/runs/latest")["summary"]["run_id"] == max(older.run_id, newer.run_id)
    answer = server.http.get("/runs/20")
    assert (answer.status_code, answer.json()["code"]) == (409, "ambiguous_run")
    listed = [run["run_id"] for run in server.get("/runs")["runs"]]
    assert listed == sorted([older.run_id, newer.run_id], reverse=True)
    assert [run["name"] for run in server.get("/runs", q="alp")["runs"]] == ["alpha"]
    page = server.get("/runs", limit=1)
    assert [run["run_id"] for run in server.get("/runs", cursor=page["cursor"])["runs"]] == listed[1:]
    assert len(server.get("/runs", status="live")["runs"]) == 2 and server.get("/runs", status="done")["runs"] == []


def test_what_is_not_there_yet_says_so(serve: Serve, train: Train) -> None:
    run, server = train(), serve()
    assert server.http.get(f"/runs/{run.run_id}/report").json()["code"] == "report_not_found"
    assert server.get(f"/runs/{run.run_id}/checkpoints") == [] == server.get("/history")
    assert server.get(f"/runs/{run.run_id}/config")["config"] == {}


def test_commands_are_posted_once_and_true_when_applied(
    serve: Serve, train: Train, until: Callable[..., object]
) -> None:
    run, server = train(), serve()
    path, body = f"/runs/{run.run_id}/commands", {"command": "pause", "args": {"mode": "hold"}, "id": "my-own-id-1"}
    for _ in range(2):
        answer = server.http.post(path, json=body)
        assert (answer.status_code, answer.json()) == (202, {"command_id": "my-own-id-1"})
    assert server.http.post(path, json={**body, "command": "resume", "args": {}}).json()["code"] == "command_conflict"
    assert [record["state"] for record in server.get(path)] == ["requested"]
    run.order(obey=True)
    record = until(lambda: (found := server.get(f"{path}/my-own-id-1"))["state"] == "applied" and found)
    assert [ack["state"] for ack in record["acks"]] == ["accepted", "applied"]  # type: ignore[index]
    for wrong in (
        {"command": "explode"},
        {"command": "stop", "args": {"x": 1}},
        {"command": "checkpoint"},
        {"command": 3},
    ):
        assert server.http.post(path, json=wrong).status_code == 422
    assert server.http.get(f"{path}/nope").json()["code"] == "command_not_found"
    run.end()
    until(lambda: server.http.post(path, json={"command": "stop"}).status_code == 409)


def test_an_ended_script_gets_its_record_completed(serve: Serve, train: Train, until: Callable[..., object]) -> None:
    run = train(name="plain script")
    run.order(steps=5)
    run.end()
    server = serve()
    report = until(
        lambda: (a := server.http.get(f"/runs/{run.run_id}/report")).status_code == 200 and a.json(), timeout=40
    )
    assert report["state"] == "done"  # type: ignore[index]
    assert [entry["training_id"] for entry in server.get("/history")] == [run.run_id]


def test_a_live_script_gets_a_supervisor(serve: Serve, train: Train, until: Callable[..., object]) -> None:
    run = train()
    server = serve()
    until(lambda: server.get(f"/runs/{run.run_id}/events", stream="supervisor")["events"], timeout=40)
    assert server.get(f"/runs/{run.run_id}")["summary"]["state"] == "running"
