"""The text of one document. Upstream: a file's bytes. Downstream: reader, which runs in a process of its own.

Nothing is guessed: a text of unknown encoding, a PDF of pictures, a damaged archive are refused with the reason.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gladius.errors import BadRecord
from gladius.integrations.records import to_messages
from gladius.wire.knowledge import SkipReason

MOST_TEXT = 64 * 2**20
"""Characters of one document, at most."""
MOST_UNPACKED = 256 * 2**20
"""Bytes that a .docx may unpack to; a megabyte of XML is a hundred pages."""
MOST_RATIO = 200
GARBLED = 0.02
"""The share of characters that could not be read beyond which a text is worth nothing."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_HALVES = re.compile("[\ud800-\udfff]")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_GONE = ("script", "style", "noscript", "template", "svg", "head", "iframe", "object")
_BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "div", "dl", "dt", "fieldset",
        "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav",
        "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Segment:
    """A stretch of text; `place` is its page or line where there is such."""

    text: str
    place: str | None = None


@dataclass
class Extracted:
    """A document's text. Segments that stand `apart` never share a record; `bad_records` could not be read."""

    segments: list[Segment] = field(default_factory=list)
    apart: bool = False
    bad_records: int = 0


class Refused(Exception):
    """A document that gives nothing, and why."""

    def __init__(self, reason: SkipReason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason: SkipReason = reason
        self.detail = detail[:300]


def extract(kind: str, data: bytes, encoding: str | None = None) -> Extracted:
    """Return the text of a document of a kind (see walk.KINDS). Raises Refused; whatever a library raises else is damage."""
    if not data.strip(b"\0 \t\r\n"):
        raise Refused("empty")
    found = _READERS[kind](data, encoding)
    found.segments = [Segment(text, one.place) for one in found.segments if (text := _clean(one.text))]
    length = sum(len(one.text) for one in found.segments)
    if not length:
        raise Refused(
            "no_records" if kind == "jsonl" else "no_text", f"{found.bad_records}" if found.bad_records else ""
        )
    if sum(one.text.count("\ufffd") for one in found.segments) > GARBLED * length:
        raise Refused("garbled")
    return found


def decoded(data: bytes, encoding: str | None, declared: str | None = None) -> str:
    """A text file's text: by its mark, as UTF-8, by what the file declares, or by the `encoding` that a person named."""
    marked = [name for mark, name in _BOMS if data.startswith(mark)][:1]
    if not marked and b"\0" in data[:65536]:
        raise Refused("binary")
    for name in marked or [name for name in ("utf-8", declared, encoding) if name]:
        with contextlib.suppress(UnicodeError, LookupError):
            return data.decode(name)
    raise Refused("encoding", (marked or [declared or encoding or ""])[0])


def _clean(text: str) -> str:
    """One kind of line end, no control characters, no halves of characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n").replace("\ufeff", "")
    return _HALVES.sub("\ufffd", _CONTROL.sub("", text)).strip()


def _text(data: bytes, encoding: str | None) -> Extracted:
    text = decoded(data, encoding)
    if len(_CONTROL.findall(text[:65536])) > 0.05 * len(text[:65536]):
        raise Refused("binary")
    return Extracted(_limited([Segment(text)]))


def _markdown(data: bytes, encoding: str | None) -> Extracted:
    """As it is, without the YAML before it: that is about the document and not of it."""
    (whole,) = _text(data, encoding).segments
    return Extracted([Segment(_FRONT_MATTER.sub("", whole.text.replace("\r\n", "\n"), count=1))])


def _html(data: bytes, encoding: str | None) -> Extracted:
    """What a reader sees of a page, block by block."""
    try:
        from bs4 import BeautifulSoup
        from bs4.dammit import EncodingDetector
    except ImportError:
        raise Refused("missing_package", "beautifulsoup4") from None

    declared = EncodingDetector.find_declared_encoding(data, is_html=True, search_entire_document=False)
    # Python's own parser: lxml's leaves out what is nested deeper than 256, and says nothing.
    soup = BeautifulSoup(decoded(data, encoding, declared), "html.parser")
    for gone in soup.find_all(_GONE):
        gone.decompose()
    return Extracted(_limited([Segment("".join(_seen(soup)))]))


def _seen(soup: Any) -> Iterator[str]:
    """Texts in their order with an empty line where a block begins or ends; without recursion, whatever the nesting."""
    from bs4 import NavigableString, Tag
    from bs4.element import PreformattedString

    waiting: list[Any] = [soup]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str) and not isinstance(node, NavigableString):
            yield node
        elif isinstance(node, NavigableString):
            # Comments, doctypes and the like are texts too.
            if not isinstance(node, PreformattedString):
                kept = node.parent is not None and node.parent.name == "pre"
                yield str(node) if kept else re.sub(r"\s+", " ", node)
        elif isinstance(node, Tag):
            edge = " " if node.name in ("td", "th") else "\n\n" if node.name in _BLOCKS else ""
            waiting += ["\n"] if node.name == "br" else [edge, *reversed(node.contents), edge]


def _pdf(data: bytes, _: str | None) -> Extracted:
    try:
        import pypdf
        from pypdf.errors import DependencyError, FileNotDecryptedError
    except ImportError:
        raise Refused("missing_package", "pypdf") from None

    try:
        document = pypdf.PdfReader(io.BytesIO(data), strict=False)
        if document.is_encrypted and not document.decrypt(""):
            raise Refused("encrypted")
        pages = [Segment(page.extract_text(), f"page {number}") for number, page in _counted(document.pages)]
    except (DependencyError, FileNotDecryptedError):
        raise Refused("encrypted") from None
    return Extracted(_limited(pages))


def _counted(pages: Any) -> Iterator[tuple[int, Any]]:
    return ((number, page) for number, page in enumerate(pages, start=1))


def _docx(data: bytes, _: str | None) -> Extracted:
    """Paragraphs and tables in their order; a table's row is a line."""
    try:
        import docx
        from docx.table import Table
    except ImportError:
        raise Refused("missing_package", "python-docx") from None

    if data.startswith(b"\xd0\xcf\x11\xe0"):  # what Office keeps an encrypted document in
        raise Refused("encrypted")
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        sizes = [entry.file_size for entry in packed.infolist()]
    if sum(sizes) > MOST_UNPACKED or sum(sizes) > MOST_RATIO * max(len(data), 2**16):
        raise Refused("archive_bomb", f"{sum(sizes):,}")
    blocks = []
    for part in docx.Document(io.BytesIO(data)).iter_inner_content():
        if isinstance(part, Table):
            rows = ((cell.text.strip() for cell in row.cells) for row in part.rows)
            blocks.append("\n".join(" | ".join(dict.fromkeys(filter(None, row))) for row in rows))
        else:
            blocks.append(part.text)
    return Extracted(_limited([Segment("\n\n".join(filter(str.strip, blocks)))]))


def _jsonl(data: bytes, _: str | None) -> Extracted:
    """Each line's texts; alpaca and messages one turn after the other."""
    from gladius.integrations.record_json import jsonl_of

    found = Extracted(apart=True)
    for row in jsonl_of(io.BytesIO(data)):
        try:
            if row.record is None:
                raise BadRecord("", row.line, "")
            turns = to_messages(row.record, "auto", Path(), row.line)
        except BadRecord:
            found.bad_records += 1
            continue
        found.segments.append(Segment("\n\n".join(turn["content"] for turn in turns), f"line {row.line}"))
    found.segments = _limited(found.segments)
    return found


def _limited(segments: list[Segment]) -> list[Segment]:
    if sum(len(one.text) for one in segments) > MOST_TEXT:
        raise Refused("too_much_text", f"{MOST_TEXT:,}")
    return segments


_READERS: dict[str, Callable[[bytes, str | None], Extracted]] = {
    "text": _text, "markdown": _markdown, "html": _html, "pdf": _pdf, "docx": _docx, "jsonl": _jsonl,
}  # fmt: skip
