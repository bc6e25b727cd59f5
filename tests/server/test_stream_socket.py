"""The socket: everything once, whatever is killed in between."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from console_server import ConsoleServer, Listener
from scripted_run import ScriptedRun

Serve = Callable[..., ConsoleServer]
Train = Callable[..., ScriptedRun]
Listen = Callable[..., Listener]
Until = Callable[..., object]


def test_a_new_client_hears_a_named_run_from_its_beginning(
    serve: Serve, train: Train, listen: Listen, until: Until
) -> None:
    run = train()
    run.order(steps=20)
    heard = listen(serve(), [run.run_id])
    until(lambda: len(heard.events()) >= 22)
    run.order(steps=20)
    until(lambda: len(heard.events()) >= 42)
    assert [event["seq"] for event in heard.events()] == list(range(42))
    until(lambda: heard.console() == run.directory.console_log.read_bytes())
    assert heard.of("hello")[0]["protocol"] == 1
    assert heard.of("training_status_update", run.run_id) and heard.of("run", run.run_id)


def test_a_killed_server_and_cursors_leave_no_gap_and_no_double(
    serve: Serve, train: Train, listen: Listen, until: Until
) -> None:
    run = train()
    seqs: list[int] = []
    cursors = {run.run_id: {"events": -1, "supervisor": -1, "console": 0}}
    console = b""
    server = serve()
    for _ in range(3):
        heard = listen(server, [run.run_id], ["metrics", "events", "console"], cursors)
        run.begin(steps=120, every=0.003)
        before = len(seqs)
        until(lambda heard=heard, before=before: len(heard.events()) > 40)
        server.kill()
        run.wait()
        heard.close()
        seqs += [event["seq"] for event in heard.events()]
        console += heard.console()
        last = heard.of("console")[-1] if heard.of("console") else {"offset": len(console), "length": 0}
        cursors = {run.run_id: {"events": seqs[-1], "supervisor": -1, "console": last["offset"] + last["length"]}}
        server = serve()
    heard = listen(server, [run.run_id], ["metrics", "events", "console"], cursors)
    until(lambda: seqs + [event["seq"] for event in heard.events()] == list(range(362)))
    until(lambda: console + heard.console() == run.directory.console_log.read_bytes())


def test_every_run_is_heard_of_when_it_appears(
    server: ConsoleServer, serve: Serve, train: Train, listen: Listen, until: Until
) -> None:
    mine = serve()
    heard = listen(mine, ["*"], ["runs", "status", "metrics"])
    until(lambda: heard.of("hello"))
    run = train(name="late")
    run.order(steps=3)
    until(lambda: [event["step"] for event in heard.events()] == [0, 1, 2])
    until(lambda: any(one["summary"]["name"] == "late" for one in heard.of("run")))
    assert {event["type"] for event in heard.events()} == {"metrics"}


def test_topics_are_told_apart(serve: Serve, train: Train, listen: Listen, until: Until) -> None:
    run = train()
    run.order(steps=2)
    server = serve()
    alerts, numbers, rest = (listen(server, [run.run_id], [topic]) for topic in ("alerts", "metrics", "events"))
    until(lambda: len(numbers.events()) == 2)
    until(lambda: len(rest.events()) == 2)
    run.order(events=[["alert", {"level": "critical", "code": "x", "message": "look"}]])
    until(lambda: alerts.of("alert"))
    until(lambda: len(rest.events()) == 3)
    told = alerts.of("alert")[0]["alert"]
    assert (told["run_id"], told["code"], told["message"]) == (run.run_id, "x", "look") and not alerts.of("events")
    assert [event["type"] for event in rest.events()] == ["hello", "state", "alert"]


def test_a_reader_far_behind_on_output_gets_a_gap_and_goes_on(
    serve: Serve, train: Train, listen: Listen, until: Until
) -> None:
    run = train()
    for _ in range(3):
        run.order(print=("x" * 99 + "\n") * 10_000)
    heard = listen(serve(), [run.run_id], ["console"])
    until(lambda: heard.of("gap"))
    skipped = heard.of("gap")[0]["skipped"]["console"]
    until(lambda: skipped + len(heard.console()) == 3_000_000)
    assert skipped % 100 == 0, "it goes on at the start of a line"


def test_characters_are_never_cut_in_two(serve: Serve, train: Train, listen: Listen, until: Until) -> None:
    run = train()
    heard = listen(serve(), [run.run_id], ["console"])
    text = "строка — линия ✓ 𝄞\n"
    raw = text.encode()
    for place in range(len(raw)):
        run.order(print=raw[place : place + 1].decode("utf-8", "surrogateescape"))
    until(lambda: heard.console() == raw)


def test_wrong_frames_are_answered_and_the_connection_stays(server: ConsoleServer) -> None:
    with server.connect() as socket:
        assert json.loads(socket.recv(timeout=10))["type"] == "hello"
        for wrong in ("no json", "[]", '{"type":"shout"}', '{"type":"subscribe","topics":["all"]}', "[" * 50_000):
            socket.send(wrong)
            assert json.loads(socket.recv(timeout=10))["type"] == "error"
        socket.send('{"type":"subscribe","runs":["nope"],"topics":["status"]}')
        assert "nope" in json.loads(socket.recv(timeout=10))["detail"]
        socket.send('{"type":"ping"}')
        assert json.loads(socket.recv(timeout=10)) == {"type": "pong"}


def test_binary_frames_end_the_connection_only(server: ConsoleServer) -> None:
    with server.connect() as socket:
        socket.recv(timeout=10)
        socket.send(b"\x00\x01")
        with pytest.raises(Exception, match=r"."):
            socket.recv(timeout=10)
    assert server.bare.get("/api/v1/health").status_code == 200


def test_v1_is_repeated_every_ten_seconds(serve: Serve, train: Train, listen: Listen, until: Until) -> None:
    run = train()
    run.order(status=[1.0, 3.0, 0.5, "epoch 2/3"])
    heard = listen(serve(), [run.run_id], ["status"])
    until(lambda: len(heard.of("training_status_update")) >= 2, timeout=25)
    first, *rest = heard.of("training_status_update")
    assert first == rest[-1] and first["status"]["epoch"] == 1.0 and not first["stale"]
