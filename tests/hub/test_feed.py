"""A feed's place in the console against a view that lags behind the file."""

from __future__ import annotations

import json
import time

from gladius.hub.feed import Feed
from gladius.hub.output import LONGEST_LINE, Output
from gladius.hub.summaries import Summaries
from gladius.pulse.rundir import Home
from gladius.store.view import RunView
from gladius.wire.runs import Cursors


def told(feed: Feed, view: RunView) -> list[tuple[int, str]]:
    frames = [json.loads(text) for text in feed.frames(view, frozenset({"console"}), time.monotonic()) if text]
    return [(frame["offset"], frame["text"]) for frame in frames if frame["type"] == "console"]


def test_a_client_ahead_of_the_view_hears_nothing_twice(home: Home) -> None:
    run = home.new_run("script", {"source": "script"})
    run.console_log.write_bytes(b"0123456789")
    view = RunView(run).load()
    with run.console_log.open("ab") as file:
        file.write(b"abcdefghij")
    feed = Feed(run.run_id, Cursors(console=20), named=True, summaries=Summaries())
    assert told(feed, view) == []
    with run.console_log.open("ab") as file:
        file.write(b"news\n")
    view.refresh()
    assert told(feed, view) == [(20, "news\n")]


def test_a_log_that_is_another_one_is_told_from_its_beginning(home: Home) -> None:
    run = home.new_run("script", {"source": "script"})
    run.console_log.write_bytes(b"new\n")
    view = RunView(run).load()
    assert told(Feed(run.run_id, Cursors(console=20), named=True, summaries=Summaries()), view) == [(0, "new\n")]


def test_the_rest_of_an_endless_line_is_told_as_skipped_once_and_the_next_line_is_told(home: Home) -> None:
    run = home.new_run("script", {"source": "script"})
    line = b"first\n" + b"x" * (3 << 20)
    run.console_log.write_bytes(line[: 1 << 19])
    view, heard = RunView(run).load(), []
    output = Output(run.run_id, 0)
    for end in range(1 << 19, len(line) + 1, 1 << 16):
        run.console_log.write_bytes(line[:end])
        view.refresh()
        while output.is_behind(view):
            heard += [json.loads(text) for text in output.frames(view)]
    assert {one["type"] for one in heard} == {"console"}
    assert LONGEST_LINE <= sum(one["length"] for one in heard) < LONGEST_LINE + (1 << 17)
    run.console_log.write_bytes(line + b"\nnext")
    view.refresh()
    gap, text = (json.loads(text) for text in output.frames(view))
    assert gap["skipped"]["console"] + sum(one["length"] for one in heard) == len(line) + 1
    assert (text["offset"], text["text"]) == (len(line) + 1, "next")


def test_a_bar_that_is_drawn_over_and_over_is_told_whole(home: Home) -> None:
    run = home.new_run("script", {"source": "script"})
    view, output, bars, heard = RunView(run).load(), Output(run.run_id, 0), b"\r|####    |" * 1000, b""
    for count in range(1, 200):
        with run.console_log.open("ab") as file:
            file.write(bars)
        view.refresh()
        while output.is_behind(view):
            heard += b"".join(json.loads(text)["text"].encode() for text in output.frames(view))
        assert len(heard) == count * len(bars)
