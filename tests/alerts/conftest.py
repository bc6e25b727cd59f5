"""A run that is told and watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alert_story import Watched

from gladius.alerts.book import Book
from gladius.pulse.events import EventWriter
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home


@pytest.fixture(autouse=True)
def everything_is_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test that cuts a file at every byte opens hundreds of books; a process has a thousand descriptors."""
    opened: list[Book | EventWriter] = []
    open_book, begin_writer = Book.open, EventWriter.__init__

    def open_and_remember(book: Book) -> None:
        open_book(book)
        opened.append(book)

    def begin_and_remember(writer: EventWriter, *args: Any, **options: Any) -> None:
        begin_writer(writer, *args, **options)
        opened.append(writer)

    monkeypatch.setattr(Book, "open", open_and_remember)
    monkeypatch.setattr(EventWriter, "__init__", begin_and_remember)
    yield
    for one in opened:
        one.close()


@pytest.fixture
def run(home: Home, spawn: Callable[..., Any]) -> Watched:
    """Its process lives; it begins an hour ago, so that a test may let time pass."""
    me = Identity.of(spawn("sleep", "600").pid)
    assert me is not None
    return Watched(home, me, float(round(time.time() - 3600)))
