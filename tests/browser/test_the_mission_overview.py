"""Mission Overview with many runs: who needs a person, search and small cards, what happened, the machine; all of it live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flow_house import FlowHouse
from judge import violations
from watched_page import Guest, House, LiveStory

pytestmark = pytest.mark.browser

Until = Callable[..., Any]
MANY = 13


@pytest.fixture(scope="module")
def runs(house: House) -> list[LiveStory]:
    """Thirteen that train; only their numbers are made up."""
    told = [house.run() for _ in range(MANY)]
    for number, run in enumerate(told):
        run.directory.annotations.write_text(f'{{"name": "night {number}"}}')
        for step in range(20):
            run.metrics(step, train__loss=3.0 - step / 10 - number / 100)
    return told


@pytest.fixture(scope="module")
def guest(browser: Any, house: House, runs: list[LiveStory], until: Until) -> Iterator[Guest]:
    until(lambda: sum(one["step"] == 19 for one in house.server.get("/runs", status="live")["runs"]) == MANY)
    found = Guest(browser, house.server)
    found.open("/")
    yield found
    assert found.complaints == [] and found.foreign == []
    found.close()


@pytest.fixture(autouse=True)
def at_home(guest: Guest) -> None:
    """A test that failed elsewhere has left the page there."""
    if guest.page.url != f"{guest.server.url}/":
        guest.open("/")


def cards(page: Any) -> list[str]:
    """Their names, in the order in which they stand."""
    return [text.strip() for text in page.locator(".cards strong").all_inner_texts()]


def card(page: Any, name: str) -> Any:
    return page.locator(".cards a", has=page.get_by_text(name, exact=True))


def test_above_twelve_runs_the_cards_are_small_and_can_be_searched(guest: Guest, until: Until) -> None:
    page = guest.page
    page.evaluate("localStorage.clear()")
    page.reload()
    now = page.get_by_role("region", name="Now")
    now.get_by_text(f"{MANY} live").wait_for()
    small = now.get_by_role("switch", name="Small cards")
    assert small.is_checked()
    assert page.locator(".cards .spark").count() == 0
    small.click()
    until(lambda: page.locator(".cards .spark").count() == MANY)
    page.reload()
    until(lambda: page.locator(".cards .spark").count() == MANY)
    small.click()
    now.get_by_role("searchbox", name="Find a run").fill("night 1")
    until(lambda: sorted(cards(page)) == ["night 1", "night 10", "night 11", "night 12"])
    now.get_by_text(f"4 of {MANY} live").wait_for()
    now.get_by_role("searchbox").fill("nobody")
    now.get_by_text("No live run is called that.").wait_for()
    now.get_by_role("searchbox").fill("")
    until(lambda: len(cards(page)) == MANY)
    assert violations(page) == []


def test_a_card_is_live_and_who_needs_a_person_comes_first(guest: Guest, runs: list[LiveStory], until: Until) -> None:
    page = guest.page
    runs[3].metrics(20, train__loss=0.125)
    card(page, "night 3").get_by_text("0.1250").wait_for()
    in_need = page.locator(".cards a", has_text="Needs you").count()  # none, unless a first try failed
    name = f"night {in_need}"
    assert name not in cards(page)[: in_need + 1]
    runs[in_need].metrics(20, train__loss=float("nan"))
    until(lambda: name in cards(page)[: in_need + 1])
    card(page, name).get_by_text("Needs you: loss is NaN since step 20").wait_for()
    guest.toast("loss").first.wait_for()


def test_what_happened_is_told_as_it_happens_and_leads_to_its_run(
    guest: Guest, house: House, runs: list[LiveStory], until: Until
) -> None:
    page, run = guest.page, runs[5]
    activity = page.get_by_role("list", name="Activity")
    assert activity.get_by_text("waits in the queue").count() == 0, "who was started by hand has not waited"
    run.trainer.write("checkpoint", {"step": 19, "failed": "disk full"})
    line = activity.get_by_role("listitem").filter(has_text="night 5").first
    line.get_by_text("checkpoint failed at step 19: disk full").wait_for()
    line.get_by_role("link", name="night 5").click()
    page.wait_for_url(f"**/runs/{run.directory.run_id}")
    page.go_back()
    flows = FlowHouse(house.home, house.spawn, until)
    flows.server = house.server
    flows.write("look", {"id": "see", "cmd": "STATUS", "args": {"gpus": 64}}, name="Look around")
    flow_run = flows.run("look")
    told = activity.get_by_role("listitem").filter(has=page.locator(f"a[href$='/flows/{flow_run}']"))
    told.filter(has_text="Look around").get_by_text("flow ended: Failed").wait_for()
    told.get_by_text("64 are wanted").wait_for()


def test_the_machine_is_measured_while_it_is_looked_at(guest: Guest, until: Until) -> None:
    machine = guest.page.get_by_role("region", name="Machine")
    machine.get_by_text("RAM").wait_for()
    sample = guest.server.get("/machine")
    machine.get_by_text(sample["host"]).wait_for()
    total = f"of {sample['ram']['total'] / 1e9:.3g} GB"
    until(lambda: total in machine.inner_text())


def test_a_run_that_ends_leaves_and_one_that_is_deleted_elsewhere_is_gone(
    guest: Guest, house: House, runs: list[LiveStory], until: Until
) -> None:
    live = [number for number, run in enumerate(runs) if run.lock is not None]  # all, unless a first try failed
    number = next(number for number in live if number >= 7)
    page, run, name = guest.page, runs[number], f"night {number}"
    run.state("done").exited("finished", code=0)
    assert run.lock is not None
    run.lock.release()
    run.lock = None
    recent = page.get_by_role("region", name="Recent")
    recent.get_by_role("link", name=name).wait_for()
    until(lambda: len(cards(page)) == len(live) - 1)
    elsewhere = page.context.new_page()
    elsewhere.goto(f"{house.server.url}/runs/{run.directory.run_id}")
    elsewhere.get_by_role("figure", name="Loss").wait_for()
    run_id = run.directory.run_id
    until(lambda: house.server.http.delete(f"/runs/{run_id}").status_code == 200)
    until(lambda: recent.get_by_role("link", name=name).count() == 0)
    elsewhere.get_by_text("This run was put into the trash").wait_for()
    elsewhere.close()


def test_a_run_that_is_deleted_while_its_page_opens_is_gone(guest: Guest, house: House, until: Until) -> None:
    run = house.run()
    run.metrics(0, train__loss=2.0)
    run.state("done").exited("finished", code=0)
    assert run.lock is not None
    run.lock.release()
    run_id = run.directory.run_id
    page = guest.page.context.new_page()

    def delete(route: Any) -> None:
        answer = route.fetch()
        until(lambda: house.server.http.delete(f"/runs/{run_id}").status_code == 200)
        route.fulfill(response=answer)

    # The page listens when it has this answer.
    page.route(f"**/runs/{run_id}/system*", delete)
    page.goto(f"{house.server.url}/runs/{run_id}")
    page.get_by_text("This run was put into the trash").wait_for()
    page.close()


def test_on_a_phone_nothing_is_wider_than_the_screen(guest: Guest) -> None:
    page = guest.page
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{guest.server.url}/catalog/documents")
    catalog = page.get_by_role("navigation", name="Pages").get_by_role("link", name="Catalog")
    page.get_by_role("heading", name="Add documents").wait_for()
    box = catalog.bounding_box()
    assert box is not None and box["x"] + box["width"] <= 300, "the open page stands in the row of pages"
    page.goto(f"{guest.server.url}/")
    page.locator(".cards a").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
