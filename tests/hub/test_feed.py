"""A feed's place in the console against a view that lags behind the file."""

from __future__ import annotations

import json
import time

from gladius.hub.feed import Feed
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
    feed = Feed(run.run_id, Cursors(console=20), named=True)
    assert told(feed, view) == []
    with run.console_log.open("ab") as file:
        file.write(b"news\n")
    view.refresh()
    assert told(feed, view) == [(20, "news\n")]


def test_a_log_that_is_another_one_is_told_from_its_beginning(home: Home) -> None:
    run = home.new_run("script", {"source": "script"})
    run.console_log.write_bytes(b"new\n")
    view = RunView(run).load()
    assert told(Feed(run.run_id, Cursors(console=20), named=True), view) == [(0, "new\n")]
