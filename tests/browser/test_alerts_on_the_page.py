"""Alerts as a person meets them: toasts, bell and list, acknowledged in one browser and gone in the other."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alert_story import GB, LOST, gpu
from console_server import ConsoleServer
from watched_page import Guest, House, LiveStory, Visitor

from gladius.pulse.control import Command, Mailbox, new_command_id
from gladius.pulse.events import EventWriter
from pulse_wrapper import write_running_status

pytestmark = pytest.mark.browser

Until = Callable[..., Any]
Tell = Callable[[LiveStory], object]

AT_ONCE = {"expert_imbalance_seconds": 0, "dead_experts_seconds": 0}
UNEVEN, ONE_DEAD = (0.7, 0.1, 0.1, 0.1), (0.34, 0.33, 0.33, 0.0)


def at_full_pace(run: LiveStory) -> None:
    """Two minutes at 2,000 tokens/s, told with the times that they would have had."""
    past = time.time() - 120
    clock = iter([past + 3 * step for step in range(38)])
    run.trainer = EventWriter(run.directory.events, 1, clock=lambda: next(clock, time.time()))
    for step in range(38):
        run.metrics(step, train__tokens_per_second=2000.0)


URGENT: list[tuple[str, str, Tell, str]] = [
    ("gpu_temperature", "warning", lambda run: run.sample(gpu(temperature=86)), "GPU 0 is at 86 °C, above the limit of 80"),
    ("thermal_throttling", "warning", lambda run: run.sample(gpu(throttling="hardware thermal")), "runs slower because it is too hot"),
    ("gpu_lost", "critical", lambda run: run.sample(gpu()).sample(LOST), "GPU 0 (A100) is gone"),
    ("memory_pressure", "warning", lambda run: run.sample(ram=0.934), "93.4 % of the memory is in use"),
    ("gpu_memory", "warning", lambda run: run.sample(gpu(memory_run=78 * GB)), "97.5 % of the memory of GPU 0"),
    ("disk_nearly_full", "warning", lambda run: run.sample(free=0.04), "Only 4 % of the disk is free"),
    ("console_log_large", "warning", lambda run: run.sample(console=2 << 30), "The log file has 2.15 GB"),
    ("expert_imbalance", "warning", lambda run: run.experts(1, UNEVEN), "Layer 0 uses its experts unevenly"),
    ("dead_experts", "warning", lambda run: run.experts(1, ONE_DEAD), "No tokens reach 1 of 4 experts (layers 0)"),
    ("checkpoint_failed", "warning", lambda run: run.trainer.write("checkpoint", {"step": 40, "kind": "auto", "failed": "No space left on device"}), "The checkpoint at step 40 failed: No space left on device"),
    ("stalled", "warning", lambda run: run.supervisor.write("stall", {"event": "began", "seconds": 75.2, "limit": 60.0}), "No step for 1 min 15 s"),
    ("non_finite_loss", "critical", lambda run: run.metrics(812, train__loss=float("nan")), "The loss is NaN since step 812"),
    ("run_failed", "critical", lambda run: run.exited("killed", evidence="ended by SIGKILL"), "Training was killed: ended by SIGKILL"),
    ("run_lost", "warning", lambda run: run.exited("unknown"), "Training ended unobserved; how is not known"),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def sooner(house: House) -> None:
    """Conditions that must last for a minute begin at once: the minute itself is tested where the rules are."""
    assert house.server.http.put("/settings", json={"alerts": AT_ONCE}).is_success


@pytest.fixture(autouse=True)
def settled(house: House, until: Until) -> Iterator[None]:
    yield
    house.settle(until)


@pytest.fixture(scope="module")
def pair(browser: Any, house: House) -> Iterator[tuple[Guest, Guest]]:
    """Two browsers of two people, on pages that show all runs."""
    two = Guest(browser, house.server), Guest(browser, house.server)
    for one in two:
        one.open("/runs")
    yield two
    for one in two:
        assert one.complaints == []
        one.close()


def until_told(mine: Guest, house: House, until: Until) -> int:
    """How many wait, once the bell says so, too: what the test before left behind is acknowledged."""
    until(lambda: mine.waiting == house.waiting)
    return mine.waiting


@pytest.mark.parametrize(("code", "level", "tell", "words"), URGENT, ids=[one[0] for one in URGENT])
def test_an_alert_is_told_at_once_and_acknowledged_for_everybody(
    house: House, pair: tuple[Guest, Guest], until: Until, code: str, level: str, tell: Tell, words: str
) -> None:
    mine, other = pair
    run = house.run()
    if code == "dead_experts":
        run.experts(0, (0.25, 0.25, 0.25, 0.25))
    until(lambda: house.server.http.get(f"/runs/{run.directory.run_id}").is_success)
    before = until_told(mine, house, until)
    tell(run)
    toast = mine.toast(words)
    # Experts are judged once a second, when something came.
    again = tell if code == "dead_experts" else id
    until(lambda: toast.count() == 1 or not again(run), every=0.5)
    assert ("Critical" if level == "critical" else "Warning") in toast.inner_text()
    assert toast.get_by_role("alert").count() == (1 if level == "critical" else 0)
    until(lambda: mine.waiting > before and other.waiting == mine.waiting)
    assert house.alerts(run)[code]["acknowledged_at"] is None

    toast.get_by_role("button", name="Acknowledge").click()
    until(lambda: toast.count() == 0)
    until(lambda: house.alerts(run)[code]["acknowledged_by"] == "browser")
    until(lambda: other.toast(words).count() == 0)
    book = [json.loads(line) for line in (house.home.state / "alerts.jsonl").read_text().splitlines()]
    assert any("ack" in json.dumps(one) and run.directory.run_id in json.dumps(one) for one in book)
    until(lambda: mine.waiting == other.waiting)


def reload_config(run: LiveStory) -> None:
    command = Command(new_command_id(), "reload_config", 1, {"keys": ["train.learning_rate"]}, time.time(), "browser")
    Mailbox(run.directory.control).post(command)
    run.trainer.write("ack", {"command_id": command.id, "state": "accepted"})
    run.trainer.write("ack", {"command_id": command.id, "state": "applied", "step": 7})


NOTICES: list[tuple[Tell, str]] = [
    (lambda run: run.trainer.write("checkpoint", {"step": 40, "path": "c", "bytes": 9, "kind": "auto", "manifest": "ab"}), "Checkpoint at step 40 saved and verified"),
    (lambda run: run.metrics(200, eval__loss=1.25), "Validation at step 200 completed: eval/loss 1.25"),
    (reload_config, "Configuration reloaded at step 7"),
    (lambda run: [run.metrics(step, epoch=step / 10, train__loss=1.0) for step in (99, 100, 101)], "Epoch 10 of 20 completed"),
]  # fmt: skip


@pytest.mark.parametrize(("tell", "words"), NOTICES, ids=[one[1].split()[0] for one in NOTICES])
def test_a_notice_is_told_politely_and_waits_for_nobody(
    house: House, pair: tuple[Guest, Guest], until: Until, tell: Tell, words: str
) -> None:
    mine, _ = pair
    run = house.run()
    until(lambda: house.server.http.get(f"/runs/{run.directory.run_id}").is_success)
    before = until_told(mine, house, until)
    tell(run)
    toast = mine.toast(words)
    until(lambda: toast.count() == 1)
    assert toast.get_by_role("alert").count() == 0
    assert toast.get_by_role("button", name="Acknowledge").count() == 0
    assert mine.waiting == before
    toast.get_by_role("button", name="Close this message").click()
    until(lambda: toast.count() == 0)


def test_a_drop_of_throughput_is_told(house: House, pair: tuple[Guest, Guest], until: Until) -> None:
    mine, _ = pair
    run = house.run()
    at_full_pace(run)
    until(lambda: house.server.http.get(f"/runs/{run.directory.run_id}").is_success)
    for step in range(40, 46):
        run.metrics(step, train__tokens_per_second=300.0)
    until(lambda: mine.toast("under the average of the last four minutes").count() == 1)
    mine.toast("under the average").get_by_role("button", name="Acknowledge").click()
    until(lambda: house.alerts(run)["slow_throughput"]["acknowledged_by"] == "browser")


def names_at(page: Any, name: re.Pattern[str]) -> list[str]:
    """What lies at the middle of every button of this name that is in sight: its own text, if nothing covers it."""
    script = """elements => elements.map(element => element.getBoundingClientRect())
      .filter(box => box.width && box.top >= 0 && box.bottom <= innerHeight)
      .map(box => document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2).closest('button')?.innerText)"""
    return list(page.get_by_role("button", name=name).evaluate_all(script))


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1000, 800), (390, 844)])
def test_toasts_stack_stay_out_of_the_way_and_take_no_focus(
    house: House, guest: Visitor, until: Until, width: int, height: int
) -> None:
    run = house.run()
    mine = guest(viewport={"width": width, "height": height})
    page = mine.watch(run)
    bell = mine.bell
    bell.focus()
    run.metrics(5, train__loss=float("nan"))
    until(lambda: mine.toast("The loss is NaN").count() == 1)
    run.sample(gpu(temperature=86, memory_run=79 * GB), ram=0.95, free=0.02)
    shown = 1 if width < 800 else 3
    more = mine.toasts.get_by_role("button", name="more")
    hidden = lambda: [int(words.split()[0]) for words in more.all_inner_texts()]  # noqa: E731
    until(lambda: hidden() == [5 - shown])
    until(lambda: mine.toasts.locator(".toast").count() == shown)
    assert mine.toast("The loss is NaN").count() == 1, "a critical one stays in sight"
    assert page.evaluate("document.activeElement.getAttribute('aria-haspopup')") == "dialog", "the focus was stolen"
    for word in ("Pause", "Stop"):
        found = names_at(page, re.compile(f"^{word}"))
        assert found
        assert all(text and word in text for text in found), found
    assert page.evaluate("document.documentElement.scrollWidth") <= width

    if width >= 800:
        page.keyboard.press("Escape")
        until(lambda: hidden() < [5 - shown])
    mine.toast("The loss is NaN").get_by_role("button", name="Close this message").click()
    until(lambda: mine.toast("The loss is NaN").count() == 0)
    assert house.alerts(run)["non_finite_loss"]["acknowledged_at"] is None, "closed is not acknowledged"


def test_a_warning_goes_by_itself_but_not_under_the_pointer_and_a_critical_one_never(
    house: House, guest: Visitor, until: Until
) -> None:
    run = house.run()
    mine = guest()
    page = mine.watch(run)
    page.clock.install()
    run.sample(gpu(temperature=86))
    until(lambda: page.clock.run_for(50) or mine.toast("86 °C").count() == 1)
    mine.toast("86 °C").hover()
    page.clock.run_for(60_000)
    assert mine.toast("86 °C").count() == 1
    page.mouse.move(5, 400)
    page.clock.run_for(16_000)
    until(lambda: mine.toast("86 °C").count() == 0)
    run.metrics(5, train__loss=float("nan"))
    until(lambda: page.clock.run_for(50) or mine.toast("The loss is NaN").count() == 1)
    page.clock.run_for(600_000)
    assert mine.toast("The loss is NaN").count() == 1


def test_the_list_tells_since_when_how_much_and_where_and_acknowledges_all(
    house: House, guest: Visitor, until: Until
) -> None:
    run, foreign = house.run(), house.run()
    mine, other = guest(), guest()
    page = mine.watch(run)
    other.open("/runs")
    run.sample(gpu(temperature=86))
    run.trainer.write("checkpoint", {"step": 40, "kind": "auto", "failed": "No space left on device"})
    foreign.sample(ram=0.95)
    until(lambda: {"gpu_temperature", "checkpoint_failed"} <= house.alerts(run).keys() and house.alerts(foreign))
    run.sample(gpu(temperature=60))
    until(lambda: house.alerts(run)["gpu_temperature"]["ended_at"])
    mine.bell.click()
    panel = page.get_by_role("dialog", name="Alerts")
    now, earlier = panel.get_by_role("list", name="Now"), panel.get_by_role("list", name="Earlier")
    until(lambda: "No space left on device" in now.inner_text())
    assert "since" in now.inner_text() and "86 °C, limit 80 °C" in earlier.inner_text()
    assert "95 % of the memory" not in panel.inner_text()
    assert mine.violations() == []

    panel.get_by_role("radio", name="All runs").check(force=True)
    until(lambda: "95 % of the memory" in panel.inner_text())
    panel.get_by_role("radio", name="This run").check(force=True)
    until(lambda: other.waiting >= 3)
    before = other.waiting
    panel.get_by_role("button", name="Acknowledge all").click()
    until(lambda: all(one["acknowledged_at"] for one in house.alerts(run).values() if one["level"] != "info"))
    assert house.alerts(foreign)["memory_pressure"]["acknowledged_at"] is None, "only what was shown"
    until(lambda: other.waiting == before - 2)
    until(lambda: "acknowledged" in earlier.inner_text() and "browser" in earlier.inner_text())
    assert panel.get_by_role("button", name="Acknowledge all").is_disabled()
    page.keyboard.press("Escape")
    until(lambda: panel.count() == 0)
    assert "Alerts" in page.evaluate("document.activeElement.getAttribute('aria-label')"), "the focus comes back"
    page.reload()
    until(lambda: mine.bell.count() == 1 and mine.waiting >= 1)
    assert mine.toasts.locator(".toast").count() == 0, "what is past is not told again"


def test_alerts_are_heard_on_every_page_and_lead_to_their_run(house: House, guest: Visitor, until: Until) -> None:
    run = house.run()
    mine = guest()
    page = mine.open("/settings")
    run.trainer.write("checkpoint", {"step": 40, "kind": "auto", "failed": "No space left on device"})
    toast = mine.toast("The checkpoint at step 40 failed")
    until(lambda: toast.count() == 1)
    assert "written" in toast.inner_text(), "the run's name stands there"
    toast.get_by_role("button", name="Show in the log").click()
    page.wait_for_url(f"**/runs/{run.directory.run_id}")
    until(lambda: toast.count() == 0)
    until(lambda: page.get_by_role("region", name="Live training stream").is_visible())
    assert mine.complaints == []


def test_hot_and_lost_gpus_are_the_verdict_on_console_and_overview(house: House, guest: Visitor, until: Until) -> None:
    run = house.run()
    run.sample(gpu(0), gpu(1))
    mine = guest()
    page = mine.watch(run)
    verdict = page.get_by_role("region", name="Verdict")
    until(lambda: "Healthy" in verdict.inner_text())
    run.sample(gpu(0, temperature=86), gpu(1))
    until(lambda: "Training, but GPU 0 is hotter than 80 °C" in verdict.inner_text())
    until(lambda: "⚠ above 80 °C" in page.get_by_role("region", name="Progress").inner_text())
    run.sample(gpu(0, temperature=86))
    until(lambda: "Needs you: GPU 1 (A100) is gone" in verdict.inner_text())
    card = mine.open("/").get_by_role("region", name="Now").get_by_role("link")
    until(lambda: "Needs you: GPU 1 (A100) is gone" in card.inner_text())
    run.sample(gpu(0), gpu(1))
    until(lambda: "is gone" not in card.inner_text())
    assert mine.complaints == []


def test_what_began_while_the_connection_was_lost_is_told_after_it(
    browser: Any, house: House, serve: Callable[..., ConsoleServer], until: Until
) -> None:
    server = serve()
    mine = Guest(browser, server)
    mine.open("/runs")
    port = server.port
    server.kill()
    until(lambda: mine.page.get_by_text("Connection lost").count() == 1)
    me = house.run().me
    run = LiveStory(server.home, me)
    again = serve(port=port)
    run.sample(gpu(temperature=91))
    until(lambda: again.get("/alerts")["alerts"])
    until(lambda: mine.toast("91 °C").count() == 1, timeout=40)
    until(lambda: mine.waiting >= 1)
    mine.close()


def test_progress_is_read_every_30_seconds_and_only_when_it_changed(house: House, guest: Visitor, until: Until) -> None:
    run = house.run()
    write_running_status(run.directory.status, 1.3, 20.0, 2.13, "Training")
    run.metrics(130, epoch=1.3, train__loss=2.13)
    mine = guest()
    page = mine.watch(run)
    page.clock.install()
    page.reload()
    page.get_by_role("button", name="Stop training").wait_for()
    voice = page.locator("[role=log][aria-label='Training progress']")
    until(lambda: voice.count() == 1)
    assert voice.inner_text() == ""
    overall = page.get_by_role("progressbar", name="Overall progress")
    until(lambda: overall.get_attribute("aria-valuenow") == "6.5")
    spoken = lambda: page.clock.run_for(31_000) or voice.inner_text()  # noqa: E731
    until(lambda: "Epoch 2 of 20" in spoken() and "loss 2.13" in voice.inner_text())
    page.evaluate(
        """() => { window.changes = 0; const voice = document.querySelector("[aria-label='Training progress']");
        new MutationObserver(() => window.changes++).observe(voice, {childList: true, characterData: true, subtree: true}) }"""
    )
    page.clock.run_for(62_000)
    assert page.evaluate("window.changes") == 0
    write_running_status(run.directory.status, 2.3, 20.0, 1.87, "Training")
    run.metrics(230, epoch=2.3, train__loss=1.87)
    until(lambda: overall.get_attribute("aria-valuenow") == "11.5")
    until(lambda: "Epoch 3 of 20" in spoken())


def test_toasts_and_list_speak_russian(house: House, guest: Visitor, until: Until) -> None:
    run = house.run()
    mine = guest(locale="ru-RU")
    page = mine.open(f"/runs/{run.directory.run_id}")
    page.get_by_role("button", name="Остановить обучение").first.wait_for()
    run.metrics(812, train__loss=float("nan"))
    toasts = page.get_by_role("region", name="Новые тревоги")
    until(lambda: "Потери равны NaN начиная с шага 812" in toasts.inner_text())
    assert "Критическая тревога" in toasts.inner_text()
    mine.bell.click()
    panel = page.get_by_role("dialog", name="Тревоги")
    until(lambda: "Потери равны NaN" in panel.inner_text())
    panel.get_by_role("button", name="Подтвердить", exact=True).click()
    until(lambda: house.alerts(run)["non_finite_loss"]["acknowledged_by"] == "browser")
    until(lambda: "подтверждено" in panel.inner_text())
    assert mine.violations() == []
