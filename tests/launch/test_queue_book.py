"""Who waits is in files, in an order that a person may change; when a run starts is told where it can be known."""

from __future__ import annotations

import json
import time
from pathlib import Path

from gladius.launch.estimate import Estimates
from gladius.launch.queue_book import Entry, QueueBook, moved
from gladius.launch.slots import Claim, Slots
from gladius.wire.catalog import StartRequest


def entry(name: str, place: float, priority: int = 0, epochs: float | None = 2) -> Entry:
    request = StartRequest(profile_id="p", dataset_id="d", epochs=epochs, name=name)
    return Entry(f"20260101-000000-{name}-0000", request, "api", place, priority, place)


def names(entries: list[Entry]) -> str:
    return "".join(one.request.name or "" for one in sorted(entries, key=lambda one: one.rank))


def test_what_waits_is_read_again_in_its_order_and_what_is_no_entry_stands_in_nobodys_way(tmp_path: Path) -> None:
    book = QueueBook(tmp_path / "queue")
    for one in (entry("a", 1), entry("b", 2), entry("c", 3, priority=5)):
        book.write(one)
    (tmp_path / "queue" / "broken.json").write_text("{")
    (tmp_path / "queue" / "other.json").write_text(json.dumps(entry("x", 0).as_dict()))
    assert names(book.all()) == "cab" and book.all()[0] == entry("c", 3, priority=5)
    book.remove(entry("a", 1).run_id)
    book.remove("never-there")
    assert names(book.all()) == "cb"


def test_a_run_is_moved_to_a_place_and_takes_on_the_priority_that_this_needs() -> None:
    high, a, b, low = entry("h", 9, 5), entry("a", 1), entry("b", 2), entry("l", 0, -5)
    order = [high, a, b]
    for position, told, priority in ((2, "hlab", 0), (1, "lhab", 5), (3, "halb", 0)):
        (found,) = moved(order, low, position)
        assert (names([*order, found]), found.priority) == (told, priority)
    assert moved(order, low, 99) == [low], "where it stands already it keeps what it has"
    (found,) = moved([a, b, low], high, 2)
    assert (names([a, b, low, found]), found.priority) == ("ahbl", 0)
    assert moved([], a, 3) == [a]


def test_a_start_is_told_from_paces_and_earlier_runs_and_else_not_at_all(tmp_path: Path) -> None:
    history = tmp_path / "training_runs.jsonl"
    lines = [
        {"training_id": f"t{n}", "attempt": 1, "profile_id": "p", "dataset_id": "d", "status": status,
         "started_at": 1000.0, "finished_at": 1000.0 + seconds, "epochs_completed": epochs}
        for n, (status, seconds, epochs) in enumerate([("done", 30, 3), ("done", 24, 2), ("done", 11, 1), ("error", 1, 1)])
    ]  # fmt: skip
    history.write_text("".join(json.dumps(line) + "\n" for line in lines))
    estimates, now = Estimates(history), time.time()
    assert estimates.duration(entry("a", 1, epochs=3)) == 33, "three epochs of 11 s, the median"
    waiting = [entry("a", 1), entry("b", 2)]
    found = estimates.of(Slots(), waiting, {"r": Claim()}, {"r": now + 60})
    first, second = (found[one.run_id][0] for one in waiting)
    assert first is not None and second is not None
    assert abs(first - now - 60) < 5 and abs(second - first - 22) < 0.1
    unknown = estimates.of(Slots(), waiting, {"r": Claim()}, {"r": None})
    assert [one[0] for one in unknown.values()] == [None, None]
    two = estimates.of(Slots(2), waiting, {"r": Claim(), "s": Claim()}, {"r": None, "s": now + 5})
    assert abs((two[waiting[0].run_id][0] or 0) - now - 5) < 5
    assert Estimates(tmp_path / "none").duration(waiting[0]) is None
