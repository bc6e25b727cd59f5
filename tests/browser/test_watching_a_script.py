"""A script of one's own, watched and steered through the page."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console_server import ConsoleServer

pytestmark = pytest.mark.browser

INSTRUMENTED = """
import sys, time
import gladius

epochs, per_epoch, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
print("[INFO] begins\\x1b]0;stolen title\\x07\\x1b]52;c;c3RvbGVu\\x07", flush=True)
position = 4.0
with gladius.start(total_epochs=epochs, steps_per_epoch=per_epoch) as run:
    for step, _ in run.steps(range(epochs * per_epoch)):
        position -= 0.02 * 2 * (position - 1.0)
        loss = (position - 1.0) ** 2 + 0.5
        run.log({"train/loss": loss, "train/learning_rate": 0.02, "train/grad_norm": 2 * abs(position - 1.0)}, tokens=64)
        if step % per_epoch == per_epoch - 1:
            run.log({"eval/loss": loss + 0.1})
            print(f"\\n[SUCCESS] epoch {step // per_epoch + 1} over", flush=True)
        print(f"\\rstep {step + 1} of {epochs * per_epoch}", end="", flush=True)
        time.sleep(pause)
"""
PRINTING = """
import sys, time
for step in range(1, 4000):
    print(f"Epoch 1 | Batch {step}/4000 | Loss: {4 / step + 1:.4f}", flush=True)
    time.sleep(0.1)
