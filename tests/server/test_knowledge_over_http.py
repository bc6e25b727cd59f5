"""Documents over HTTP: sent, chosen, indexed, searched, trained on; nothing outside of the folders is listed or read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest
from console_server import ConsoleServer
from documents import docx, pdf, write

from gladius.client import Client
from gladius.wire.knowledge import IndexOptions

Until = Callable[..., Any]
TEXT = "Whales are mammals that live in the sea, and krill is what they eat."


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    return folder


def send(server: ConsoleServer, folder: str, filename: str, content: bytes | Iterator[bytes]) -> httpx.Response:
    return server.http.post("/knowledge/documents", params={"folder": folder, "filename": filename}, content=content)


def folders(server: ConsoleServer, path: str) -> Any:
    return server.http.get("/knowledge/folders", params={"path": path}).json()


def refuses(server: ConsoleServer, folder: Path) -> None:
    for method, path, status in (
        ("GET", "/knowledge/nothing", 404), ("GET", "/knowledge/..%2F..", 404), ("POST", "/knowledge/nothing/cancel", 404),
        ("GET", "/knowledge/whales?reason=nonsense", 422), ("GET", "/knowledge/whales/search?q=", 422),
    ):  # fmt: skip
        answer = server.http.request(method, path)
        assert answer.status_code == status and answer.json()["code"], path
    for body in ({}, {"path": ""}, {"path": str(folder), "options": {"overlap": 5000}}, {"path": str(folder), "x": 1}):
        assert server.http.post("/knowledge", json=body).status_code == 422, body


def test_documents_are_sent_chosen_indexed_and_searched(
    serve: Callable[..., ConsoleServer], shelf: Path, until: Until, tmp_path: Path
) -> None:
    server = serve(datasets_in=[str(shelf)])
    # A person's documents, sent one by one.
    sent = send(server, "My papers", "../whale notes.txt", TEXT.encode())
    assert sent.status_code == 201, sent.text
    folder = Path(sent.json()["folder"])
    assert folder == server.home.documents / "my-papers" and sent.json()["name"] == "whale-notes.txt"
    assert send(server, "My papers", "krill.pdf", pdf("Krill is small and there is a lot of it.")).status_code == 201
    assert send(server, "My papers", "letter.docx", docx("Dear whale, this letter is for you.")).status_code == 201
    again = send(server, "My papers", "krill.pdf", b"x")
    assert (again.status_code, again.json()["code"]) == (409, "dataset_exists")
    assert send(server, "My papers", "run.sh", b"x").json()["errors"][0]["field"] == "filename"
    assert send(server, "../../..", "a.txt", TEXT.encode()).json()["folder"].startswith(str(server.home.documents))

    # Chosen among the folders.
    tops = server.get("/knowledge/folders")
    assert {one["path"] for one in tops["folders"]} >= {str(server.home.documents), str(shelf)} and tops["path"] is None
    inside = folders(server, str(server.home.documents))
    assert "my-papers" in [one["name"] for one in inside["folders"]] and inside["parent"] is None
    there = folders(server, str(folder))
    assert (there["documents"], there["parent"]) == ({"text": 1, "pdf": 1, "docx": 1}, str(server.home.documents))
    (shelf / "out").symlink_to("/etc")
    for path in ("/etc", "/", str(shelf / ".."), str(shelf / "out"), "relative", str(shelf / "absent")):
        assert server.http.get("/knowledge/folders", params={"path": path}).status_code == 422, path
        assert server.http.post("/knowledge", json={"path": path}).status_code == 422, path
    assert "out" not in [one["name"] for one in folders(server, str(shelf))["folders"]]

    # Indexed by a process of its own.
    started = server.http.post("/knowledge", json={"path": str(folder), "name": "Whales", "options": {"min_chars": 10}})
    assert (started.status_code, started.json()) == (202, {"index_id": "whales"})
    until(lambda: server.get("/knowledge/whales")["state"] != "running", timeout=60)
    index = server.get("/knowledge/whales")
    assert (index["state"], index["dataset_id"], index["counts"]["records"]) == ("done", "whales", 3)
    assert [one["id"] for one in server.get("/knowledge")] == ["whales"]
    assert server.get("/datasets/whales")["format"] == "text" and server.get("/datasets/whales/check")["errors"] == 0
    found = server.get("/knowledge/whales/search", q="krill")
    assert found["total"] == 2 and all(any(part["hit"] for part in hit["parts"]) for hit in found["hits"])
    assert {hit["source"] for hit in found["hits"]} == {"krill.pdf", "whale-notes.txt"}

    taken = server.http.post("/knowledge", json={"path": str(shelf), "name": "whales"})
    assert (taken.status_code, taken.json()["code"]) == (409, "index_exists")

    refuses(server, folder)

    # The Python client says the same; a server that comes back knows all of it.
    server.kill()
    later = serve(datasets_in=[str(shelf)])
    with Client(later.url, later.token) as client:
        assert client.indexes()[0].id == "whales"
        write(folder, {"new.md": "# News\n\nA whale was seen where no whale had been."})
        assert client.index(folder, "Whales", IndexOptions(min_chars=10)) == "whales"
        until(lambda: client.index_info("whales").state != "running", timeout=60)
        counts = client.index_info("whales").counts
        assert counts is not None and (counts.read, counts.unchanged, counts.records) == (1, 3, 4)
        assert client.search_documents("whales", "news").hits[0].source == "new.md"
        assert client.document_folders(folder).documents["markdown"] == 1
        (tmp_path / "sent.txt").write_text(TEXT)
        assert client.upload_document(tmp_path / "sent.txt", "other").name == "sent.txt"
        client.remove_index("whales")
        assert client.indexes() == []


def test_an_upload_that_breaks_off_leaves_nothing(server: ConsoleServer) -> None:
    def breaks_off() -> Iterator[bytes]:
        yield TEXT.encode()
        raise RuntimeError("the sender is gone")

    folder = f"broken-{token_hex(2)}"
    with pytest.raises(RuntimeError, match="gone"):
        send(server, folder, "a.txt", breaks_off())
    assert send(server, folder, "b.txt", TEXT.encode()).status_code == 201
    assert [one.name for one in (server.home.documents / folder).glob("[!.]*")] == ["b.txt"]
