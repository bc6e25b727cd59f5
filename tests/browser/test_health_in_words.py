"""How well a run trains, in a word and a colour: its throughput against its own average, the temperatures of its GPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alert_story import gpu
from watched_page import Guest, House, LiveStory

pytestmark = pytest.mark.browser

Until = Callable[..., Any]
STEADY = 2000.0


@pytest.fixture(scope="module")
def guest(browser: Any, house: House) -> Iterator[Guest]:
    one = Guest(browser, house.server)
    yield one
    assert one.complaints == []
    one.close()


def colour(page: Any, name: str) -> str:
    """A colour of the theme as a browser computes it."""
    return str(
        page.evaluate(
            """name => {
                const probe = document.body.appendChild(document.createElement('i'));
                probe.style.color = `var(${name})`;
                const found = getComputedStyle(probe).color;
                probe.remove();
                return found;
            }""",
            name,
        )
    )


@pytest.mark.parametrize(
    ("rate", "behind", "word", "tone"),
    [
        (STEADY, 0, "good", "--good"),
        (0.7 * STEADY, 0, "slow", "--warn"),
        (0.2 * STEADY, 0, "very slow", "--bad"),
        (STEADY, 60, "nothing for", "--bad"),
    ],
    ids=["good", "slow", "very slow", "stalled"],
)
def test_throughput_has_the_word_and_the_colour_of_its_pace(
    house: House, guest: Guest, until: Until, rate: float, behind: float, word: str, tone: str
) -> None:
    run: LiveStory = house.run()
    run.behind = behind
    for step in range(20):
        run.metrics(step, train__tokens_per_second=STEADY)
    run.metrics(20, train__tokens_per_second=rate)
    page = guest.watch(run)
    figure = page.get_by_role("figure", name="Throughput")
    pace = figure.locator(".pace")
    until(lambda: pace.count() == 1 and pace.inner_text().startswith(word))
    for shown in (pace, figure.locator("strong")):
        assert shown.evaluate("one => getComputedStyle(one).color") == colour(page, tone)
    house.settle(until)


@pytest.mark.parametrize(
    ("reading", "word", "reason"),
    [
        ({"temperature": 60}, "✓ within limits", "none"),
        ({"temperature": 97}, "⚠ above 80 °C", "none"),
        ({"temperature": 84, "throttling": "hardware thermal"}, "⚠ slowed down", "GPU 0: hardware thermal"),
        ({"temperature": None}, "—", "none"),
    ],
    ids=["cool", "hot", "throttled", "unknown"],
)
def test_the_health_of_the_gpus_is_said_with_its_reason(
    house: House, guest: Guest, until: Until, reading: dict[str, Any], word: str, reason: str
) -> None:
    run = house.run()
    run.sample(gpu(**reading))
    page = guest.watch(run)
    facts = page.get_by_role("region", name="Progress")

    def said(term: str) -> str:
        row = facts.locator("dl > div").filter(has=page.locator("dt", has_text=term))
        return str(row.first.locator("dd").inner_text())

    until(lambda: word in said("temperature"))
    assert said("throttling") == reason
    house.settle(until)
