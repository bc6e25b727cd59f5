"""The object that owns every path of one index, and how an index is called. Upstream: the home. Downstream: the rest of the room."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator

from gladius.errors import IndexNotFound
from gladius.pulse.rundir import Home

_LONGEST = 60
_LONGEST_GIVEN = 200
_ID = re.compile(r"[a-z0-9][a-z0-9._-]*\Z")


class IndexFolder:
    """One index: what was asked, how far it is, what was read, and the search. Nothing is created before it is written."""

    def __init__(self, home: Home, index_id: str) -> None:
        self.home = home
        self.id = index_id
        self.root = home.knowledge / index_id
        self.request = self.root / "request.json"
        self.progress = self.root / "progress.json"
        self.built = self.root / "built.json"
        self.manifest = self.root / "manifest.json"
        self.lock = self.root / "index.lock"
        self.texts = self.root / "texts.sqlite"
        self.search = self.root / "search.sqlite"
        self.log = self.root / "index.log"
        self.search_part = self.root / "search.sqlite.part"
        self.built_part = self.root / "built.json.part"
        self.manifest_part = self.root / "manifest.json.part"
        self.dataset = home.datasets / f"{index_id}.jsonl"
        # On the same disk, so that it can take the dataset's place at once; what begins with a dot is no dataset.
        self.dataset_part = home.datasets / f".{index_id}.jsonl.part"


def all_indexes(home: Home) -> Iterator[IndexFolder]:
    """Every index by its id."""
    if home.knowledge.is_dir():
        for path in sorted(home.knowledge.iterdir()):
            if _ID.match(path.name) and (path / "request.json").is_file():
                yield IndexFolder(home, path.name)


def find_index(home: Home, index_id: str) -> IndexFolder:
    """The index of that id. Raises IndexNotFound."""
    if len(index_id) > _LONGEST_GIVEN or not _ID.match(index_id) or not IndexFolder(home, index_id).request.is_file():
        raise IndexNotFound(index_id)
    return IndexFolder(home, index_id)


def index_id_of(name: str) -> str:
    """An id that can stand in a URL and in a file's name; what ASCII cannot say is told apart by a digest."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    id_ = re.sub(r"[^a-z0-9._-]+", "-", plain)[:_LONGEST].strip("-.")
    if not name.isascii() or not _ID.match(id_):
        digest = hashlib.sha256(unicodedata.normalize("NFC", name).encode("utf-8", "replace")).hexdigest()[:4]
        id_ = f"{id_.strip('-._') or 'documents'}-{digest}"
    return id_
