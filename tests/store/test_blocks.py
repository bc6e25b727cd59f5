"""What many lines make at once is what they make one by one, and a columnar copy is never believed against its lines."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_run import Written

from gladius.errors import LockHeld
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import Home, RunDir
from gladius.store import blocks
from gladius.store.columns import ColumnCopy, main
from gladius.store.copies import WORTH_BYTES, Copies
from gladius.store.store import Store
from gladius.store.summary import summarize
from gladius.store.view import RunView


def facts_of(view: RunView) -> dict[str, Any]:
    """Everything that a page is told of the numbers of a run; not the passing of time."""
    summary = summarize(view).model_dump(exclude={"elapsed", "last_sign", "health"})
    columns = {name: view.table.column(name, 500) for name in view.table.series}
    aside = {name: view.table.superseded_columns(name, 500) for name in view.table.superseded}
    places = [line.seq for line in view.trainer.after(view.trainer.last_seq // 2, limit=50).lines]
    pace = view.current.pace
    return {
        "step_seconds": pace.step_seconds, "first_step": pace.first_step, "step": pace.step, "steps_seen": pace.steps_seen,
        "eta": (pace.eta(10**6, None), pace.eta(None, 100.0)),
        "summary": summary, "columns": columns, "superseded": aside, "places": places, "damaged": view.trainer.damaged,
        "last": view.trainer.last_seq, "offset": view.trainer.offset,
    }  # fmt: skip


def write(directory: RunDir, lines: list[str], end: str = "\n") -> None:
    directory.events.write_text("\n".join(lines) + end, encoding="utf-8")


def stream(count: int, seed: int = 1, attempts: int = 1) -> list[str]:
    """Lines as trainers write them: metrics, now and then something else, an evaluation, a resume."""
    dice = random.Random(seed)
    lines: list[str] = []

    def add(type_: str, attempt: int, **fields: Any) -> None:
        event = {"seq": len(lines), "time": 1e9 + len(lines) / 10, "attempt": attempt, "type": type_, **fields}
        lines.append(json.dumps(event, separators=(",", ":")))

    for attempt in range(1, attempts + 1):
        first = count * (attempt - 1) // 4
        resumed = {"resumed_from": {"checkpoint": "x", "step": first}} if attempt > 1 else {}
        add("hello", attempt, run_id="r", pid=1, host="h", total_epochs=4.0, total_steps=count, **resumed)
        for step in range(first, count):
            values: dict[str, Any] = {"train/loss": dice.random(), "moe/load/0/1": dice.random()}
            if step % 50 == 49:
                values["eval/loss"] = dice.random()
            add("metrics", attempt, step=step, epoch=step * 4 / count, log_offset=step * 7, values=values)
            if dice.random() < 0.002:
                add("log", attempt, level="info", message='"type":"metrics" is only a word here')
    return lines


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> Callable[[RunDir], dict[str, Any]]:
    """The facts of a run when no line is ever taken as part of a block."""

    def read(directory: RunDir) -> dict[str, Any]:
        with monkeypatch.context() as patch:
            patch.setattr(blocks, "_WORTH", 1 << 40)
            return facts_of(RunView(directory).load())

    return read


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_long_stream_tells_the_same_in_blocks(written: Written, one_by_one: Any, attempts: int) -> None:
    write(written.directory, stream(9000, attempts=attempts))
    found = facts_of(RunView(written.directory).load())
    assert found == one_by_one(written.directory)
    assert found["summary"]["best"] is not None and found["summary"]["step"] == 8999


@pytest.mark.parametrize("names", [1, 20, 300])
def test_rows_that_are_alike_tell_the_same(written: Written, one_by_one: Any, names: int) -> None:
    dice = random.Random(names)
    lines = stream(1)[:1]
    for step in range(600):
        values = {
            f'a "{place}" é/\\{place}' if names == 1 else f"train/{place}": dice.random() for place in range(names)
        }
        event = {"seq": step + 1, "time": 1e9 + step, "attempt": 1, "type": "metrics", "step": step, "values": values}
        lines.append(json.dumps(event, separators=(",", ":"), ensure_ascii=step % 2 == 0))
    write(written.directory, lines)
    assert facts_of(RunView(written.directory).load()) == one_by_one(written.directory)


_STEPS = {
    "rise": [*range(700)],
    "stand still at each second row": [row // 2 for row in range(700)],
    "stand still now and then": [row - row // 50 for row in range(700)],
    "stood still long ago": [max(0, row - 60) for row in range(700)],
    "fall long ago": [*range(400), *range(300)],
    "fall where a block ends": [*range(350), *range(350)],
    "fall near the end": [*range(600), *range(500, 600)],
    "fall at the last row": [*range(699), 0],
}


@pytest.mark.parametrize("steps", _STEPS.values(), ids=_STEPS.keys())
def test_steps_that_stand_still_or_fall_make_the_same_pace_however_they_are_read(
    written: Written, one_by_one: Any, tmp_path: Path, steps: list[int]
) -> None:
    dice, now, lines = random.Random(5), 1e9, stream(1)[:1]
    for row, step in enumerate(steps):
        now += dice.uniform(0.1, 0.3)
        values = {("train/loss", "train/grad_norm")[row % 2]: dice.random()}
        events: list[dict[str, Any]] = [{"type": "metrics", "step": step, "epoch": step / 100, "values": values}]
        if row == 350:
            events.insert(0, {"type": "log", "level": "info", "message": "a block ends here"})
        for event in events:
            told = {"seq": len(lines), "time": now, "attempt": 1, **event}
            lines.append(json.dumps(told, separators=(",", ":")))
    write(written.directory, lines)
    expected = one_by_one(written.directory)
    assert (expected["step"], expected["steps_seen"]) == (max(steps), max(steps) + 1)
    assert expected["step_seconds"] is not None and None not in expected["eta"]
    assert facts_of(RunView(written.directory).load()) == expected
    copy = ColumnCopy(written.directory.events, tmp_path / "run.columns")
    copy.extend()
    pieces = list(copy.pieces())
    assert [len(piece.block or ()) for piece in pieces] == [0, 350, 0, 350]
    assert facts_of(RunView(written.directory).load(pieces)) == expected


@pytest.mark.parametrize("number", ["1e999", "-1e309", "1.7976931348623159e308", "9" * 400, "NaN", "Infinity", '"NaN"'])
def test_a_block_holds_finite_numbers_only(number: str) -> None:
    lines = [line.encode() for line in stream(2)[1:]]
    assert blocks.decode_block(lines, 0) is not None
    for field in ("values", "epoch", "time"):
        told = json.loads(lines[1]) | {field: {"train/loss": "?", "moe/load/0/1": 1.0} if field == "values" else "?"}
        odd = json.dumps(told, separators=(",", ":")).replace('"?"', number).encode()
        assert blocks.decode_block([lines[0], odd], 0) is None, "msgspec says what no double holds is out of range"


_ODD = [
    '{"seq":%d,"time":1,"attempt":1,"type":"metrics","step":5,"values":{"train/loss":"NaN"}}',
    '{"seq":%d,"time":1,"attempt":1,"type":"metrics","step":-3,"epoch":"NaN","values":{"train/loss":1}}',
    '{"seq":%d,"time":1,"attempt":1,"type":"metrics","step":1.5,"values":{"train/loss":true,"a":null}}',
    '{"seq":%d,"time":1,"attempt":0,"type":"metrics","values":{"train/loss":1}}',
    '{"seq":%d,"time":1,"attempt":2,"type":"metrics","step":3,"values":{"train/loss":1}}',
    '{"seq":%d,"time":1e400,"attempt":1,"type":"metrics","values":{}}',
    '{"seq":%d,"time":1,"attempt":1,"type":"metrics"',
    '{"seq":%d,"time":1,"attempt":1,"type":"metrics","values":{"a":1}},{"seq":9,"type":"metrics"}',
    '{"seq":3,"time":1,"attempt":1,"type":"metrics","values":{"again%d":1}}',
    "",
]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1200), st.sampled_from(_ODD)), min_size=1, max_size=6))
def test_an_odd_line_costs_nothing_but_itself(
    tmp_path_factory: pytest.TempPathFactory, odd: list[tuple[int, str]]
) -> None:
    directory = Home(tmp_path_factory.mktemp("home")).new_run("odd", {"source": "api"})
    lines = stream(1200)
    for place, line in sorted(odd, reverse=True):
        lines.insert(place, line % (10**6 + place) if "%d" in line else line)
    write(directory, lines)
    found = facts_of(RunView(directory).load())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_WORTH", 1 << 40)
        assert found == facts_of(RunView(directory).load())


class TestTheCopy:
    @pytest.fixture
    def copy(self, written: Written, tmp_path: Path) -> ColumnCopy:
        write(written.directory, stream(6000, attempts=2))
        copy = ColumnCopy(written.directory.events, tmp_path / "copies" / "run.columns")
        copy.extend()
        return copy

    def test_tells_what_the_lines_tell(self, written: Written, copy: ColumnCopy, one_by_one: Any) -> None:
        pieces = list(copy.pieces())
        assert len(pieces) > 1 and copy.covered() == written.directory.events.stat().st_size
        assert facts_of(RunView(written.directory).load(pieces)) == one_by_one(written.directory)

    def test_goes_on_where_it_ended(self, written: Written, copy: ColumnCopy, one_by_one: Any) -> None:
        lines = stream(9000, attempts=2)
        with written.directory.events.open("a") as file:
            file.write("\n".join(lines[-3000:]) + "\n" + lines[0][:40])
        size = copy.path.stat().st_size
        before = facts_of(RunView(written.directory).load(copy.pieces()))
        copy.extend()
        assert copy.path.stat().st_size > size
        after = facts_of(RunView(written.directory).load(copy.pieces()))
        assert before == after == one_by_one(written.directory)

    def test_is_gone_on_from_by_rows_that_leave_metrics_out(
        self, written: Written, copy: ColumnCopy, one_by_one: Any
    ) -> None:
        seq = len(stream(6000, attempts=2))
        with written.directory.events.open("a") as file:
            for step, name in enumerate(("eval/loss", "train/loss", "train/loss", "a"), start=6000):
                event = {
                    "seq": seq + step,
                    "time": 2e9,
                    "attempt": 2,
                    "type": "metrics",
                    "step": step,
                    "values": {name: 0.5},
                }
                file.write(json.dumps(event, separators=(",", ":")) + "\n")
        assert facts_of(RunView(written.directory).load(copy.pieces())) == one_by_one(written.directory)

    def test_that_is_cut_or_damaged_is_used_up_to_there(self, written: Written, copy: ColumnCopy) -> None:
        expected = facts_of(RunView(written.directory).load())
        whole = copy.path.read_bytes()
        dice = random.Random(7)
        for _ in range(25):
            place = dice.randrange(len(whole))
            copy.path.write_bytes(whole[:place])
            assert facts_of(RunView(written.directory).load(copy.pieces())) == expected
            copy.path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
            assert facts_of(RunView(written.directory).load(copy.pieces())) == expected
        copy.extend()
        assert copy.covered() == written.directory.events.stat().st_size and len(list(copy.pieces())) > 1
        assert facts_of(RunView(written.directory).load(copy.pieces())) == expected

    def test_of_another_stream_is_not_believed(self, written: Written, copy: ColumnCopy, one_by_one: Any) -> None:
        write(written.directory, stream(6000, seed=2, attempts=2))
        assert list(copy.pieces()) == [] and copy.covered() == 0
        copy.extend()
        assert facts_of(RunView(written.directory).load(copy.pieces())) == one_by_one(written.directory)

    def test_of_a_stream_that_was_cut_is_not_believed(self, written: Written, copy: ColumnCopy) -> None:
        with written.directory.events.open("r+b") as file:
            file.truncate(written.directory.events.stat().st_size // 2)
        assert list(copy.pieces()) == []

    def test_is_extended_by_one_at_a_time(self, written: Written, copy: ColumnCopy) -> None:
        lock = FileLock(copy.path.with_suffix(".lock"))
        lock.acquire()
        with pytest.raises(LockHeld):
            copy.extend()
        assert main([str(written.directory.events), str(copy.path)]) == 1
        lock.release()
        assert main([str(written.directory.events), str(copy.path)]) == 0


def test_a_server_copies_long_runs_and_opens_them_from_the_copy(home: Home) -> None:
    asyncio.run(_served_twice(home))


async def _served_twice(home: Home) -> None:
    directory = home.new_run("long", {"source": "api"})
    write(directory, stream(50_000))
    assert directory.events.stat().st_size >= WORTH_BYTES
    store = Store(home)
    await store.open()
    copy = Copies(home.state / "columns").of(directory)
    async with asyncio.timeout(60):
        while copy.covered() != directory.events.stat().st_size:
            await asyncio.sleep(0.05)
    await store.close()
    again = Store(home)
    await again.open()
    view = await again.view(directory.run_id)
    assert view.table.last("train/loss") is not None and view.trainer.offset == directory.events.stat().st_size
    # What came from the copy is not in memory as lines: they are found in the file by the copied index.
    assert [line.seq for line in view.trainer.after(view.trainer.last_seq - 2).lines] == [
        view.trainer.last_seq - 1,
        view.trainer.last_seq,
    ]
    await again.close()
