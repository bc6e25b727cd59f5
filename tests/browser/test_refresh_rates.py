"""What a run tells is on the page no later than the console promises: in seconds, from the file to the words on the screen."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alert_story import gpu
from watched_page import Guest, House, LiveStory

from gladius.supervise.supervisor import SAMPLE_S
from pulse_wrapper import write_running_status

pytestmark = pytest.mark.browser

Until = Callable[..., Any]
LONG = 40
"""Another process may have the processor for a while: a bound that is kept must be kept once in so many seconds."""
numbers = itertools.count(10)
"""What is told is new, also in a second try: each of these is a step that no run has had yet."""


@pytest.fixture(scope="module")
def told(browser: Any, house: House) -> Iterator[tuple[LiveStory, Guest]]:
    """A run of a model with experts, and its console."""
    run = house.run()
    run.attempt_begins(2, model={"name": "tiny", "experts": 4, "active_experts": 2})
    write_running_status(run.directory.status, 1.0, 20.0, 2.0, "Training")
    run.metrics(1, train__loss=2.0, train__tokens_per_second=2000.0)
    run.experts(2, (0.25, 0.25, 0.25, 0.25)).sample(gpu())
    guest = Guest(browser, house.server)
    guest.watch(run)
    yield run, guest
    assert guest.complaints == []
    guest.close()


def figure(page: Any, name: str) -> str:
    return str(page.get_by_role("figure", name=name, exact=True).inner_text())


def progress(page: Any) -> str:
    return str(page.get_by_role("region", name="Progress").inner_text())


def overall(page: Any) -> str:
    return str(page.get_by_role("progressbar", name="Overall progress").get_attribute("aria-valuenow"))


Row = tuple[str, float, Callable[[LiveStory, int], object], Callable[[Any, int], bool]]
ROWS: list[Row] = [
    ("loss", 2, lambda run, n: run.metrics(n, train__loss=3 + n / 100),
     lambda page, n: f"{3 + n / 100:.4f}" in figure(page, "Loss")),
    ("experts", 5, lambda run, n: run.experts(n, (0.4, 0.3 + n % 36 / 400, 0.2, 0.1 - n % 36 / 400)),
     lambda page, n: f"E3 {40 - n % 36}%" in figure(page, "Expert coverage").replace(" %", "%")),
    ("throughput", 1, lambda run, n: run.metrics(n, train__tokens_per_second=2110.0 + 10 * n),
     lambda page, n: f"{2110 + 10 * n:,}" in figure(page, "Throughput")),
    ("memory", 2, lambda run, n: run.sample(gpu(memory_run=(41 + n % 18) * 10**9)),
     lambda page, n: f"{41 + n % 18} GB" in figure(page, "Memory")),
    ("temperature", 5, lambda run, n: run.sample(gpu(temperature=61 + n % 18)),
     lambda page, n: f"{61 + n % 18} °C" in progress(page) and f"{61 + n % 18} °C" in page.get_by_role("contentinfo").inner_text()),
    ("progress", 1, lambda run, n: write_running_status(run.directory.status, 2.0 + n % 18, 20.0, 1.0, "Training"),
     lambda page, n: overall(page) == f"{10 + 5 * (n % 18)}"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "bound", "tell", "shown"), ROWS, ids=[row[0] for row in ROWS])
def test_what_is_told_is_on_the_page_in_time(
    told: tuple[LiveStory, Guest],
    until: Until,
    name: str,
    bound: float,
    tell: Callable[[LiveStory, int], object],
    shown: Callable[[Any, int], bool],
) -> None:
    run, guest = told

    def took(number: int) -> float:
        begun = time.perf_counter()
        tell(run, number)
        until(lambda: shown(guest.page, number), every=0.01)
        seconds = time.perf_counter() - begun
        print(f"{name}: {1000 * seconds:.0f} ms")
        return seconds

    until(lambda: took(next(numbers)) < bound, timeout=LONG, every=0)


def test_the_machine_is_sampled_as_often_as_memory_and_temperature_are_promised() -> None:
    assert SAMPLE_S <= 2


def test_the_window_of_the_throughput_moves_each_second_also_without_numbers(
    told: tuple[LiveStory, Guest], until: Until
) -> None:
    run, guest = told
    number = next(numbers)
    run.metrics(number, train__tokens_per_second=2110.0 + 10 * number)
    until(lambda: f"{2110 + 10 * number:,}" in figure(guest.page, "Throughput"))
    canvas = guest.page.get_by_role("figure", name="Throughput").locator("canvas").first
    look = "canvas => canvas.toDataURL()"

    def moved() -> float:
        """After how many seconds it looks different."""
        before, begun = canvas.evaluate(look), time.perf_counter()
        until(lambda: canvas.evaluate(look) != before)
        return time.perf_counter() - begun

    moved()  # it draws the number
    # One second, and the time that a look at it takes.
    until(lambda: moved() < 2, timeout=LONG, every=0)
