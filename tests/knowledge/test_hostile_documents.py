"""Documents that want to hang, to fill, to lead out or to be something else: each is skipped with its reason, none stops the rest."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from documents import bomb, docx, locked_pdf, pdf, slow_html, write

from gladius.knowledge.chunks import chunks
from gladius.knowledge.extract import Refused, Segment, extract
from gladius.knowledge.indexer import Indexer
from gladius.knowledge.walk import Found
from gladius.knowledge.worker import Worker
from gladius.wire.knowledge import IndexInfo, IndexOptions

GOOD = "A good document among bad ones, long enough to be kept."
PAGE = pdf("Some text on a page of a document.")
LETTER = docx("A letter that is whole.")
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty.txt": (b"", "empty"),
    "blank.md": (b" \n\t\n", "empty"),
    "nothing.jsonl": (b"\n\n", "empty"),
    "zeros.txt": (b"\0" * 5000, "empty"),
    "binary.txt": (os.urandom(2000) + b"\0", "binary"),
    "bells.txt": (b"\x07\x01\x02a" * 500, "binary"),
    "cp1251.txt": ("Текст в кодировке, о которой никто не сказал.".encode("cp1251"), "encoding"),
    "half.txt": (b"\xff\xfe" + b"a", "encoding"),
    "liar.html": (b'<meta charset="nonsense"><p>caf\xe9 text is here</p>', "encoding"),
    "hollow.html": (b"<html><script>x()</script></html>", "no_text"),
    "junk.pdf": (os.urandom(3000), "damaged"),
    "text.pdf": (b"just a text that is called a PDF", "damaged"),
    "cut.pdf": (PAGE[:60], "damaged"),
    "scan.pdf": (pdf("", ""), "no_text"),
    "locked.pdf": (locked_pdf("secret"), "encrypted"),
    "junk.docx": (os.urandom(3000), "damaged"),
    "cut.docx": (LETTER[: len(LETTER) // 2], "damaged"),
    "hollow.docx": (docx(), "no_text"),
    "locked.docx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "encrypted"),
    "bomb.docx": (bomb(), "archive_bomb"),
    "page.docx": (PAGE, "damaged"),
    "broken.jsonl": (b"{\n[]\n1\n" + b"[" * 100_000, "no_records"),
    "strange.jsonl": (b'{"prompt": "x"}\n', "no_records"),
    "mojibake.txt": (("\ufffd" * 10 + "x" * 50).encode(), "garbled"),
    "tiny.txt": (b"too short", "short"),
    "program.exe": (b"MZ" + GOOD.encode(), "kind"),
    "noending": (GOOD.encode(), "kind"),
    "slow.html": (slow_html(), "timeout"),
    "large.txt": (b"x" * (20 * 2**20), "too_large"),
}


def test_a_hostile_folder_is_indexed_to_its_end(
    indexer: Indexer, documents: Path, ended: Callable[[str], IndexInfo], tmp_path: Path
) -> None:
    write(documents, {name: content for name, (content, _) in HOSTILE.items()})
    write(documents, {"good.txt": GOOD, "zz/last.txt": "The last document, behind all of them, is read as well."})
    (tmp_path / "secret.txt").write_text("hunter2 is the password of somebody else")
    (documents / "out.txt").symlink_to(tmp_path / "secret.txt")
    (documents / "outdir").symlink_to(tmp_path)
    (documents / "in.txt").symlink_to(documents / "good.txt")
    (documents / "dangling.txt").symlink_to(documents / "nowhere.txt")
    os.mkfifo(documents / "pipe.txt")
    (documents / ".hidden.txt").write_text("Nobody looks at this file, hidden as it is.")
    write(documents, {"/".join(["d"] * 70) + "/deep.txt": GOOD})
    with open(os.fsencode(documents) + b"/bad\xff.txt", "wb") as file:
        file.write(GOOD.encode())
    told = {name: reason for name, (_, reason) in HOSTILE.items()} | {
        "out.txt": "outside", "outdir": "outside", "in.txt": "link", "dangling.txt": "link", "pipe.txt": "special",
        "/".join(["d"] * 64): "too_deep", "bad\\xff.txt": "name",
    }  # fmt: skip
    index_id = indexer.start(documents, options=IndexOptions(seconds_per_file=0.5, max_file_mib=16))
    done = ended(index_id)
    assert done.state == "done" and done.counts is not None
    detail = indexer.detail(index_id, limit=1000)
    assert {one.path: one.reason for one in detail.skipped} == told
    assert (done.counts.records, detail.skipped_total, sum(detail.reasons.values())) == (2, len(told), len(told))
    assert indexer.search(index_id, "hunter2").total == 0 and indexer.search(index_id, "last document").total == 1
    page = indexer.detail(index_id, offset=1, limit=2, reason="encoding")
    assert [one.path for one in page.skipped] == ["half.txt", "liar.html"] and page.skipped_total == 3


@pytest.mark.parametrize(
    ("kind", "data", "seen"),
    [
        ("text", "line one\r\nline two".encode("utf-8-sig"), "line one\nline two"),
        ("text", "старое письмо".encode("cp1251"), "старое письмо"),
        ("html", '<meta charset="koi8-r"><p>старая страница</p>'.encode("koi8-r"), "старая страница"),
        ("html", b"<pre>a  b\nc</pre>x<br>y", "a  b\nc\n\nx\ny"),
        ("html", b"<div>" * 20_000 + b"deep down" + b"</div>" * 20_000, "deep down"),
        ("html", b"<p>never <b>closed <table><tr><td>1<td>2", "never closed"),
        ("html", b"<![CDATA[x]]><?php echo ?><p>what is left</p>", "what is left"),
        ("markdown", b"---\nno: end\n\ntext that is no front matter", "no: end"),
        ("jsonl", b'{"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Ho."}]}\nx', "Hi.\n\nHo."),
        ("text", b"a\x00\x01b is kept without them".replace(b"\x00", b""), "ab is kept"),
    ],
)  # fmt: skip
def test_a_document_is_read_as_a_person_sees_it(kind: str, data: bytes, seen: str) -> None:
    assert seen in "\n\n".join(one.text for one in extract(kind, data, encoding="cp1251").segments)


def test_what_a_missing_package_would_read_is_skipped_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, module, data in (("pdf", "pypdf", PAGE), ("docx", "docx", LETTER), ("html", "bs4", b"<p>text</p>")):
        monkeypatch.setitem(__import__("sys").modules, module, None)
        with pytest.raises(Refused) as refused:
            extract(kind, data)
        assert refused.value.reason == "missing_package"


def test_a_file_that_needs_too_much_memory_is_skipped_and_a_killed_reader_is_replaced(
    tmp_path: Path, until: Callable[..., object]
) -> None:
    write(tmp_path, {"a.html": slow_html(), "b.txt": GOOD})
    files = [Found(name, (tmp_path / name).stat().st_size, 1, kind) for name, kind in (("a.html", "html"), ("b.txt", "text"))]  # fmt: skip
    worker = Worker(tmp_path, IndexOptions(memory_mib=256), lambda: False)
    try:
        assert worker.read(files[0], None).reason in ("memory", "crashed")
        assert worker.read(files[1], None).characters == len(GOOD)
        assert worker._process is not None
        worker._process.kill()
        until(lambda: worker._process is not None and worker._process.poll() is not None)
        reading = worker.read(files[1], None)
        assert reading.reason is None and worker.read(files[1], reading.sha256).same
        write(tmp_path, {"b.txt": ""})
        assert worker.read(files[1], None).reason == "empty"
        (tmp_path / "b.txt").unlink()
        assert worker.read(files[1], None).reason == "unreadable"
    finally:
        worker.close()


WORDS = [f"word{n}" for n in range(8_000)]


@pytest.mark.parametrize("overlap", [0, 50, 200])
@pytest.mark.parametrize("join", [" ", ". ", "\n\n", "\n", "-"])
def test_no_chunk_is_too_long_and_no_word_is_lost(join: str, overlap: int) -> None:
    options = IndexOptions(chunk_chars=400, overlap=overlap)
    text = join.join(WORDS)
    made = [one.text for one in chunks([Segment(text)], apart=False, options=options)]
    assert max(map(len, made)) <= 400 and len(made) < 2.5 * len(text) / (400 - overlap)
    if not overlap:
        assert "".join("".join(made).split()) == "".join(text.split())
    elif join != "-":  # nothing in it is a word, so that it is cut anywhere
        assert {word.strip(".") for one in made for word in one.split()} == set(WORDS)
        assert sum(one.split()[0].strip(".") in before for before, one in itertools.pairwise(made)) > 0.9 * len(made)


def test_chunks_end_where_sentences_do_and_know_their_page() -> None:
    text = "First sentence is here. Second one follows it. " * 20
    pages = [Segment(text, "page 1"), Segment("A short last page.", "page 2")]
    made = list(chunks(pages, apart=False, options=IndexOptions(chunk_chars=200, overlap=40, min_chars=1)))
    assert all(one.text.endswith((".", "it.")) for one in made)
    assert made[0].place == "page 1" and "last page" in made[-1].text
    alone = list(chunks([Segment("one", "line 1"), Segment("two", "line 2")], apart=True, options=IndexOptions()))
    assert [(one.text, one.place) for one in alone] == [("one", "line 1"), ("two", "line 2")]


def test_a_record_of_json_lines_is_not_merged_with_another() -> None:
    lines = "\n".join(json.dumps({"text": f"record {n}"}) for n in range(3))
    found = extract("jsonl", lines.encode())
    assert found.apart and [one.place for one in found.segments] == ["line 1", "line 2", "line 3"]
