"""Records out of CSV, Parquet and Arrow. Upstream: record_rows, pyarrow where it is installed. Downstream: record_files."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator, List, Optional

from gladius.integrations.record_rows import LONGEST, Flaw, Row, lines
from gladius.pulse.plain_file import Opener

_HEADER_HINT = "Name every column once in the first line."
_ROW_HINT = "Put cells that hold a comma or a line break into quotes."
_DAMAGED_HINT = "Write the file anew: this copy is damaged or breaks off."
_PYARROW_HINT = "Where Gladius is installed, type: pip install pyarrow"
_BATCH = 256


def csv_rows(path: Path, opener: Opener) -> Iterator[Row]:
    """One record a row, under the names of the first line."""
    csv.field_size_limit(LONGEST)
    with open(path, "rb", opener=opener) as file:
        table = _TableLines(file)
        reader = csv.reader(table, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
        names: Optional[List[str]] = None
        while True:
            line, cells, flaw = reader.line_num + 1, [], None
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                flaw = Flaw("broken_row", "not a row ({})".format(error), _ROW_HINT)
            flaw = table.flaw() or flaw
            if names is None and (cells or flaw):
                names = [cell.strip() for cell in cells]
                if flaw is not None or not all(names) or len(set(names)) != len(names):
                    told = flaw or Flaw("bad_header", "the header has an empty or a repeated name", _HEADER_HINT)
                    yield Row(line, None, told)
                    return
            elif flaw is not None:
                yield Row(line, None, flaw)
            elif cells and names is not None:
                yield _table_row(line, names, cells)


def _table_row(line: int, names: List[str], cells: List[str]) -> Row:
    if len(cells) != len(names):
        problem = "{} cells where the header has {}".format(len(cells), len(names))
        return Row(line, None, Flaw("uneven_row", problem, _ROW_HINT))
    return Row(line, dict(zip(names, cells)), None)  # noqa: B905 (Python 3.9)


class _TableLines:
    """Lines of text for the CSV reader, which cannot go on behind one that is no UTF-8."""

    def __init__(self, file: BinaryIO) -> None:
        self._lines = lines(file)
        self._flaw: Optional[Flaw] = None

    def __iter__(self) -> _TableLines:
        return self

    def __next__(self) -> str:
        _, _, text, flaw = next(self._lines)
        self._flaw = self._flaw or flaw
        return text

    def flaw(self) -> Optional[Flaw]:
        """What was wrong with the lines since the last call."""
        flaw, self._flaw = self._flaw, None
        return flaw


def parquet(path: Path, opener: Opener) -> Iterator[Row]:
    """The rows of a Parquet file."""
    return _table(path, opener, _parquet_batches)


def arrow(path: Path, opener: Opener) -> Iterator[Row]:
    """The rows of a file that `datasets` saved."""
    return _table(path, opener, _arrow_batches)


def _parquet_batches(source: BinaryIO) -> Iterator[Any]:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(source) as file:
        yield from file.iter_batches(_BATCH, use_threads=False)


def _arrow_batches(source: BinaryIO) -> Iterator[Any]:
    import pyarrow

    with pyarrow.ipc.open_stream(source) as stream:
        yield from stream


def _table(path: Path, opener: Opener, batches: Callable[[BinaryIO], Iterator[Any]]) -> Iterator[Row]:
    """Rows of a file that pyarrow reads, where it is installed."""
    try:
        import pyarrow
    except ImportError:
        flaw = Flaw("unreadable", "reading it needs pyarrow, which is not installed here", _PYARROW_HINT)
        yield Row(0, None, flaw)
        return
    number = 0
    try:
        with open(path, "rb", opener=opener) as source:
            for batch in batches(source):
                for record in batch.to_pylist():
                    number += 1
                    yield Row(number, record, None)
    except (pyarrow.ArrowException, UnicodeDecodeError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # the disk's own word; what pyarrow says of a damaged file has no number
        told = str(error).partition("\n")[0].rstrip(".")[:200]
        yield Row(number + 1, None, Flaw("broken_file", "not readable ({})".format(told), _DAMAGED_HINT))
