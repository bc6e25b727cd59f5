"""Cut a document's text into records of about one length. Upstream: extract. Downstream: build.

Records begin and end where paragraphs do as far as that goes, then at sentences, then at words; only what has none of these
is cut anywhere. Lengths are characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gladius.knowledge.extract import Segment
from gladius.wire.knowledge import IndexOptions

_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_BREAK = "\n\n"
_ENDS = ("\n", ". ", "! ", "? ", "。", "; ", ", ", " ")


@dataclass(frozen=True)
class Chunk:
    """One record's text, and where it begins: a page or a line, where that is known."""

    text: str
    place: str | None = None


def chunks(segments: Iterable[Segment], apart: bool, options: IndexOptions) -> Iterator[Chunk]:
    """Cut segments; those that stand `apart` begin a record each."""
    if apart:
        for segment in segments:
            yield from _packed(_pieces([segment], options), options)
    else:
        yield from _packed(_pieces(segments, options), options)


def _pieces(segments: Iterable[Segment], options: IndexOptions) -> Iterator[Chunk]:
    """Paragraphs, the long ones in parts that leave room for what overlaps."""
    longest = options.chunk_chars - options.overlap - len(_BREAK)
    for segment in segments:
        for paragraph in _PARAGRAPH.split(segment.text):
            if paragraph.strip():
                for part in _parts(paragraph.strip("\n"), longest):
                    yield Chunk(part, segment.place)


def _parts(text: str, longest: int) -> Iterator[str]:
    start = 0
    while len(text) - start > longest:
        end = _cut(text, start, start + longest)
        yield text[start:end].strip()
        start = end
    if text[start:].strip():
        yield text[start:].strip() if start else text


def _cut(text: str, start: int, end: int) -> int:
    """The best place to end a part: the last end of a sentence in its second half, else of a word."""
    middle = (start + end) // 2
    for mark in _ENDS:
        at = text.rfind(mark, middle, end)
        if at >= 0:
            return at + len(mark)
    return end


def _packed(pieces: Iterable[Chunk], options: IndexOptions) -> Iterator[Chunk]:
    """Pieces together up to the length; each record but the first begins with the end of the one before."""
    held, place, fresh = "", None, False
    for piece in pieces:
        if held and len(held) + len(_BREAK) + len(piece.text) > options.chunk_chars:
            if fresh:
                yield Chunk(held, place)
                held, fresh = _tail(held, options.overlap), False
            if held and len(held) + len(_BREAK) + len(piece.text) > options.chunk_chars:
                held = ""
            place = piece.place
        elif not held:
            place = piece.place
        held = f"{held}{_BREAK}{piece.text}" if held else piece.text
        fresh = True
    if fresh:
        yield Chunk(held, place)


def _tail(text: str, length: int) -> str:
    """The last characters of a text from the beginning of a word on; nothing where there is none."""
    if not length or len(text) <= length:
        return text if length else ""
    cut = text[-length:]
    at = re.search(r"\s", cut)
    return cut[at.end() :].lstrip() if at else ""
