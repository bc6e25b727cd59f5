"""A status file of another program is watched from the page: asked for, refused, seen, left off."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex
from typing import Any

import pytest
from watched_page import Guest, House

from pulse_wrapper import write_running_status

pytestmark = pytest.mark.browser


def test_a_file_is_named_refused_watched_and_left(
    house: House, guest: Callable[..., Guest], until: Callable[..., Any]
) -> None:
    file = house.home.datasets / token_hex(4) / "training_status.json"
    file.parent.mkdir()
    write_running_status(file, 1.5, 3.0, 0.75, "half way")
    one = guest()
    page = one.open("/")
    page.get_by_role("button", name="Watch a status file").click()
    dialog = page.get_by_role("dialog", name="Watch a status file")
    assert dialog.get_by_role("button", name="Watch", exact=True).is_disabled()
    path = dialog.get_by_label("Path of the file")
    path.fill("/etc/hostname")
    path.press("Enter")
    dialog.get_by_text("leads out of the folders").first.wait_for()
    assert path.get_attribute("aria-invalid") == "true" and one.violations("dialog") == []
    path.fill(str(file))
    dialog.get_by_label("Name").fill("theirs")
    dialog.get_by_role("button", name="Watch", exact=True).click()

    controls = page.get_by_role("region", name="Controls")
    controls.get_by_text(f"status file {file}, read only").wait_for()
    stop = controls.get_by_role("button", name="Stop training")
    assert stop.get_attribute("aria-disabled") == "true" and "takes no commands" in stop.inner_text() + str(
        page.locator(f"#{stop.get_attribute('aria-describedby')}").inner_text()
    )
    until(lambda: "0.75" in page.locator("main").inner_text())
    controls.get_by_role("button", name="Watch no more").click()
    page.get_by_text("Watched no more").first.wait_for()
    run = house.home.run(page.url.rpartition("/")[2])
    assert run.read_run()["watched"] == str(file) and "detached by" in run.supervisor_events.read_text()
    assert controls.get_by_role("button", name="Watch no more").count() == 0
