"""A server whose disk fails: each request that has to write says so, the others are answered, and it goes on when the disk does."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from faulty_disk import FaultyDisk

from gladius.alerts.book import Book
from gladius.compose import build
from gladius.pulse.rundir import Home
from gladius.server.app import build_api
from gladius.server.credentials import Credentials
from gladius.server.guard import ASKER
from gladius.users.keys import Keys
from gladius.wire.alerts import AlertRecord

WRITING: list[tuple[str, str, dict[str, Any]]] = [
    ("PUT", "/settings", {"json": {"alerts": {"gpu_temperature": 81}}}),
    ("PUT", "/presets/mine", {"json": {"name": "mine", "values": {"train.epochs": 1}}}),
    ("PATCH", "/runs/{run}", {"json": {"notes": "a note"}}),
    ("POST", "/runs", {"json": {"profile_id": "tiny-moe", "dataset_id": "stdlib-docs"}}),
    ("POST", "/datasets/upload?filename=mine.jsonl", {"content": b'{"text": "a"}\n'}),
    ("POST", "/flows/nothing/runs", {"json": {}}),
]
STATUS = {errno.ENOSPC: 507, errno.EROFS: 503, errno.EIO: 503, errno.EACCES: 503}


@pytest.mark.parametrize("error", STATUS)
def test_what_cannot_be_written_is_a_problem_that_names_the_cause(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    disk = FaultyDisk(tmp_path, monkeypatch)
    run = home.new_run("r", {"source": "script"})
    flow = {"id": "nothing", "steps": [{"id": "look", "cmd": "STATUS", "args": {}}]}
    (home.flows / "nothing.json").write_text(json.dumps(flow))

    async def story() -> None:
        keys = Keys(home)
        app = build_api(build(home), Credentials(keys, "127.0.0.1", 1))

        async def asked_by_the_owner(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, ASKER: keys.bearer(keys.token)}, receive, send)

        transport = httpx.ASGITransport(app=asked_by_the_owner, raise_app_exceptions=False)
        base = "http://127.0.0.1/api/v1"
        async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=base) as http:
            for method, path, body in WRITING:
                with disk.failing(0, error, lasts=True, everywhere=True):
                    refused = await http.request(method, path.format(run=run.run_id), **body)
                    assert (await http.get("/runs")).status_code == 200
                problem = refused.json()
                assert refused.status_code == STATUS[error], (path, problem)
                assert problem["code"] == ("disk_full" if error == errno.ENOSPC else "disk_failed")
                assert error == errno.ENOSPC or os.strerror(error) in problem["detail"]
                assert str(tmp_path) in problem["detail"] and problem["hint"]
                assert not [one for one in home.root.rglob("*") if one.suffix in (".tmp", ".part")]
            assert (await http.get("/queue")).json()["waiting"] == [], "what was refused does not wait"
            assert (await http.get("/flow-runs")).json() == [], "nor has it begun"
            for method, path, body in WRITING:
                if path not in ("/runs", "/flows/nothing/runs"):
                    answer = await http.request(method, path.format(run=run.run_id), **body)
                    assert answer.status_code < 300, (path, answer.text)

    asyncio.run(story())


def test_the_book_of_alerts_is_written_anew_when_the_disk_takes_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, path = FaultyDisk(tmp_path, monkeypatch), tmp_path / "alerts.jsonl"
    book = Book(path)
    book.open()
    with disk.counting() as calls:
        book.begin(_alert(0))
        book.update("ack", "0", acknowledged_at=1.0, acknowledged_by="me")
    number = 0
    for at in range(len(calls)):
        for lasts in (False, True):
            number += 1
            with disk.failing(at, errno.ENOSPC, lasts=lasts):
                book.begin(_alert(number))
                book.update("ack", str(number), acknowledged_at=1.0, acknowledged_by="me")
            book.touch()
            heir = Book(path)
            heir.open()
            heir.close()
            assert heir.all() == book.all() and len(book) == number + 1
            assert [one.name for one in tmp_path.iterdir()] == ["alerts.jsonl"]
    path.unlink()
    book.touch()
    heir.open()
    heir.close()
    assert heir.all() == book.all(), "a deleted one comes back"
    book.close()


def _alert(number: int) -> AlertRecord:
    return AlertRecord.model_validate({
        "id": str(number), "run_id": f"run-{number}", "code": "x", "level": "warning", "subject": "", "message": "m",
        "began_at": float(number), "attempt": 1,
    })  # fmt: skip
