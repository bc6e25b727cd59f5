"""An index of a few documents, made as its job makes it."""

from __future__ import annotations

from gladius.knowledge.build import Build
from gladius.knowledge.extract import Extracted, Segment
from gladius.knowledge.folder import IndexFolder
from gladius.knowledge.reader import pack
from gladius.knowledge.shelf import Shelf
from gladius.knowledge.walk import Found
from gladius.knowledge.worker import Reading
from gladius.wire.knowledge import IndexOptions

DOCUMENTS = 6


def index_documents(folder: IndexFolder, value: int) -> None:
    """Make an index whose documents each hold the word `value1` or `value2`. Raises what its job is told."""
    shelf = Shelf(folder.texts, None)
    try:
        for number in range(DOCUMENTS):
            text = f"value{value} document{number} " + " ".join(f"{value}x{number}y{word}" for word in range(200))
            body = pack(Extracted([Segment(text)]))
            shelf.put(Found(f"{number}.txt", len(text), value, "text"), Reading(f"{value} {number}", body=body))
        vanished = shelf.end()
        Build(folder, shelf, IndexOptions(), lambda _: None).make({"name": "d", "path": "/d"}, vanished)
    finally:
        shelf.close()
