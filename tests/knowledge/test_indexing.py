"""A folder of documents becomes a dataset: what is in it, what is read again, what a crash leaves."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from documents import docx, pdf, slow_html, write

from gladius.errors import ConfigError, DatasetExists, IndexBusy, IndexExists, IndexNotBuilt, IndexNotFound
from gladius.integrations.records import read_conversations
from gladius.knowledge.folder import IndexFolder, index_id_of
from gladius.knowledge.indexer import Indexer
from gladius.knowledge.shelf import skipped_files
from gladius.pulse import safe_read_json
from gladius.pulse.lock import read_holder
from gladius.pulse.rundir import Home
from gladius.wire.knowledge import IndexInfo, IndexOptions

Ended = Callable[[str], IndexInfo]

PLAIN = "The quick brown fox jumps over the lazy dog, as it did before."
FILES: dict[str, bytes | str] = {
    "a.txt": PLAIN,
    "deep/er/b.md": "---\ntitle: Not of the text\n---\n# Heading\n\nMarkdown stays *as it is*, stars and all.\n",
    "c.html": "<html><head><title>gone</title><style>p{}</style></head><body><h1>Page</h1><p>Seen &amp; kept, "
    "<b>bold</b> too.</p><script>gone()</script><!-- gone --></body></html>",
    "d.pdf": pdf("The first page speaks of whales.", "The second page speaks of krill."),
    "e.docx": docx("A paragraph of the letter.", table=[["name", "weight"], ["whale", "100 t"]]),
    "f.jsonl": json.dumps({"text": "One record that stands for itself."}) + "\n"
    + json.dumps({"instruction": "What is krill?", "output": "What whales eat."}) + "\nbroken\n",
    "g.txt": "﻿Кит — не рыба, а млекопитающее.".encode("utf-16"),
    "h.txt": PLAIN.replace(" ", "  "),
    "i.exe": b"MZ",
}  # fmt: skip


def records(home: Home, index_id: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home.datasets / f"{index_id}.jsonl").read_text().splitlines()]


def test_a_folder_becomes_a_dataset_and_later_only_what_changed_is_read(
    indexer: Indexer, documents: Path, home: Home, ended: Ended
) -> None:
    write(documents, FILES)
    index_id = indexer.start(documents)
    assert index_id == "papers"
    first = ended(index_id)
    assert (first.state, first.dataset_id, first.message) == ("done", "papers", "")
    by_source: dict[str, list[str]] = {}
    for record in records(home, index_id):
        assert record["chunk"] == len(by_source.setdefault(record["source"], []))
        by_source[record["source"]].append(record["text"])
    assert by_source == {
        "a.txt": [PLAIN],
        "deep/er/b.md": ["# Heading\n\nMarkdown stays *as it is*, stars and all."],
        "c.html": ["Page\n\nSeen & kept, bold too."],
        "d.pdf": ["The first page speaks of whales.\n\nThe second page speaks of krill."],
        "e.docx": ["A paragraph of the letter.\n\nname | weight\nwhale | 100 t"],
        "f.jsonl": ["One record that stands for itself.", "What is krill?\n\nWhat whales eat."],
        "g.txt": ["Кит — не рыба, а млекопитающее."],
    }
    assert first.counts is not None
    told = first.counts.model_dump(exclude={"characters", "short", "garbled"})
    assert told == {"files": 9, "read": 8, "unchanged": 0, "skipped": 2, "vanished": 0, "records": 8, "duplicates": 1, "bad_records": 1}  # fmt: skip
    detail = indexer.detail(index_id)
    assert [(one.path, one.reason) for one in detail.skipped] == [("h.txt", "duplicate"), ("i.exe", "kind")]

    manifest = safe_read_json(IndexFolder(home, index_id).manifest) or {}
    whole = (home.datasets / "papers.jsonl").read_bytes()
    assert manifest["dataset"]["sha256"] == hashlib.sha256(whole).hexdigest()
    sources = {one["path"]: one for one in manifest["sources"]}
    assert sources["d.pdf"]["sha256"] == hashlib.sha256(FILES["d.pdf"]).hexdigest()  # type: ignore[arg-type]
    assert (sources["d.pdf"]["bytes"], sources["d.pdf"]["records"]) == (len(FILES["d.pdf"]), 1)

    # The recipe and the check read it as plain text.
    assert len(list(read_conversations(home.datasets / "papers.jsonl"))) == 8
    (dataset,) = [one for one in indexer._datasets.all() if one.id == "papers"]
    assert (dataset.format, dataset.records, dataset.problem) == ("text", 8, None)

    write(documents, {"a.txt": "Something else stands here now, and it is new."})
    (documents / "d.pdf").unlink()
    os.utime(documents / "e.docx", ns=(1, 1))  # touched: looked at, and found to be the same
    second = ended(indexer.start(documents, "papers"))
    assert second.state == "done" and second.counts is not None
    counts = second.counts.model_dump()
    assert {name: counts[name] for name in ("read", "unchanged", "vanished")} == {
        "read": 2,
        "unchanged": 5,
        "vanished": 1,
    }
    texts = [record["text"] for record in records(home, index_id)]
    assert any("stands here now" in text for text in texts) and not any("whales." in text for text in texts)
    # What was a double of a changed file stands for itself now.
    assert PLAIN.replace(" ", "  ") in texts

    hits = indexer.search(index_id, 'krill "whales eat"')
    assert (hits.total, hits.hits[0].source, hits.hits[0].place) == (1, "f.jsonl", "line 2")
    assert [part.text for part in hits.hits[0].parts if part.hit] == ["krill", "whales eat"]
    assert indexer.search(index_id, "МЛЕКО").total == 1
    assert indexer.search(index_id, "first page").total == 0
    for odd in ('"', "()", "a OR (", "text:", "NEAR(", "* ^", "fox -dog", "'; DROP TABLE records", "\x02"):
        assert indexer.search(index_id, odd).total >= 0


def test_a_kill_or_a_cancel_leaves_the_old_dataset_and_the_next_one_goes_on(
    indexer: Indexer, documents: Path, home: Home, ended: Ended, until: Callable[..., object]
) -> None:
    write(documents, {"a.txt": PLAIN})
    index_id = indexer.start(documents, "Papers")
    assert ended(index_id).state == "done"
    before = (home.datasets / "papers.jsonl").read_bytes()
    folder = IndexFolder(home, index_id)

    write(documents, {"b.txt": "A second document that is read before the end.", "c.html": slow_html()})

    def begun() -> bool:
        return indexer.state(index_id).progress.current == "c.html"

    indexer.start(documents, "Papers")
    with pytest.raises(IndexBusy):
        indexer.start(documents, "Papers")
    until(begun)
    running = indexer.state(index_id)
    assert (running.state, running.progress.files_total, running.progress.files_done) == ("running", 3, 2)
    assert running.dataset_id == "papers"
    # Another server finds it.
    assert Indexer(home, indexer._datasets).state(index_id).state == "running"
    os.kill((read_holder(folder.lock) or {})["pid"], signal.SIGKILL)
    killed = ended(index_id)
    assert killed.state == "error" and "without a word" in killed.message
    assert (home.datasets / "papers.jsonl").read_bytes() == before

    indexer.start(documents, "Papers")
    until(begun)
    indexer.cancel(index_id)
    cancelled = ended(index_id)
    assert (cancelled.state, cancelled.dataset_id) == ("cancelled", "papers")
    assert (home.datasets / "papers.jsonl").read_bytes() == before
    assert indexer.search(index_id, "second").total == 0
    assert not list(home.datasets.glob(".*"))

    (documents / "c.html").unlink()
    last = ended(indexer.start(documents, "Papers"))
    assert last.state == "done" and last.counts is not None
    # b.txt was read before the kill, and is not read again.
    assert (last.counts.read, last.counts.unchanged, last.counts.records) == (0, 2, 2)

    indexer.remove(index_id)
    assert not folder.root.exists() and not (home.datasets / "papers.jsonl").exists() and (documents / "a.txt").exists()


def test_a_folder_without_one_good_document_is_an_error_that_says_where_to_look(
    indexer: Indexer, documents: Path, ended: Ended
) -> None:
    write(documents, {"a.txt": "short"})
    index_id = indexer.start(documents)
    failed = ended(index_id)
    assert (failed.state, failed.dataset_id) == ("error", None) and "gave a record" in failed.message
    assert [one.reason for one in indexer.detail(index_id).skipped] == ["short"]
    with pytest.raises(IndexNotBuilt):
        indexer.search(index_id, "short")


def test_what_cannot_be_indexed_is_refused_at_once(indexer: Indexer, documents: Path, home: Home) -> None:
    write(documents, {"a.txt": PLAIN})
    (documents / "out").symlink_to("/etc")
    for path in ("/etc", documents / ".." / ".." / "..", documents / "out", documents / "absent", "nowhere"):
        with pytest.raises(ConfigError):
            indexer.start(path)
    with pytest.raises(ConfigError, match="no folder"):
        indexer.start(documents / "a.txt")
    with pytest.raises(IndexNotFound):
        indexer.state("../../etc")
    (home.datasets / "mine.jsonl").write_text("{}")
    with pytest.raises(DatasetExists):
        indexer.start(documents, "mine")
    other = IndexFolder(home, "taken")
    other.root.mkdir(parents=True)
    other.request.write_text(json.dumps({"path": "/elsewhere"}))
    with pytest.raises(IndexExists, match="/elsewhere"):
        indexer.start(documents, "Taken")
    for options in ({"overlap": 1500}, {"chunk_chars": 1}, {"min_chars": 5000}, {"seconds_per_file": 0}, {"x": 1}):
        with pytest.raises(ValueError):
            IndexOptions.model_validate(options)


def test_an_id_can_stand_in_a_url_and_tells_names_apart() -> None:
    assert index_id_of("My Docs (2024)") == "my-docs-2024"
    assert len({index_id_of(name) for name in ("Отчёт 2024", "Счёт 2024", "2024", "документы", "文档")}) == 5
    for name in ("..", "/", ".hidden", "-", "a/../b", "ы" * 200, "x" * 200):
        assert "/" not in index_id_of(name) and index_id_of(name)[0].isalnum() and len(index_id_of(name)) < 80


def test_nothing_is_skipped_yet_where_a_job_has_only_laid_its_file_down(tmp_path: Path) -> None:
    (tmp_path / "texts.sqlite").touch()
    assert skipped_files(tmp_path / "texts.sqlite", 0, 10) == ([], {})
