"""Where documents lie, and one that comes over the wire. Upstream: server. Downstream: the folders of documents."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from gladius.catalog.dataset_adding import Upload
from gladius.catalog.dataset_roots import Roots
from gladius.errors import ConfigError
from gladius.knowledge.folder import index_id_of
from gladius.knowledge.walk import KINDS
from gladius.pulse.rundir import Home
from gladius.wire.knowledge import DocumentFolder, DocumentFolders

LIMIT = 256 * 2**20
"""Bytes of a document that is sent, at most: what an indexing reads by default."""
_MOST = 500


def folders(roots: Roots, path: str | None) -> DocumentFolders:
    """What lies in a folder; without a path the folders where documents may lie. Raises ConfigError."""
    if path is None:
        there = [folder for folder in roots.folders if folder.is_dir()]
        return DocumentFolders(folders=[DocumentFolder(path=str(one), name=str(one)) for one in there])
    real = roots.within(Path(path))
    try:
        with os.scandir(real) as listing:
            entries = sorted((one for one in listing if not one.name.startswith(".")), key=lambda one: one.name)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", "Check the folder.", "path") from error
    inner = [one for one in entries if one.is_dir(follow_symlinks=False) and _sayable(one.name)]
    kinds = Counter(
        KINDS[suffix] for one in entries
        if (suffix := Path(one.name).suffix.lower()) in KINDS and one.is_file(follow_symlinks=False)
    )  # fmt: skip
    return DocumentFolders(
        path=str(real), parent=_parent(roots, real), documents=dict(kinds), more=len(inner) > _MOST,
        folders=[DocumentFolder(path=one.path, name=one.name) for one in inner[:_MOST]],
    )  # fmt: skip


def receive(home: Home, folder: str, filename: str, expected: int | None) -> Upload:
    """Begin to take a document into a folder of the home's documents. Raises ConfigError, DatasetExists, DatasetTooLarge, DiskFull."""
    return Upload(home.documents / index_id_of(folder), filename, expected, LIMIT, KINDS)


def _parent(roots: Roots, real: Path) -> str | None:
    tops = {Path(os.path.realpath(one)) for one in roots.folders}
    return None if real in tops else str(real.parent)


def _sayable(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
