"""A device whose clock is wrong, or is set while the page is open: ages, states and verdicts are the server's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from watched_page import Guest, House

pytestmark = pytest.mark.browser

_YEARS = 315_360_000
_OFF = """
window.__off = %d * 1000;
const real = Date;
window.Date = class extends real {
  constructor(...given) { if (given.length) super(...given); else super(real.now() + window.__off); }
  static now() { return real.now() + window.__off; }
};
"""


def is_of_now(page: Any) -> bool:
    """Whether the last sign is told to be seconds old, and nothing to be silent or years away."""
    text = str(page.locator("main").inner_text())
    return bool(re.search(r"\d+ s ago|just now", text)) and not re.search(r"\d d ago|No sign of life|timed out", text)


@pytest.mark.parametrize("off", [_YEARS, -_YEARS])
def test_a_device_that_is_years_off_shows_the_servers_ages(
    house: House, guest: Callable[..., Guest], until: Callable[..., Any], off: int
) -> None:
    run = house.run()
    run.attempt_begins(1, total_steps=1000, total_epochs=1)
    run.state("running")
    run.metrics(5, train__loss=1.0)
    visitor = guest(_OFF % off)
    page = visitor.watch(run)
    until(lambda: is_of_now(page))
    for set_to in (0, -off):
        # It sees that its clocks have parted, and asks what time it is.
        with page.expect_response(re.compile("/api/v1/health$")):
            page.evaluate("off => { window.__off = off * 1000; }", set_to)
        until(lambda: is_of_now(page))
    assert visitor.complaints == []
