"""Datasets over HTTP: preview, check, token lengths, adding by path and by upload; nothing outside of the folders."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from console_server import ConsoleServer

Serve = Callable[..., ConsoleServer]
GOOD = {"instruction": "Say hi.", "output": "Hi."}
LINE = json.dumps(GOOD).encode() + b"\n"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder beside the home's that the server may read."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    return folder


@pytest.fixture
def shelved(serve: Serve, shelf: Path) -> ConsoleServer:
    return serve(datasets_in=[str(shelf)])


def upload(server: ConsoleServer, filename: str, content: bytes | Iterator[bytes]) -> httpx.Response:
    return server.http.post("/datasets/upload", params={"filename": filename}, content=content)


def test_a_dataset_is_uploaded_checked_looked_at_and_in_the_list(shelved: ConsoleServer, tmp_path: Path) -> None:
    made = upload(shelved, "../my set.jsonl", LINE * 2 + b'{"instruction": "x"}\n')
    assert made.status_code == 201, made.text
    assert made.json()["id"] == "my-set" and "line 3" in made.json()["problem"]
    assert (shelved.home.datasets / "my-set.jsonl").read_bytes().startswith(LINE)

    report = shelved.get("/datasets/my-set/check")
    assert (report["records"], report["errors"], report["total"]) == (2, 1, 2)
    assert [(one["line"], one["kind"], one["severity"]) for one in report["findings"]] == [
        (2, "duplicate", "warning"), (3, "missing_key", "error"),
    ]  # fmt: skip
    assert all(one["hint"] for one in report["findings"])

    page = shelved.get("/datasets/my-set/preview", limit=2)
    assert page["records"][0] == {"line": 1, "record": GOOD, "problem": None} and page["next"] == 2
    last = shelved.get("/datasets/my-set/preview", offset=2)
    assert "output" in last["records"][0]["problem"] and last["next"] is None

    again = upload(shelved, "my-set.jsonl", LINE)
    assert (again.status_code, again.json()["code"]) == (409, "dataset_exists")
    other = upload(shelved, "run.sh", LINE)
    assert other.status_code == 422 and other.json()["errors"][0]["field"] == "filename"
    refused = shelved.http.post("/runs", json={"profile_id": "tiny-moe", "dataset_id": "my-set"})
    assert refused.status_code == 422 and "line 3" in refused.text
    listed = {one["id"]: one for one in shelved.get("/datasets")}
    assert listed["my-set"]["problem"] and listed["stdlib-docs"]["problem"] is None


def test_an_upload_beyond_the_limit_or_broken_off_leaves_nothing(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLADIUS_UPLOAD_MIB", "1")
    server = serve()
    told = upload(server, "a.txt", b"x" * (2**20 + 1))
    assert (told.status_code, told.json()["code"]) == (413, "dataset_too_large")
    untold = upload(server, "a.txt", iter([b"x" * 2**19] * 5))
    assert (untold.status_code, untold.json()["code"]) == (413, "dataset_too_large")

    def breaks_off() -> Iterator[bytes]:
        yield LINE
        raise RuntimeError("the sender is gone")

    with pytest.raises(RuntimeError, match="the sender is gone"):
        upload(server, "a.txt", breaks_off())
    assert upload(server, "b.txt", b"whole\n").status_code == 201
    assert not (server.home.datasets / "a.txt").exists()


def test_a_path_is_added_within_the_folders_and_nowhere_else(
    shelved: ConsoleServer, shelf: Path, tmp_path: Path
) -> None:
    deep = shelf / "team" / "year" / "notes.txt"
    deep.parent.mkdir(parents=True)
    deep.write_text("one\ntwo\n")
    secret = tmp_path / "secret.jsonl"
    secret.write_bytes(b'{"instruction": "password", "output": "hunter2"}\n')
    (shelf / "link.jsonl").symlink_to(secret)
    (shelf / "dataset_info.json").write_text('{"indexed": {"file_name": "../secret.jsonl"}}')

    added = shelved.http.post("/datasets", json={"path": str(deep)})
    assert added.status_code == 201 and (added.json()["id"], added.json()["records"]) == ("notes", 2)
    for path in (secret, shelf / ".." / "secret.jsonl", shelf / "link.jsonl", "/etc/passwd", "/", "secret.jsonl"):
        refused = shelved.http.post("/datasets", json={"path": str(path)})
        assert refused.status_code == 422 and "--datasets" in refused.json()["hint"], path
    for id_ in ("link", "indexed"):
        assert "leads out" in shelved.get(f"/datasets/{id_}")["problem"]
        for part in ("", "/check", "/preview", "/tokens?tokenizer=/tmp"):
            assert "hunter2" not in shelved.http.get(f"/datasets/{id_}{part}").text
        assert shelved.http.get(f"/datasets/{id_}/preview").status_code == 422
    for id_ in ("..%2Fsecret", "%2Fetc%2Fpasswd", "..", "secret.jsonl"):
        for part in ("preview", "check"):
            assert shelved.http.get(f"/datasets/{id_}/{part}").status_code == 404


def test_fifty_broken_files_stop_nothing(shelved: ConsoleServer, shelf: Path) -> None:
    for n in range(50):
        (shelf / f"broken-{n}.{('jsonl', 'json', 'csv', 'parquet', 'txt')[n % 5]}").write_bytes(b"\xff\x00{" * n)
    (shelf / "whole.jsonl").write_bytes(LINE)
    listed = {one["id"]: one for one in shelved.get("/datasets")}
    assert listed["whole"]["records"] == 1
    broken = [one for id_, one in listed.items() if id_.startswith("broken")]
    assert len(broken) == 50 and all(one["problem"] and one["path"] in one["problem"] for one in broken)
    for one in broken[:5]:
        assert shelved.get(f"/datasets/{one['id']}/preview") and shelved.get(f"/datasets/{one['id']}/check")["findings"]


def test_a_record_that_json_cannot_say_is_shown_all_the_same(shelved: ConsoleServer, shelf: Path) -> None:
    (shelf / "odd.jsonl").write_text('{"text": "x", "n": NaN, "big": 1e999, "deep": ' + "[" * 300 + "]" * 300 + "}\n")
    (record,) = shelved.get("/datasets/odd/preview")["records"]
    assert record["record"]["n"] == "NaN" and record["record"]["big"] == "Infinity"


def test_token_lengths_without_a_tokenizer_say_what_to_name(shelved: ConsoleServer, shelf: Path) -> None:
    (shelf / "some.jsonl").write_bytes(LINE)
    for tokenizer in (str(shelf), "relative", "/nowhere"):
        refused = shelved.http.get("/datasets/some/tokens", params={"tokenizer": tokenizer})
        assert refused.status_code == 422 and refused.json()["errors"][0]["field"] == "tokenizer"
        assert "folder of a model" in refused.json()["hint"]
    unbuilt = shelved.http.get("/datasets/stdlib-docs/tokens", params={"tokenizer": str(shelf)})
    assert unbuilt.status_code == 422 and "not built yet" in unbuilt.json()["detail"]


def test_token_lengths_are_counted_beside_the_server(shelved: ConsoleServer, shelf: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from gladius.recipes import tiny_moe

    folder = tmp_path / "model"
    tiny_moe.make_tokenizer(["Say hi.", "Hi."], 300, 512).save_pretrained(folder)
    (shelf / "some.jsonl").write_bytes(b"\n".join(json.dumps({"text": "hi " * n}).encode() for n in range(1, 41)))
    told = httpx.get(
        f"{shelved.url}/api/v1/datasets/some/tokens", params={"tokenizer": str(folder), "sample": 20},
        headers={"authorization": f"Bearer {shelved.token}"}, timeout=100, trust_env=False,
    )  # fmt: skip
    assert told.status_code == 200, told.text
    lengths = told.json()
    assert (lengths["records"], lengths["counted"], sum(lengths["counts"])) == (40, 20, 20)
    assert lengths["min"] <= lengths["median"] <= lengths["p95"] <= lengths["max"]
    assert lengths["edges"][0] <= lengths["min"] and lengths["max"] < lengths["edges"][-1]
    mapped = Path(f"/proc/{shelved.process.pid}/maps")
    if sys.platform == "linux":
        assert "libtorch" not in mapped.read_text() and "tokenizers" not in mapped.read_text()


def test_a_dataset_is_named_deleted_and_put_back_but_not_while_a_run_needs_it(
    shelved: ConsoleServer, shelf: Path, tmp_path: Path, until: Callable[..., Any]
) -> None:
    assert upload(shelved, "mine.jsonl", LINE).status_code == 201
    (shelf / "theirs.jsonl").write_bytes(LINE)
    named = shelved.http.put("/datasets/mine", json={"name": "Our chats", "description": "From the desk."})
    assert (named.json()["name"], named.json()["origin"], named.json()["findings"]) == ("Our chats", "home", 0)
    rules = shelved.get("/dataset_rules")
    assert [(one["path"], one["home"]) for one in rules["folders"]] == [
        (str(shelved.home.datasets), True), (str(shelf), False),
    ]  # fmt: skip
    assert rules["upload_limit"] == 4 * 2**30 and ".jsonl" in rules["endings"]

    script = tmp_path / "waits.py"
    script.write_text("import gladius\nrun = gladius.init()\nfor step in run.steps(range(10**9)):\n    pass\n")
    profile = "extends: script\nneeds_dataset: true\nargv: ['{python}', '{script.file}']\n"
    assert shelved.http.post("/profiles", json={"id": "waits", "text": profile}).status_code == 201
    wishes = {"profile_id": "waits", "dataset_id": "mine", "overrides": {"script.file": str(script)}}
    run_id = shelved.http.post("/runs", json=wishes).json()["run_id"]
    busy = shelved.http.delete("/datasets/mine")
    assert (busy.status_code, busy.json()["code"]) == (409, "dataset_busy") and run_id in busy.json()["detail"]
    assert (shelved.home.datasets / "mine.jsonl").exists()
    until(lambda: shelved.get(f"/runs/{run_id}")["summary"]["state"] == "running", 60)
    assert shelved.http.post(f"/runs/{run_id}/commands", json={"command": "stop"}).status_code == 202
    until(lambda: shelved.get(f"/runs/{run_id}")["summary"]["finished_at"] is not None, 60)

    entry = until(lambda: shelved.http.delete("/datasets/mine").json().get("entry"))
    assert not (shelved.home.datasets / "mine.jsonl").exists()
    assert [one["entry"] for one in shelved.get("/trash/datasets")] == [entry]
    fixed = shelved.http.delete("/datasets/theirs")
    assert (fixed.status_code, fixed.json()["code"]) == (409, "dataset_fixed") and str(shelf) in fixed.json()["hint"]
    back = shelved.http.post(f"/trash/datasets/{entry}/restore", json={})
    assert (back.json()["name"], back.json()["records"]) == ("Our chats", 1)
