"""An indexer of a home of its own."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gladius.catalog.dataset_roots import Roots
from gladius.catalog.datasets import Datasets
from gladius.knowledge.folder import all_indexes
from gladius.knowledge.indexer import Indexer
from gladius.pulse.lock import is_held, read_holder
from gladius.pulse.rundir import Home
from gladius.wire.knowledge import IndexInfo


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf" / "papers"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def indexer(home: Home, documents: Path) -> Iterator[Indexer]:
    yield Indexer(home, Datasets(home.state, Roots.of(home.datasets, [documents.parent])))
    for index in all_indexes(home):
        if is_held(index.lock):
            with contextlib.suppress(ProcessLookupError, TypeError):
                os.kill(read_holder(index.lock)["pid"], signal.SIGKILL)  # type: ignore[index]


@pytest.fixture
def ended(indexer: Indexer, until: Callable[..., object]) -> Callable[[str], IndexInfo]:
    """The index when nothing works on it any more."""

    def wait(index_id: str) -> IndexInfo:
        until(lambda: indexer.state(index_id).state != "running", timeout=60)
        return indexer.state(index_id)

    return wait
