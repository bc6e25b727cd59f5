"""The client against a real server: what the command line and notebooks rely on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from console_server import ConsoleServer
from scripted_run import ScriptedRun

from gladius.client import Client
from gladius.errors import CommandTimeout, RequestRejected, ServerUnreachable
from gladius.pulse.rundir import Home
from gladius.wire.messages import EventsMessage, HelloMessage
from gladius.wire.runs import CommandRecord, Cursors

Serve = Callable[..., ConsoleServer]
Train = Callable[..., ScriptedRun]


def test_the_server_of_the_home_is_found(serve: Serve, home: Home) -> None:
    server = serve()
    with Client(home=home) as client:
        assert client.url == server.url
        assert client.health().status == "ok" and client.runs() == [] == client.history()


def test_the_environment_names_another_server(serve: Serve, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    home.server_json.rename(home.root / "elsewhere.json")
    monkeypatch.setenv("GLADIUS_URL", server.url + "/")
    with Client() as client, pytest.raises(RequestRejected) as rejected:
        client.runs()
    assert (rejected.value.status, rejected.value.code) == (401, "not_authenticated")
    monkeypatch.setenv("GLADIUS_TOKEN", server.token)
    with Client() as client:
        assert client.runs() == []
    (home.root / "elsewhere.json").rename(home.server_json)


def test_a_token_is_not_given_to_another_server(home: Home) -> None:
    home.server_json.write_text(json.dumps({"url": "http://127.0.0.1:1", "token": "secret"}))
    with Client("http://127.0.0.1:2") as client:
        assert client._transport.token is None
    with Client() as client:
        assert client._transport.token == "secret"


def test_nobody_there_says_how_to_start_one(home: Home) -> None:
    with Client("http://127.0.0.1:9", home=home) as client:
        with pytest.raises(ServerUnreachable, match="gladius up"):
            client.runs()
        with pytest.raises(ServerUnreachable):
            next(iter(client.stream()))


def test_a_run_is_looked_at(serve: Serve, train: Train, home: Home, until: Callable[..., Any]) -> None:
    run = train(name="seen")
    run.order(steps=30, print="täil\n", metrics=[{"train/loss": "nan"}], status=[1.5, 3.0, 0.5, "half"])
    serve()
    with Client(home=home) as client:
        handle = client.run("seen")
        assert handle.id == run.run_id and handle.record().summary.name == "seen"
        assert handle.status().message == "half" and handle.metric_names() == ["train/loss"]
        series = handle.metrics("train/loss", frame=False)["train/loss"]
        assert series["value"][1] == 2.5 and math.isnan(series["value"][0])
        assert [event["seq"] for event in handle.events()] == list(range(33))
        assert handle.console() == run.directory.console_log.read_bytes()
        assert handle.console(-5) == "äil\n".encode() and handle.console(0, 4) == b"step"
        assert [hit.line for hit in handle.search("TÄIL".lower())] == [31]
        assert [summary.run_id for summary in client.runs(q="see", limit=1)] == [run.run_id]
        with pytest.raises(RequestRejected) as rejected:
            handle.report()
        assert rejected.value.code == "report_not_found" and rejected.value.hint
        with pytest.raises(RequestRejected, match="No run"):
            client.run("nobody").record()


def test_metrics_are_a_data_frame_where_pandas_is(serve: Serve, train: Train, home: Home) -> None:
    pytest.importorskip("pandas")
    run = train()
    run.order(steps=3)
    serve()
    with Client(home=home) as client:
        frame = client.run(run.run_id).metrics("train/loss")
    assert list(frame["step"]) == [0, 1, 2] and set(frame["name"]) == {"train/loss"}


def test_a_command_is_waited_for(serve: Serve, train: Train, home: Home) -> None:
    run = train()
    serve()
    with Client(home=home) as client:
        handle = client.run(run.run_id)
        command_id = handle.pause(wait=False)
        assert isinstance(command_id, str)
        with pytest.raises(CommandTimeout, match="requested"):
            handle.wait_command(command_id, timeout=0.3)
        run.order(obey=True)
        assert handle.wait_command(command_id).state == "applied"
        run.begin(obey=False)
        run.wait()
        assert [type(one) for one in handle.commands()] == [CommandRecord]
        with pytest.raises(RequestRejected) as rejected:
            handle.command("checkpoint")
        assert rejected.value.status == 422


def test_wrong_fields_are_named_in_the_error(serve: Serve, home: Home) -> None:
    serve()
    with Client(home=home) as client, pytest.raises(RequestRejected, match=r"epochs.*dataset_id") as rejected:
        client.start("tiny-moe", dataset_id="nope", epochs=-1)
    assert rejected.value.status == 422


def test_the_stream_goes_on_at_cursors(serve: Serve, train: Train, home: Home) -> None:
    run = train()
    run.order(steps=10)
    serve()
    with Client(home=home) as client:
        seqs: list[int] = []
        stream = client.stream([run.run_id], ["metrics", "events"], {run.run_id: Cursors(events=4)})
        assert isinstance(next(stream), HelloMessage)
        for message in stream:
            if isinstance(message, EventsMessage) and message.stream == "trainer":
                seqs += [event["seq"] for event in message.events]
            if seqs and seqs[-1] == 11:
                break
        assert seqs == list(range(5, 12))
        stream.close()  # type: ignore[attr-defined]


def test_points_of_an_older_server_are_refused_with_what_to_do() -> None:
    class Older(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = b'{"series":{}}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Older) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            with Client(f"http://127.0.0.1:{server.server_port}") as client, pytest.raises(RequestRejected) as told:
                client.run("20261123-any").metrics("train/loss", frame=False)
        finally:
            server.shutdown()
    assert told.value.code == "server_older" and "Update" in told.value.hint
