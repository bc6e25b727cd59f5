"""SQLite writes past Python, so its disk is a real one: a tmpfs that is full, or has room for a part only."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import written_files
from faulty_disk import FaultyDisk
from small_index import DOCUMENTS, index_documents

from gladius.catalog.dataset_roots import Roots
from gladius.catalog.datasets import Datasets
from gladius.knowledge.folder import IndexFolder
from gladius.knowledge.indexer import Indexer
from gladius.knowledge.search import search
from gladius.pulse.rundir import Home
from gladius.store.index import RunIndex
from gladius.store.shelf import Shelf
from gladius.store.view import RunView

_PAGE = 4096


class SmallDisk:
    """A tmpfs of a megabyte; its `filler` takes the room that others do not get."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._filler = root / "filler"

    def leave(self, room: int) -> None:
        """Take all but `room` bytes."""
        self.give_back()
        info = os.statvfs(self.root)
        with self._filler.open("wb", buffering=0) as filler:
            os.posix_fallocate(filler.fileno(), 0, info.f_bavail * info.f_frsize)
            if room:
                filler.truncate(info.f_bavail * info.f_frsize - room)

    def give_back(self) -> None:
        """Nothing is taken."""
        self._filler.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    root = tmp_path / "disk"
    root.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", root], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("mounts are not allowed here")
    yield SmallDisk(root)
    subprocess.run(["umount", "-l", root], check=True)


def test_nothing_fails_and_what_could_not_be_kept_is_kept_when_there_is_room(home: Home, disk: SmallDisk) -> None:
    disk.leave(0)
    home.run_index = disk.root / "state" / "index.sqlite"
    run = home.new_run("r", {"source": "script"})
    index = RunIndex(home.run_index)
    assert index.read() == {} and index.lost
    index.close()
    shelf = Shelf(home)
    assert shelf.open([run.run_id]) == [run.run_id]
    shelf.put(RunView(run).load())
    assert shelf.rows.keys() == {run.run_id} and shelf.told([run.run_id]) == {}, "the list stands without it"
    shelf.drop(run.run_id)
    disk.give_back()
    assert shelf.renew() and not shelf.renew()
    shelf.close()
    assert home.run_index.stat().st_size > 0


def first_index(home: Home) -> IndexFolder:
    folder = IndexFolder(home, "d")
    folder.root.mkdir(parents=True)
    index_documents(folder, 1)
    return folder


def shown(folder: IndexFolder) -> list[bytes]:
    return [path.read_bytes() for path in (folder.manifest, folder.built, folder.search, folder.dataset)]


def test_no_part_of_a_document_index_takes_its_place_before_all_are_laid_down(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, disk = first_index(home), FaultyDisk(tmp_path, monkeypatch)
    with disk.counting() as calls:
        index_documents(folder, 1)
    whole = max(at for at, (kind, _) in enumerate(calls) if kind == "rename")
    old, needing = shown(folder), [at for at, (kind, _) in enumerate(calls[:whole]) if kind != "rename"]
    assert len(needing) > 10
    for at in needing:
        with disk.failing(at, errno.ENOSPC, lasts=False), pytest.raises(OSError, match="No space left"):
            index_documents(folder, 2)
        assert shown(folder) == old, calls[at]


def test_a_document_index_is_the_old_one_at_every_page_that_there_is_no_room_for(disk: SmallDisk) -> None:
    home = Home(disk.root / "home")
    home.create()
    folder = first_index(home)
    old, room, failed = shown(folder), 0, 0
    while True:
        disk.leave(room)
        try:
            index_documents(folder, 2)
            break
        except OSError as error:
            assert error.errno == errno.ENOSPC
        except sqlite3.OperationalError as error:
            assert error.sqlite_errorcode in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
        failed += 1
        assert shown(folder) == old and not list(written_files.leftovers(home.root)), f"{room} bytes of room"
        room += _PAGE
    assert failed > 10, "each step of it had its turn"
    assert search(folder.search, "value2", 1).total == DOCUMENTS and shown(folder) != old


def test_an_indexing_on_a_full_disk_says_so_and_the_next_one_works_once_there_is_room(
    disk: SmallDisk, tmp_path: Path, until: Callable[..., object]
) -> None:
    home = Home(disk.root / "home")
    home.create()
    documents = tmp_path / "papers"
    documents.mkdir()
    indexer = Indexer(home, Datasets(home.state, Roots.of(home.datasets, [tmp_path])))

    def indexed(word: str) -> tuple[str, str]:
        for number in range(20):
            text = f"{word} {number} " + " ".join(f"{word}{number}x{other}" for other in range(100))
            (documents / f"{number}.txt").write_text(text)
        indexer.start(documents)
        until(lambda: indexer.state("papers").state != "running", timeout=60)
        info = indexer.state("papers")
        return info.state, info.message

    assert indexed("first") == ("done", "")
    dataset = home.datasets / "papers.jsonl"
    old = dataset.read_bytes()
    for room in (6, 24):
        disk.leave(room * _PAGE)
        state, message = indexed(f"room{room}")
        assert state == "error" and "is full. Free some room there, then try again." in message, message
        assert dataset.read_bytes() == old and indexer.search("papers", "first").total == 20
        disk.give_back()
    disk.leave(0)
    with pytest.raises(OSError, match="No space left"):
        indexer.start(documents)
    disk.give_back()
    assert indexed("last") == ("done", "")
    assert indexer.search("papers", "last").total == 20
    assert not list(written_files.leftovers(home.root))


def test_an_indexing_whose_last_word_the_disk_did_not_take_is_told_with_the_cause(disk: SmallDisk) -> None:
    home = Home(disk.root / "home")
    home.create()
    folder = first_index(home)
    for path, told in ((folder.request, {"path": "/d"}), (folder.progress, {"state": "running"})):
        path.write_text(json.dumps(told))
    indexer = Indexer(home, Datasets(home.state, Roots.of(home.datasets, [])))

    def message() -> str:
        info = indexer.state("d")
        assert info.state == "error"
        return info.message

    assert "without a word" in message() and "Index the folder again" in message()
    for option, cause in (("ro", "Read-only file system. Look at the disk"), ("rw", "without a word")):
        subprocess.run(["mount", "-o", f"remount,{option}", disk.root], check=True)
        assert cause in message()
    disk.leave(0)
    assert "is full. Free some room there" in message()
    assert indexer.search("d", "value1").total == DOCUMENTS, "what was there is found all the while"
