"""What the servers need for a run of 100,000 points, and how late a logged value is seen. Upstream: servers. Downstream: rows."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median

from bench.peers.environments import Environment
from bench.peers.servers import SERVERS, Answering, count_in_json, gladius_decimated, gladius_json, serving
from bench.peers.writing import Writers
from bench.rows import Row, idle_share
from gladius.store.columns import ColumnCopy

POINTS, STARTS, WARM = 100_000, 5, 5
LIVE, GAP_S = 30, 0.4
_SEEN_S = 60.0
_TRIES = 5
SEED_S = 200.0
_COPYING = "server memory, while it has a run's columns written"
LIMITS = {
    "100,000 points, warm": 20.0, "100,000 points, cold": 250.0, "100,000 points, cold, run ended": 30.0,
    "100,000 points in JSON, warm": 20.0, "100,000 points in JSON, cold": 250.0,
    "100,000 points in JSON, cold, run ended": 30.0,
    "decimated to 2,000": 8.0, "server start": 600.0, "server memory": 80.0, _COPYING: 80.0, "log call to reader": 3.0,
}  # fmt: skip


class Readers:
    """Runs the servers on what the clients have written."""

    def __init__(self, environments: dict[str, Environment], work: Path) -> None:
        self.environments = environments
        self._work = work
        self._writers = Writers(environments, work)

    def seeded(self, peer: str) -> tuple[Path, str]:
        """A folder with a run of 100,000 points, and the run's id; written once and kept."""
        folder = self._work / f"seed-{peer}"
        mark = folder / "seeded.json"
        if not mark.exists():
            shutil.rmtree(folder, ignore_errors=True)
            fresh = self._writers.fresh(peer)
            shutil.copytree(fresh, folder)
            answer = self._writers.run(
                peer, {"peer": peer, "folder": str(folder), "do": "seed", "points": POINTS}, SEED_S
            )
            if peer == "aim":
                aim = self.environments[peer].program("aim")
                subprocess.run(
                    [aim, "storage", "--repo", str(folder), "reindex", "-y"], capture_output=True, check=False
                )
            mark.write_text(json.dumps(answer), encoding="utf-8")
        return folder, str(json.loads(mark.read_text(encoding="utf-8"))["run"])

    def series(self, peer: str, starts: int = STARTS) -> list[Row]:
        """Start the server anew each time: its first answer, the first reading of all points, then warm ones, and memory."""
        folder, run = self.seeded(peer)
        kind = SERVERS[peer]
        took: dict[str, list[float]] = {}
        idles, points = [], 0
        for _ in range(starts):
            if peer == "gladius":
                _forget_copies(folder)
            idles.append(idle_share())
            with serving(peer, self.environments.get(peer), str(folder)) as server:
                found = {"server start": 1000 * server.started_in_s}
                found["100,000 points, cold"], points = _first(
                    lambda: kind.points(server, run), kind.count, peer != "swanlab"
                )
                found["100,000 points, warm"] = _warm(lambda: kind.points(server, run))
                if peer == "gladius":
                    found["100,000 points in JSON, warm"] = _warm(lambda: gladius_json(server, run))
                    found["decimated to 2,000"] = _warm(lambda: gladius_decimated(server, run))
                    for _ in _until_copied(folder, server):
                        pass
                found["server memory"] = server.pss_mb()
            if peer == "gladius":
                found |= _ended(folder, run)
                found[_COPYING] = _most_while_copying(folder, run)
            for figure, sample in found.items():
                took.setdefault(figure, []).append(sample)
        told = f"{points:,} points came; {min(idles):.0f} to {max(idles):.0f} % idle before"
        return [
            Row(
                figure, "MB" if "memory" in figure else "ms", samples, LIMITS[figure] if peer == "gladius" else None,
                subject=peer, how=f"{_form(figure, kind.asked)}; {told}", extra={"idle_percent": idles},
            )
            for figure, samples in took.items()
        ]  # fmt: skip

    def live(self, peer: str) -> list[Row]:
        """From the return of a call to the first answer that has its step; asked without a pause."""
        kind = SERVERS[peer]
        client = "tensorboard flushed" if peer == "tensorboard" else peer
        folder = self._writers.fresh(peer)
        out = self._work / f"{peer}-live.json"
        seen_all, is_up = Path(f"{out}.seen"), Path(f"{out}.up")
        for one in (out, seen_all, is_up):
            one.unlink(missing_ok=True)
        order = {"peer": client, "folder": str(folder), "do": "live", "calls": LIVE, "gap": GAP_S, "out": str(out)}
        idle = idle_share()
        trainer = subprocess.Popen(
            self._writers.command(client, order), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            run = _told(out)["run"]
            with serving(peer, self.environments.get(peer), str(folder)) as server:
                up = time.time()
                is_up.touch()
                seen = _watch(lambda: kind.newest(server, str(run)), LIVE, up + LIVE * GAP_S + _SEEN_S)
            seen_all.touch()
            trainer.wait(timeout=60)
            returned = _told(out)["returned"]
        finally:
            is_up.touch()
            seen_all.touch()
            trainer.terminate()
            trainer.wait(timeout=60)
        assert isinstance(returned, list)
        late = [1000 * (seen[step] - at) for step, at in enumerate(returned) if step in seen and at > up]
        if not late:
            raise RuntimeError(f"no logged step was seen within {_SEEN_S:g} s")
        how = f"{len(late)} steps, {GAP_S} s apart, asked over HTTP without a pause; {idle:.0f} % idle before"
        return [Row("log call to reader", "ms", late, None, subject=peer, how=how)]


def _form(figure: str, usual: str) -> str:
    if "JSON" in figure:
        return "the same points in JSON, each form's first answer from a server of its own"
    if figure == _COPYING:
        return "the most of it and of the process that writes them, which lives for less than a second"
    return "2,000 points in JSON, as the page asks" if "decimated" in figure else usual


def _ended(folder: Path, run: str) -> dict[str, float]:
    """What a server takes for its first answer in each form from the copy of an ended run, and in JSON from its lines."""
    found = {}
    for figure, ask, count in (
        ("100,000 points, cold, run ended", SERVERS["gladius"].points, SERVERS["gladius"].count),
        ("100,000 points in JSON, cold, run ended", gladius_json, count_in_json),
        ("100,000 points in JSON, cold", gladius_json, count_in_json),
    ):
        if "ended" not in figure:
            _forget_copies(folder)
        with serving("gladius", None, str(folder)) as server:
            found[figure], _ = _first(partial(ask, server, run), count, True)
    return found


def _forget_copies(folder: Path) -> None:
    """Take away what Gladius keeps beside the lines, so that a cold reading reads the lines."""
    for copy in folder.rglob("*.columns"):
        copy.unlink()


def _most_while_copying(folder: Path, run: str) -> float:
    """The most memory of a server that tells all points and of the process that writes the run's columns meanwhile."""
    for _ in range(_TRIES):
        _forget_copies(folder)
        most, writers = 0.0, 0
        with serving("gladius", None, str(folder)) as server, ThreadPoolExecutor(1) as beside:
            asked = beside.submit(SERVERS["gladius"].points, server, run)
            for _ in _until_copied(folder, server):
                writers += bool(server.process_tree().children())
                most = max(most, server.pss_mb())
            asked.result()
        if writers:
            return most
    raise RuntimeError("the columns were always written before anybody looked")


def _until_copied(folder: Path, server: Answering) -> Iterator[None]:
    """Look again and again, until the run's columns are written beside its lines, by a process of their own."""
    (lines,) = folder.rglob("events.jsonl")
    copy = ColumnCopy(lines, folder / "state" / "columns" / f"{lines.parent.name}.columns")
    deadline = time.monotonic() + _SEEN_S
    while copy.covered() < lines.stat().st_size or server.process_tree().children():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the columns were not written within {_SEEN_S:g} s")
        yield
        time.sleep(0.02)


def _first(ask: Callable[[], bytes], count: Callable[[bytes], int], whole: bool) -> tuple[float, int]:
    """Milliseconds until all points came for the first time: some servers answer before they have read all."""
    start = time.perf_counter()
    while True:
        with suppress(ValueError, KeyError):
            answer = ask()
            took = 1000 * (time.perf_counter() - start)
            points = count(answer)
            if points >= POINTS or not whole:
                return took, points
        if time.perf_counter() - start > _SEEN_S:
            raise RuntimeError(f"the points did not come within {_SEEN_S:g} s")
        time.sleep(0.01)


def _warm(ask: Callable[[], bytes]) -> float:
    return median(_ms(ask) for _ in range(WARM))


def _ms(ask: Callable[[], bytes]) -> float:
    start = time.perf_counter()
    ask()
    return 1000 * (time.perf_counter() - start)


def _told(out: Path) -> dict[str, object]:
    deadline = time.monotonic() + _SEEN_S
    while time.monotonic() < deadline:
        with suppress(OSError, ValueError):
            answer: dict[str, object] = json.loads(out.read_text(encoding="utf-8"))
            return answer
        time.sleep(0.02)
    raise RuntimeError("the trainer told nothing")


def _watch(newest: Callable[[], int], steps: int, until: float) -> dict[int, float]:
    """When each step was first seen; a step that was passed over was seen with the one after it."""
    seen: dict[int, float] = {}
    while len(seen) < steps and time.time() < until:
        with suppress(OSError, ValueError, KeyError, IndexError, TypeError):
            step = newest()
            now = time.time()
            for one in range(len(seen), step + 1):
                seen[one] = now
        time.sleep(0.002)
    return seen
