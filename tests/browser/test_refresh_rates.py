"""What a run tells is on the page no later than the console promises: in seconds, from the file to the words on the screen."""

from __future__ import annotations

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
TRIES = 3
"""Another process may have the processor for a moment: a bound that is kept must be kept once in so many times."""


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
SHARES = ((0.4, 0.3, 0.2, 0.1), (0.4, 0.35, 0.2, 0.05), (0.4, 0.36, 0.2, 0.04))
ROWS: list[Row] = [
    ("loss", 2, lambda run, n: run.metrics(10 + n, train__loss=1.5 + n / 10),
     lambda page, n: f"{1.5 + n / 10:.4f}" in figure(page, "Loss")),
    ("experts", 5, lambda run, n: run.experts(20 + n, SHARES[n]),
     lambda page, n: f"E3 {100 * 4 * SHARES[n][3]:.0f}%" in figure(page, "Expert coverage").replace(" %", "%")),
    ("throughput", 1, lambda run, n: run.metrics(30 + n, train__tokens_per_second=2110.0 + 10 * n),
     lambda page, n: f"{2110 + 10 * n:,}" in figure(page, "Throughput")),
    ("memory", 2, lambda run, n: run.sample(gpu(memory_run=(41 + n) * 10**9)),
     lambda page, n: f"{41 + n}" in figure(page, "Memory")),
    ("temperature", 5, lambda run, n: run.sample(gpu(temperature=71 + n)),
     lambda page, n: f"{71 + n} °C" in progress(page) and f"{71 + n} °C" in page.get_by_role("contentinfo").inner_text()),
    ("progress", 1, lambda run, n: write_running_status(run.directory.status, 2.0 + 2 * n, 20.0, 1.0, "Training"),
     lambda page, n: overall(page) == f"{10 + 10 * n}"),
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
    took = []
    for number in range(TRIES):
        begun = time.perf_counter()
        tell(run, number)
        until(lambda number=number: shown(guest.page, number), every=0.01)
        took.append(time.perf_counter() - begun)
    assert min(took) < bound, f"{name}: {[f'{1000 * one:.0f} ms' for one in took]}"


def test_the_machine_is_sampled_as_often_as_memory_and_temperature_are_promised() -> None:
    assert SAMPLE_S <= 2


def test_the_window_of_the_throughput_moves_each_second_also_without_numbers(
    told: tuple[LiveStory, Guest], until: Until
) -> None:
    run, guest = told
    run.metrics(40, train__tokens_per_second=2000.0)
    until(lambda: "2,000" in figure(guest.page, "Throughput"))
    canvas = guest.page.get_by_role("figure", name="Throughput").locator("canvas").first
    look = "canvas => canvas.toDataURL()"
    before = canvas.evaluate(look)
    began = time.perf_counter()
    until(lambda: canvas.evaluate(look) != before)
    # One second, and the time that a look at it takes.
    assert time.perf_counter() - began < 2
