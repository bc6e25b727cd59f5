"""Noticing changes, by the kernel's word or by looking again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gladius.store.watch import InotifyWatcher, PollingWatcher, Watcher, on_network, open_watcher

Open = Callable[[Callable[[Path, str], None]], Watcher]
WAYS: list[Open] = [lambda tell: PollingWatcher(tell, interval=0.02)]
if sys.platform == "linux":
    WAYS.append(InotifyWatcher)


@pytest.mark.parametrize("way", WAYS)
def test_appends_renames_and_new_files_are_noticed(tmp_path: Path, way: Open) -> None:
    async def look() -> None:
        seen: set[tuple[str, str]] = set()
        watcher = way(lambda folder, name: seen.add((folder.name, name)))
        folder = tmp_path / "run"
        folder.mkdir()
        assert watcher.add(folder) and not watcher.add(tmp_path / "none")

        async def noticed(name: str) -> None:
            async with asyncio.timeout(10):
                while ("run", name) not in seen:
                    await asyncio.sleep(0.005)

        with (folder / "events.jsonl").open("ab", buffering=0) as file:
            await noticed("events.jsonl")
            seen.clear()
            file.write(b"line\n")
            await noticed("events.jsonl")
        (tmp_path / "new").write_text("{}")
        (tmp_path / "new").rename(folder / "status.json")
        await noticed("status.json")
        (folder / "control").mkdir()
        await noticed("control")
        watcher.remove(folder)
        watcher.close()

    asyncio.run(look())


def test_a_local_disk_is_no_network(tmp_path: Path) -> None:
    assert not on_network(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_linux_uses_the_kernels_word(tmp_path: Path) -> None:
    async def look() -> None:
        watcher = open_watcher(tmp_path, lambda folder, name: None)
        assert isinstance(watcher, InotifyWatcher)
        watcher.close()

    asyncio.run(look())
