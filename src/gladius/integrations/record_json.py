"""Records out of JSONL and out of a JSON list, a piece of the file at a time. Upstream: record_rows. Downstream: record_files."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, List, Optional, Tuple

from gladius.integrations.record_rows import LONGEST, Flaw, Row, lines, not_utf8, too_long
from gladius.pulse.plain_file import Opener

LINE_HINT = "Each line is one JSON object."
LIST_HINT = "A .json file is a list of objects: [{...}, {...}]."
_PIECE = 2**20


def jsonl(path: Path, opener: Opener) -> Iterator[Row]:
    """One object a line."""
    with open(path, "rb", opener=opener) as file:
        yield from jsonl_of(file)


def jsonl_of(file: BinaryIO) -> Iterator[Row]:
    """One object a line, out of a file that is open."""
    decoder = _Objects()
    for number, raw, text, flaw in lines(file):
        if flaw is not None:
            yield Row(number, None, flaw)
        elif text.strip():
            yield decoder.row(number, text, raw)


class _Objects:
    """JSON objects out of a text, each looked at for what JSON allows and no record can mean."""

    def __init__(self) -> None:
        self._twice: Optional[str] = None
        self._decoder = json.JSONDecoder(object_pairs_hook=self._object)

    def _object(self, pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            self._twice = next(name for name in names if names.count(name) > 1)
        return found

    def row(self, line: int, text: str, raw: bytes) -> Row:
        try:
            value = self._decoder.decode(text)
        except (ValueError, RecursionError) as error:
            self._twice = None
            return Row(line, None, _broken(error, LINE_HINT))
        return self.checked(line, value, b"\\u" in raw, LINE_HINT)

    def next(self, text: str, at: int) -> Tuple[Any, int]:
        """The value that begins there, and its end; raises ValueError, RecursionError."""
        self._twice = None
        return self._decoder.raw_decode(text, at)

    def checked(self, line: int, value: Any, escaped: bool, hint: str) -> Row:
        twice, self._twice = self._twice, None
        if not isinstance(value, dict):
            return Row(line, None, Flaw("not_object", "not a JSON object", hint))
        if twice is not None:
            problem = "the key '{}' stands twice in one object".format(twice[:80])
            return Row(line, None, Flaw("duplicate_key", problem, "Leave one of the two."))
        if escaped and not _encodable(value):
            problem = "half of a character (a lone surrogate such as \\ud800)"
            return Row(line, None, Flaw("broken_text", problem, "Write the whole character there."))
        return Row(line, value, None)


def _encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


def _broken(error: BaseException, hint: str) -> Flaw:
    if isinstance(error, RecursionError):
        return Flaw("broken_json", "nested too deep for JSON", "Write flat records.")
    if isinstance(error, json.JSONDecodeError):
        return Flaw("broken_json", "not JSON in UTF-8 ({}, column {})".format(error.msg, error.colno), hint)
    return Flaw("broken_json", "not JSON in UTF-8 ({})".format(error), hint)


def json_list(path: Path, opener: Opener) -> Iterator[Row]:
    """A list of objects; a file that begins with an object is JSONL under another name."""
    with open(path, "rb", opener=opener) as file:
        pieces = _Pieces(file)
        try:
            first = pieces.peek()
            if first != "{":
                yield from _list(pieces, first)
                return
        except UnicodeDecodeError as error:
            yield Row(pieces.line, None, not_utf8(error, pieces.start))
            return
    yield from jsonl(path, opener)


def _list(pieces: _Pieces, first: str) -> Iterator[Row]:
    if first != "[":
        if first:
            yield Row(pieces.line, None, Flaw("not_object", "not a list of JSON objects", LIST_HINT))
        return
    decoder, end = _Objects(), "["
    pieces.skip(1)
    while True:
        mark = pieces.peek()
        if mark == "]" and end in "[}":
            return
        if end == "}":
            if mark != ",":
                told = "a comma or ] is missing" if mark else "the list breaks off"
                yield Row(pieces.line, None, Flaw("broken_json", "not JSON in UTF-8 ({})".format(told), LIST_HINT))
                return
            pieces.skip(1)
            mark, end = pieces.peek(), ","
            continue
        try:
            line = pieces.line
            value, text = pieces.value(decoder)
        except (ValueError, RecursionError) as error:
            if isinstance(error, UnicodeDecodeError):
                raise
            flaw = too_long() if pieces.full else _broken_in_list(error)
            yield Row(pieces.line_at(getattr(error, "pos", 0)), None, flaw)
            return
        yield decoder.checked(line, value, "\\u" in text, LIST_HINT)
        end = "}"


def _broken_in_list(error: BaseException) -> Flaw:
    if isinstance(error, json.JSONDecodeError):
        return Flaw("broken_json", "not JSON in UTF-8 ({})".format(error.msg), LIST_HINT)
    return _broken(error, LIST_HINT)


class _Pieces:
    """A file's text, a piece at a time, and the line that is read."""

    def __init__(self, file: BinaryIO) -> None:
        self.line = 1
        self.start = b""
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._ended = False

    @property
    def full(self) -> bool:
        """Whether one value would take more than a record may."""
        return len(self._text) - self._at > LONGEST

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
                self.skip(1)
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._more()

    def skip(self, count: int) -> None:
        """Go on by that many characters."""
        self.line += self._text.count("\n", self._at, self._at + count)
        self._at += count

    def value(self, decoder: _Objects) -> Tuple[Any, str]:
        """The JSON value that begins here, and its text."""
        while True:
            try:
                value, end = decoder.next(self._text, self._at)
                if end < len(self._text) or self._ended:
                    text = self._text[self._at : end]
                    self.skip(end - self._at)
                    return value, text
            except (ValueError, RecursionError):
                if self._ended or self.full:
                    raise
            self._more(max(_PIECE, len(self._text) - self._at))

    def line_at(self, position: int) -> int:
        """The line of a place in the text that is held."""
        return self.line + self._text.count("\n", self._at, max(self._at, position))

    def _more(self, size: int = _PIECE) -> None:
        piece = self._file.read(size)
        self.start = self.start or piece[:4]
        self._ended = len(piece) < size
        self._text = self._text[self._at :]
        self._at = 0
        try:
            self._text += self._decoder.decode(piece, self._ended)
        except UnicodeDecodeError as error:
            self.line += self._text.count("\n") + piece.count(b"\n", 0, error.start)
            raise