"""


@pytest.fixture
def watched(
    tmp_path: Path,
    serve: Callable[..., ConsoleServer],
    spawn: Callable[..., subprocess.Popen[str]],
    until: Callable[..., Any],
) -> Callable[..., tuple[ConsoleServer, str]]:
    """Start a server and `gladius run -- python script.py ...`; the server and the run's id."""

    def start(script: str, *arguments: object) -> tuple[ConsoleServer, str]:
        path = tmp_path / "script.py"
        path.write_text(script)
        server = serve()
        command = [Path(sys.executable).with_name("gladius"), "run", "--name", "my script", "--", sys.executable, path]
        spawn(*command, *map(str, arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        runs = until(lambda: server.get("/runs")["runs"])
        return server, runs[0]["run_id"]

    return start


def number(text: str) -> float:
    found = re.search(r"-?\d+(?:\.\d+)?", text.replace(",", ""))
    return float(found.group()) if found else -1.0


def test_a_script_shows_its_course_and_can_be_held_and_stopped(
    watched: Callable[..., tuple[ConsoleServer, str]], visit: Callable[..., Any], until: Callable[..., Any]
) -> None:
    server, run_id = watched(INSTRUMENTED, 3, 2000, 0.05)
    guest = visit(server)
    page = guest.open(f"/runs/{run_id}")
    until(lambda: guest.state == "Training")

    loss = page.get_by_role("figure", name="Loss")
    overall = page.get_by_role("progressbar", name="Overall progress")
    until(lambda: re.search(r"\d\.\d{4}", loss.inner_text()))
    until(lambda: loss.locator("canvas").count() == 1)
    until(lambda: number(overall.get_attribute("aria-valuenow") or "") > 1)
    until(lambda: "step" in page.get_by_role("region", name="Live training stream").locator(".xterm-rows").inner_text())
    assert "stolen" not in page.get_by_role("region", name="Live training stream").inner_text()
    assert "stolen" not in page.title()
    until(lambda: "tokens/s" in page.get_by_role("figure", name="Throughput").inner_text())
    until(lambda: "RAM" in page.get_by_role("figure", name="Memory").inner_text())
    assert "no experts" in page.get_by_role("figure", name="Expert coverage").inner_text()

    controls = page.get_by_role("region", name="Controls")
    page.get_by_role("button", name="Pause training").click()
    until(lambda: guest.state == "Paused")
    until(lambda: "applied" in controls.inner_text())
    # The status file follows within two seconds: the hold is steady when it says so itself.
    until(lambda: "Paused" in server.get(f"/runs/{run_id}")["summary"]["message"])
    held = round(server.get(f"/runs/{run_id}")["summary"]["progress"], 1)
    until(lambda: number(overall.get_attribute("aria-valuenow") or "") == held)

    page.reload()
    until(lambda: page.get_by_role("status").count() == 1)
    until(lambda: guest.state == "Paused")
    until(lambda: number(overall.get_attribute("aria-valuenow") or "") == held)
    page.get_by_role("button", name="Resume training").click()
    until(lambda: guest.state == "Training")
    until(lambda: number(overall.get_attribute("aria-valuenow") or "") > held)

    page.get_by_role("button", name="Stop training").click()
    dialog = page.get_by_role("dialog", name="Stop training?")
    dialog.get_by_role("button", name="Keep training").click()
    assert guest.state == "Training"
    page.get_by_role("button", name="Stop training").click()
    dialog.get_by_role("button", name="Stop training").click()
    until(lambda: guest.state == "Stopped", timeout=30)
    # Nothing was saved, but its command can be started again: the preview will say so.
    until(lambda: page.get_by_role("button", name="Resume training").count() >= 1)
    assert page.get_by_role("button", name="Stop training").is_disabled()

    page.get_by_role("dialog", name="Training summary").get_by_role("button", name="Back to overview").click()
    until(lambda: "my script" in page.get_by_role("region", name="Recent").inner_text())
    # The report is asked for until it is written, a moment after the end.
    assert [one for one in guest.complaints if "404" not in one] == []
    assert guest.foreign == [], "a request left the machine"


def test_a_reload_shows_the_whole_course_from_the_first_step_on(
    watched: Callable[..., tuple[ConsoleServer, str]], visit: Callable[..., Any], until: Callable[..., Any]
) -> None:
    server, run_id = watched(INSTRUMENTED, 2, 40, 0.02)
    guest = visit(server)
    page = guest.open(f"/runs/{run_id}")
    until(lambda: guest.state == "Done", timeout=40)
    stream = page.get_by_role("region", name="Live training stream").locator(".xterm-rows")
    for _ in range(2):
        until(lambda: "[INFO] begins" in stream.inner_text() and "epoch 2 over" in stream.inner_text())
        assert stream.inner_text().count("[INFO] begins") == 1
        # The state comes with the stream, progress with the status file, which follows within two seconds.
        overall = page.get_by_role("progressbar", name="Overall progress")
        until(lambda overall=overall: overall.get_attribute("aria-valuenow") == "100")
        expected = server.get(f"/runs/{run_id}")["summary"]["loss"]
        until(lambda expected=expected: f"{expected:.4f}" in page.get_by_role("figure", name="Loss").inner_text())
        page.reload()
        until(lambda: page.get_by_role("status").count() == 1)
    assert guest.complaints == []


def test_a_killed_server_leaves_the_values_and_the_next_one_goes_on(
    watched: Callable[..., tuple[ConsoleServer, str]],
    serve: Callable[..., ConsoleServer],
    visit: Callable[..., Any],
    until: Callable[..., Any],
) -> None:
    server, run_id = watched(INSTRUMENTED, 3, 2000, 0.05)
    guest = visit(server)
    page = guest.open(f"/runs/{run_id}")
    overall = page.get_by_role("progressbar", name="Overall progress")
    until(lambda: page.get_by_role("status").count() == 1)
    until(lambda: number(overall.get_attribute("aria-valuenow") or "") > 0)
    port = server.port
    server.kill()
    until(lambda: "Connection lost" in page.get_by_role("alert").inner_text())
    before = number(overall.get_attribute("aria-valuenow") or "")
    assert before > 0
    assert page.get_by_role("button", name="Retry now").count() == 1
    assert page.get_by_role("button", name="Pause training").is_disabled()

    again = serve(port=port)
    # It comes back by itself as well: the click only makes it sooner.
    page.evaluate("[...document.querySelectorAll('[role=alert] button')].forEach(button => button.click())")
    until(lambda: page.get_by_role("alert").count() == 0)
    until(lambda: number(overall.get_attribute("aria-valuenow") or "") > before)
    stream = page.get_by_role("region", name="Live training stream").locator(".xterm-rows")
    assert stream.inner_text().count("[INFO] begins") == 1
    assert "skipped" not in stream.inner_text()
    again.http.post(f"/runs/{run_id}/commands", json={"command": "stop", "args": {}})
    until(lambda: guest.state == "Stopped", timeout=30)


def test_a_log_view_that_could_not_be_fetched_is_fetched_again(
    watched: Callable[..., tuple[ConsoleServer, str]], visit: Callable[..., Any], until: Callable[..., Any]
) -> None:
    server, run_id = watched(PRINTING)
    guest = visit(server)
    # The server went away just while the page loaded.
    guest.page.route("**/terminal-*.js", lambda route: route.abort(), times=1)
    page = guest.open(f"/runs/{run_id}")
    rows = page.get_by_role("region", name="Live training stream").locator(".xterm-rows")
    until(lambda: rows.count() == 1 and "Batch" in rows.inner_text())
    assert any("terminal" in one or "ERR_FAILED" in one for one in guest.complaints), "it was not aborted at all"


def test_a_program_that_only_prints_has_its_buttons_by_signals(
    watched: Callable[..., tuple[ConsoleServer, str]], visit: Callable[..., Any], until: Callable[..., Any]
) -> None:
    server, run_id = watched(PRINTING)
    guest = visit(server)
    page = guest.open(f"/runs/{run_id}")
    until(lambda: guest.state == "Training")
    until(lambda: re.search(r"\d\.\d{4}", page.get_by_role("figure", name="Loss").inner_text()))
    save = page.get_by_role("button", name="Save checkpoint")
    assert save.is_disabled()
    assert "PULSE" in (save.get_attribute("title") or "")
    page.get_by_role("button", name="Pause training").click()
    until(lambda: guest.state == "Suspended")
    page.get_by_role("button", name="Resume training").click()
    until(lambda: guest.state == "Training")
    page.get_by_role("button", name="Stop training").click()
    page.get_by_role("dialog", name="Stop training?").get_by_role("button", name="Stop training").click()
    until(lambda: page.get_by_role("button", name="Stop training").is_disabled(), timeout=40)
    assert guest.complaints == []


def test_scrolling_by_hand_holds_the_log_until_auto_scroll_is_on_again(
    watched: Callable[..., tuple[ConsoleServer, str]], visit: Callable[..., Any], until: Callable[..., Any]
) -> None:
    server, run_id = watched(PRINTING)
    guest = visit(server)
    page = guest.open(f"/runs/{run_id}")
    stream = page.get_by_role("region", name="Live training stream")
    rows = stream.locator(".xterm-rows")
    follow = stream.get_by_role("switch", name="Auto-scroll")

    def newest() -> int:
        """The last batch in sight."""
        return max(map(int, re.findall(r"Batch (\d+)/", rows.inner_text())), default=0)

    until(lambda: newest() > 30)
    assert follow.get_attribute("aria-checked") == "true"
    before = newest()
    stream.locator(".xterm-screen").hover()
    page.mouse.wheel(0, -4000)
    until(lambda: follow.get_attribute("aria-checked") == "false")
    below = stream.get_by_role("button", name="new lines below")
    below.wait_for()
    held = rows.inner_text()
    until(lambda: number(below.inner_text()) > 30)
    assert rows.inner_text() == held
    follow.click()
    until(lambda: newest() > before + 30)


def boxes(page: Any, *locators: Any) -> list[dict[str, float]]:
    """Where they are at one moment: a page that lives moves between two looks."""
    script = "elements => elements.map(element => element.getBoundingClientRect().toJSON())"
    return list(page.evaluate(script, [one.element_handle() for one in locators]))


def test_each_width_has_its_layout_and_nothing_is_wider_than_the_screen(
    watched: Callable[..., tuple[ConsoleServer, str]], visit: Callable[..., Any], until: Callable[..., Any]
) -> None:
    server, run_id = watched(INSTRUMENTED, 1, 2000, 0.05)
    guest = visit(server)
    heights: dict[int, float] = {}
    paddings: dict[int, float] = {}
    for path in ("/", "/runs", f"/runs/{run_id}"):
        page = guest.open(path)
        until(lambda page=page: "my script" in page.locator("#app").inner_text())
        for width in (390, 800, 1200, 1440, 1600, 1920):
            page.set_viewport_size({"width": width, "height": 844})
            until(lambda page=page, width=width: page.evaluate("document.documentElement.scrollWidth") <= width)
            if not path.endswith(run_id):
                continue
            figures = [page.get_by_role("figure", name=name) for name in ("Loss", "Expert coverage", "Throughput")]
            panels = [page.get_by_role("region", name=name) for name in ("Controls", "Progress")]
            loss, experts, throughput, controls, progress = boxes(page, *figures, *panels)
            heights[width] = loss["height"]
            paddings[width] = figures[0].evaluate("figure => parseFloat(getComputedStyle(figure).paddingLeft)")
            assert (loss["y"] == experts["y"]) is (width >= 800), "two by two, on a phone one below the other"
            assert throughput["y"] >= loss["y"] + loss["height"]
            assert (controls["y"] == progress["y"]) is (width >= 1200), "stacked below 1200"
            assert page.get_by_role("button", name="Fold the log").count() == 1
    assert heights[1920] > heights[1600], "charts are larger where there is room"
    assert paddings[1440] < paddings[1600] == paddings[1920], "and less is left around them where there is not"

    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("scrollTo(0, 0)")
    in_sight = [
        page.get_by_role("region", name="Verdict"),
        *(
            page.get_by_role("region", name="Verdict").get_by_text(words, exact=True)
            for words in ("done", "last checkpoint")
        ),
        page.get_by_role("region", name="Verdict").locator("canvas, svg").first,
        page.get_by_role("button", name="Pause", exact=True),
    ]
    for box in boxes(page, *in_sight):
        assert box["y"] >= 0 and box["y"] + box["height"] <= 844, "a phone shows it without scrolling"
