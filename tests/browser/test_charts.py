"""The charts of a run: exact values, zoom, keys, exports, tables, experts, memory, charts of one's own."""

from __future__ import annotations

import csv
import io
import math
import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forge
import pytest
from console_server import ConsoleServer
from signed_in import Visit

from gladius.pulse.events import EventWriter
from gladius.pulse.identity import Identity
from gladius.pulse.rundir import Home, RunDir

pytestmark = pytest.mark.browser

STEPS = 400
LAYERS, EXPERTS = 3, 4
GB = 10**9


class Course:
    """A run of 400 steps with experts, evaluations, a log and machine samples; it can go on."""

    def __init__(self, home: Home, name: str, experts: int = EXPERTS) -> None:
        self.directory: RunDir = home.new_run(name, {"source": "script", "engine": "script"})
        self.directory.write_attempt(1, {"argv": ["python"], "config": {"lr": 0.1}})
        self.writer = EventWriter(self.directory.events, 1)
        self.experts = experts
        model = {"name": "tiny", "experts": experts, "active_experts": 2} if experts else {"name": "dense"}
        me = Identity.current()
        hello = {"run_id": self.directory.run_id, "pid": me.pid, "host": me.host, "total_epochs": 4, "model": model}
        hello["attributions"] = {"moe/loss": "routing_weighted_nll"}
        self.writer.write("hello", hello)
        self.writer.write("state", {"state": "running"})
        self.step = 0

    def goes_back(self, step: int) -> None:
        """Another attempt begins after `step`: what came behind it is superseded."""
        self.directory.write_attempt(2, {"argv": ["python"], "config": {"lr": 0.1}})
        self.writer.close()
        self.writer = EventWriter(self.directory.events, 2)
        me = Identity.current()
        hello = {"run_id": self.directory.run_id, "pid": me.pid, "host": me.host, "total_epochs": 400}
        self.writer.write("hello", {**hello, "resumed_from": {"path": "c", "step": step}})
        self.writer.write("state", {"state": "running"})
        self.step = step + 1

    def plain(self, count: int) -> None:
        """Steps of a loss alone, each with a value of its own."""
        for _ in range(count):
            self.writer.metrics({"train/loss": 1 + (self.step * 7919 % 1000) / 1000}, self.step, self.step / 100, None)
            self.step += 1

    def steps(self, count: int) -> None:
        with self.directory.console_log.open("ab") as log:
            for _ in range(count):
                step = self.step
                log.write(b"line of step %d\n" % step)
                log.flush()
                values = {
                    "train/loss": 60.0 if step == 200 else 8 * math.exp(-step / 60) + 0.1,
                    "train/grad_norm": 1 + math.sin(step),
                    "train/learning_rate": 1e-3 * (1 - step / 1000),
                    "train/tokens_per_second": 2000.0 + step % 7,
                }
                if step % 40 == 39:
                    values |= {"eval/loss": 2 + step / 100, "eval/accuracy": step / 1000}
                if self.experts and step % 10 == 0:
                    values |= self.loads(step)
                self.writer.metrics(values, step, step / 100, log.tell())
                self.step += 1

    def loads(self, step: int) -> dict[str, float]:
        loads = {}
        for layer in range(LAYERS):
            shares = [0.4, 0.3, 0.2, 0.1] if layer else [0.25] * 4
            if layer == 2 and step >= 100:
                shares = [0.5, 0.3, 0.2, 0.0]
            loads |= {f"moe/load/{layer}/{expert}": share for expert, share in enumerate(shares)}
            # Of expert 0 no loss is known; one that no token came to has none.
            losses = {f"moe/loss/{layer}/{expert}": 2 + expert + layer for expert in range(1, 4) if shares[expert]}
            loads |= losses
        return loads

    def machine(self, samples: int, gpus: int) -> None:
        writer = EventWriter(self.directory.supervisor_events, 1)
        for number in range(samples):
            gpu = {"name": "A100", "utilisation": 90.0, "memory_others": GB, "memory_total": 80 * GB, "temperature": 60,
                   "power": 250.0, "throttling": None}  # fmt: skip
            writer.write("system", {
                "cpu": 50.0, "ram": {"used": (10 + number) * GB, "total": 64 * GB}, "swap": {"used": 0, "total": 0},
                "disk": {"used": 1, "total": 10}, "console_bytes": 1,
                "gpus": [{"index": index, "memory_run": 78 * GB, **gpu} for index in range(gpus)],
                "group": {"cpu": 120.0, "cpu_machine": 15.0, "rss": 3 * GB, "processes": 4},
            })  # fmt: skip


class Lab:
    """One server, two runs, one browser context."""

    def __init__(self, root: Path, browser: Any, until: Callable[..., Any]) -> None:
        self.until = until
        self.home = Home(root / "home")
        self.home.create()
        self.moe, self.dense = Course(self.home, "moe"), Course(self.home, "dense", experts=0)
        self.moe.steps(STEPS)
        self.dense.steps(50)
        self.long = Course(self.home, "long", experts=0)
        self.long.plain(6000)
        self.long.goes_back(2999)
        self.long.plain(4000)
        for step, fields in (
            (80, ("hyperparameters", {"name": "learning_rate", "old": 0.1, "new": 0.05, "by": "cli"})),
            (160, ("checkpoint", {"path": "c", "bytes": 9, "kind": "auto", "manifest": "ab"})),
            (300, ("checkpoint", {"kind": "auto", "failed": "No space left on device"})),
        ):
            self.moe.writer.write(fields[0], {"step": step, **fields[1]})
        self.moe.machine(5, gpus=1)
        self.dense.machine(5, gpus=0)
        self.long.machine(1, gpus=0)
        self.server = ConsoleServer(forge.start, self.home)
        self.context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
        self.visit = Visit(self.context, self.server)
        self.page = self.visit.page
        self.open(self.moe)

    def open(self, run: Course) -> Any:
        self.visit.open(f"/runs/{run.directory.run_id}")
        self.page.get_by_role("figure", name="Memory").wait_for()
        self.page.locator(".u-over").first.wait_for()
        return self.page

    def figure(self, name: str) -> Any:
        return self.page.get_by_role("figure", name=name, exact=True)

    def export(self, name: str, item: str) -> Path:
        self.until(lambda: self._offered(name, item))
        with self.page.expect_download() as download:
            self.page.get_by_role("menuitem", name=item).click()
        return Path(download.value.path())

    def _offered(self, name: str, item: str) -> bool:
        """Whether the figure has something to export; its menu is left open then, and closed else."""
        self.figure(name).get_by_role("button", name=f"Menu of {name}").click()
        if self.page.get_by_role("menuitem", name=item).get_attribute("aria-disabled") == "false":
            return True
        self.page.keyboard.press("Escape")
        return False

    def numbers(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.export(name, "CSV numbers").read_text(), newline="")))

    def shown_steps(self) -> tuple[int, int]:
        """The first and the last step that the loss chart shows now."""
        rows = self.numbers("Loss")
        return int(rows[0]["step"]), int(rows[-1]["step"])

    def close(self) -> None:
        self.context.close()
        self.server.terminate()


@pytest.fixture(scope="module")
def lab(browser: Any, tmp_path_factory: pytest.TempPathFactory, until: Callable[..., Any]) -> Iterator[Lab]:
    room = Lab(tmp_path_factory.mktemp("charts"), browser, until)
    yield room
    room.close()


@pytest.fixture
def page(lab: Lab) -> Iterator[Any]:
    """The page as it is after a fresh start; what one test chose is not the next one's."""
    lab.page.evaluate("localStorage.clear()")
    yield lab.open(lab.moe)


def test_csv_has_exactly_the_numbers_of_the_server(lab: Lab, page: Any) -> None:
    rows = lab.numbers("Loss")
    told = lab.server.get(f"/runs/{lab.moe.directory.run_id}/metrics", name=["train/loss", "eval/loss"])["series"]
    for name in ("train/loss", "eval/loss"):
        mine = [(int(row["step"]), float(row[name])) for row in rows if row[name]]
        assert mine == list(zip(told[name]["step"], told[name]["value"], strict=True))


def test_png_and_svg_are_real_pictures_with_the_series(lab: Lab, page: Any) -> None:
    for name in ("Loss", "Expert coverage", "Throughput", "Memory"):
        png = lab.export(name, "PNG picture").read_bytes()
        assert png[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">I", png[16:20])[0] == 1920
        root = ET.fromstring(lab.export(name, "SVG drawing").read_text())
        assert name in (root.findtext("{http://www.w3.org/2000/svg}title") or "")
        if name == "Loss":
            paths = {
                path.get("data-name"): path.get("d") or "" for path in root.iter("{http://www.w3.org/2000/svg}path")
            }
            assert paths["train/loss"].count("L") > 300
            assert "eval/loss" in paths


def test_a_figure_without_anything_to_show_gives_the_reason_and_no_file(lab: Lab, page: Any) -> None:
    lab.open(lab.dense)
    lab.figure("Expert coverage").get_by_role("button", name="Menu of Expert coverage").click()
    for item in ("PNG picture", "SVG drawing", "CSV numbers"):
        offered = page.get_by_role("menuitem", name=item)
        assert offered.get_attribute("aria-disabled") == "true"
        assert offered.get_attribute("title") == "Nothing to export yet"
    page.keyboard.press("Escape")


def test_arrow_keys_say_the_exact_values(lab: Lab, page: Any) -> None:
    lab.figure("Loss").focus()
    page.keyboard.press("End")
    last = STEPS - 1
    loss = 8 * math.exp(-last / 60) + 0.1
    said = lab.figure("Loss").locator("[aria-live]")
    assert f"step {last}" in said.inner_text()
    assert f"train {loss:.4f}" in said.inner_text()
    assert "eval 5.9900" in said.inner_text()
    page.keyboard.press("ArrowLeft")
    assert f"step {last - 1}" in said.inner_text()


def test_the_pointer_reads_the_value_beneath_it(lab: Lab, page: Any) -> None:
    lab.figure("Loss").locator(".u-over").hover()
    facts = lab.figure("Loss").locator(".facts")
    facts.get_by_text("step").wait_for()
    assert "trend" in facts.inner_text()


def test_the_wheel_zooms_about_the_pointer_and_leaves_the_page_what_it_cannot_use(
    lab: Lab, page: Any, until: Callable[..., Any]
) -> None:
    over = lab.figure("Loss").locator(".u-over")
    over.scroll_into_view_if_needed()
    over.hover()
    page.wait_for_timeout(300)  # a scroll on its way is the page's: only later is the wheel the chart's
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, -300)
    lab.figure("Loss").get_by_role("button", name="Reset zoom").wait_for()
    first, last = lab.shown_steps()
    assert 0 < first < 200 < last < STEPS - 1
    assert page.evaluate("scrollY") == before
    over.dblclick()
    lab.figure("Loss").get_by_role("button", name="Reset zoom").wait_for(state="detached")
    over.hover()
    page.wait_for_timeout(300)
    page.mouse.wheel(0, 200)
    until(lambda: page.evaluate("scrollY") > before)


def test_a_drag_zooms_shift_pans_and_double_click_shows_all(lab: Lab, page: Any, until: Callable[..., Any]) -> None:
    over = lab.figure("Loss").locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()

    def drag(start: float, end: float) -> None:
        y = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] * start, y)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * end, y, steps=4)
        page.mouse.up()

    drag(0.25, 0.5)
    first, last = lab.shown_steps()
    assert abs(first - 100) < 6 and abs(last - 200) < 6
    page.keyboard.down("Shift")
    drag(0.75, 0.25)
    page.keyboard.up("Shift")
    moved, _ = lab.shown_steps()
    assert abs(moved - 150) < 8
    over.dblclick()
    assert lab.shown_steps() == (0, STEPS - 1)


def test_keys_zoom_focus_and_export_the_chart(lab: Lab, page: Any) -> None:
    page.keyboard.press("Control+z")
    first, last = lab.shown_steps()
    assert first > 0 and last < STEPS - 1
    page.keyboard.press("Control+Shift+Z")
    assert lab.shown_steps() == (0, STEPS - 1)
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+0")
    assert lab.shown_steps() == (0, STEPS - 1)
    for key, name in zip("1234", ("Loss", "Expert coverage", "Throughput", "Memory"), strict=True):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == name
        assert page.evaluate("document.activeElement.matches(':focus-visible')")
    page.keyboard.press("Control+e")
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="SVG drawing").click()
    assert download.value.suggested_filename == "moe-Memory.svg"


def test_right_click_offers_exports_a_table_and_the_way_back(lab: Lab, page: Any) -> None:
    lab.figure("Loss").locator(".u-over").click(button="right")
    page.get_by_role("menuitemcheckbox", name="Data table").click()
    table = lab.figure("Loss").get_by_role("table")
    rows = table.get_by_role("row")
    assert rows.count() == 201
    assert str(STEPS - 1) in rows.nth(1).inner_text()
    assert "The newest 200 of 400 rows" in lab.figure("Loss").inner_text()
    lab.figure("Loss").get_by_role("button", name="Back to the chart").click()
    table.wait_for(state="detached")


def test_a_far_value_is_told_and_shown_on_request(lab: Lab, page: Any) -> None:
    chip = lab.figure("Loss").get_by_role("button", name="1 above, up to 60")
    chip.click()
    chip.wait_for(state="detached")


def test_log_scale_axis_and_lines_can_be_chosen_and_stay(lab: Lab, page: Any) -> None:
    figure = lab.figure("Loss")
    figure.get_by_role("checkbox", name="Log scale").check()
    figure.get_by_role("combobox", name="Horizontal axis").select_option("time")
    figure.get_by_role("button", name="eval").click()
    rows = lab.numbers("Loss")
    assert "eval/loss" not in rows[0]
    lab.open(lab.moe)
    assert figure.get_by_role("checkbox", name="Log scale").is_checked()
    assert figure.get_by_role("combobox", name="Horizontal axis").input_value() == "time"


def test_a_click_on_a_point_goes_to_its_lines_in_the_log(lab: Lab, page: Any) -> None:
    lab.figure("Loss").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_role("region", name="Live training stream").get_by_text("line of step 1", exact=False).first.wait_for()


def test_a_click_of_the_mouse_on_a_point_goes_there_too(lab: Lab, page: Any, until: Callable[..., Any]) -> None:
    over = lab.figure("Loss").locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    over.click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    stream = page.get_by_role("region", name="Live training stream")
    until(lambda: stream.locator(".log-target").count() == 1)
    steps = [int(step) for step in re.findall(r"line of step (\d+)", stream.locator(".xterm-rows").inner_text())]
    assert steps and min(steps) <= (STEPS - 1) / 4 <= max(steps)


def test_what_happened_stands_on_the_curve_and_tells_itself(lab: Lab, page: Any, until: Callable[..., Any]) -> None:
    figure = lab.figure("Loss")
    until(lambda: "alert" in figure.locator(".lines").inner_text())
    over = figure.locator(".u-over")
    over.scroll_into_view_if_needed()
    for step, words in (
        (80, "0.1 → 0.05, command line"), (160, "checkpoint at step 160"), (300, "No space left on device"),
    ):  # fmt: skip
        box = over.bounding_box()
        page.mouse.move(box["x"] + box["width"] * step / (lab.moe.step - 1), box["y"] + 40)
        until(lambda words=words: words in " ".join(figure.locator(".told").all_inner_texts()))
    page.mouse.move(0, 0)
    drawing = ET.fromstring(lab.export("Loss", "SVG drawing").read_text())
    assert len(list(drawing.iter("{http://www.w3.org/2000/svg}polygon"))) >= 3, "they are on the picture too"


def test_the_slider_of_the_trend_changes_the_line_that_is_drawn(lab: Lab, page: Any) -> None:
    slider = lab.figure("Loss").get_by_role("slider", name="Smoothing")
    slider.fill("0.5")

    def trends() -> list[str]:
        root = ET.fromstring(lab.export("Loss", "SVG drawing").read_text())
        names = [path.get("data-name") or "" for path in root.iter("{http://www.w3.org/2000/svg}path")]
        return [name for name in names if "EMA" in name]

    assert trends() == ["train/loss (EMA 0.5)"]
    slider.fill("0")
    assert trends() == []
    lab.open(lab.moe)
    assert slider.input_value() == "0", "it is remembered"


def test_zoomed_in_every_point_is_there_also_of_what_was_gone_back_behind(
    lab: Lab, page: Any, until: Callable[..., Any]
) -> None:
    lab.open(lab.long)
    assert len(lab.numbers("Loss")) <= 4000, "of 10,000 points not all are loaded"
    over = lab.figure("Loss").locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    y = box["y"] + box["height"] / 2
    with page.expect_response(lambda answer: "from_step=" in answer.url and "superseded=true" in answer.url):
        page.mouse.move(box["x"] + box["width"] * 0.64, y)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.68, y, steps=4)
        page.mouse.up()
    told = lab.server.get(f"/runs/{lab.long.directory.run_id}/metrics", name="train/loss", max_points=100_000,
                          superseded=True)  # fmt: skip
    old = told["superseded"]["train/loss"][0]
    true = {
        "train/loss": dict(
            zip(told["series"]["train/loss"]["step"], told["series"]["train/loss"]["value"], strict=True)
        ),
        "train/loss (superseded)": dict(zip(old["step"], old["value"], strict=True)),
    }

    def whole(name: str) -> bool:
        rows = [(int(row["step"]), float(row[name])) for row in lab.numbers("Loss") if row[name]]
        steps = [step for step, _ in rows]
        return len(steps) > 100 and steps == list(range(steps[0], steps[-1] + 1)) and rows == [
            (step, true[name][step]) for step in steps
        ]  # fmt: skip

    for name in true:
        until(lambda name=name: whole(name), every=0.3)


@pytest.fixture
def touch(page: Any) -> Iterator[Any]:
    """What puts fingers on the page, for one test."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    yield session
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    session.detach()


def test_two_fingers_stretch_the_chart_and_one_moves_it(lab: Lab, page: Any, touch: Any) -> None:
    over = lab.figure("Loss").locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()

    def fingers(kind: str, *places: float) -> None:
        points = [
            {"x": box["x"] + box["width"] * place, "y": box["y"] + box["height"] / 2, "id": number}
            for number, place in enumerate(places)
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    before = page.evaluate("scrollY")
    fingers("touchStart", 0.45)
    fingers("touchStart", 0.45, 0.55)
    for spread in (0.1, 0.15, 0.2, 0.25):
        fingers("touchMove", 0.5 - spread, 0.5 + spread)
    fingers("touchEnd")
    first, last = lab.shown_steps()
    end = lab.moe.step - 1
    assert abs(first - 0.4 * end) < 6 and abs(last - 0.6 * end) < 6, "0.45 to 0.55 of it is now half of the chart"
    fingers("touchStart", 0.75)
    for place in (0.65, 0.5, 0.25):
        fingers("touchMove", place)
    fingers("touchEnd")
    moved, _ = lab.shown_steps()
    assert abs(moved - 0.5 * end) < 6
    assert page.evaluate("scrollY") == before
    stream = page.get_by_role("region", name="Live training stream")
    assert stream.locator(".log-target").count() == 0, "no finger that stretched or moved was a click"


def test_an_expert_shows_its_shares_and_when_it_died(lab: Lab, page: Any) -> None:
    figure = lab.figure("Expert coverage")
    figure.get_by_text("E3 0%", exact=False).first.wait_for()
    assert "dead 1" in figure.locator(".facts").inner_text().replace("\n", " ")
    figure.get_by_role("button", name="Details of expert 3").hover()
    assert "expert 3: 46.7%, under 60 %: low; 0.00 to 1.00 × fair share" in figure.locator(".detail").inner_text()
    figure.get_by_role("button", name="Details of expert 3").click()
    dialog = page.get_by_role("dialog", name="Expert 3")
    dialog.get_by_text("✕ no token since step 100").wait_for()
    assert dialog.get_by_role("img").count() == LAYERS
    dialog.get_by_text("layer 2, no token since step 100: 7").wait_for()
    text = dialog.inner_text()
    assert "Attributed loss" in text and "An attribution, not a loss of its own" in text
    dialog.get_by_role("button", name="Close").click()
    figure.get_by_role("button", name="Details of expert 0").click()
    dialog = page.get_by_role("dialog", name="Expert 0")
    assert "No loss is logged for this expert" in dialog.inner_text()
    dialog.get_by_role("button", name="Close").click()
    page.mouse.move(0, 0)
    figure.focus()
    page.keyboard.press("ArrowRight")
    told = re.search(r"expert (\d+): \d+\.\d%", figure.locator("[aria-live]").inner_text())
    assert told, "the bar that the keys are at is said, with its exact value"
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name=f"Expert {told[1]}").wait_for()
    page.keyboard.press("Escape")


def test_a_dense_model_has_its_gradient_and_rate_instead(lab: Lab, page: Any) -> None:
    lab.open(lab.dense)
    text = lab.figure("Expert coverage").inner_text()
    assert "no experts" in text and "Gradient norm" in text and "Learning rate" in text
    assert "No GPU on this machine" in lab.figure("Memory").inner_text()


def test_memory_opens_its_breakdown_with_its_history(lab: Lab, page: Any) -> None:
    figure = lab.figure("Memory")
    assert "nearly full" in figure.inner_text()
    figure.get_by_role("button", name="GPU 0:").hover()
    assert "this run 78,000,000,000 bytes, others 1,000,000,000 bytes" in str(
        figure.get_by_role("button", name="GPU 0:").get_attribute("title")
    )
    figure.get_by_role("button", name="RAM:").click()
    dialog = page.get_by_role("dialog", name="Memory: RAM")
    dialog.get_by_role("img").first.wait_for()
    text = dialog.inner_text()
    assert "3,000,000,000 bytes" in text and "11,000,000,000 bytes" in text and "64,000,000,000 bytes" in text
    dialog.get_by_role("button", name="Close").click()


def test_the_processor_bar_tells_this_runs_share_of_the_machine(lab: Lab, page: Any) -> None:
    bar = lab.figure("Memory").get_by_role("button", name="CPU:")
    assert "this run 15% of the machine (120% of one processor), processes: 4" in bar.get_attribute("aria-label")
    whole, run, others = (bar.locator(part).bounding_box()["width"] for part in (".track", ".run", ".others"))
    assert run / whole == pytest.approx(0.15, abs=0.01) and others / whole == pytest.approx(0.35, abs=0.01)
    bar.click()
    text = page.get_by_role("dialog", name="Memory: CPU").inner_text()
    assert "50.0%" in text and "15.0%" in text and "120.0%" in text
    page.keyboard.press("Escape")


def test_charts_of_ones_own_are_added_moved_widened_and_remembered(lab: Lab, page: Any) -> None:
    more = page.get_by_role("region", name="More charts")
    more.get_by_role("button", name="Add chart").click()
    dialog = page.get_by_role("dialog", name="Add a chart")
    dialog.get_by_role("searchbox").fill("grad")
    dialog.get_by_role("checkbox", name="train/grad_norm").check()
    dialog.get_by_role("button", name="Add chart").click()
    more.get_by_role("button", name="Add chart").click()
    page.get_by_role("button", name="eval/* · 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Add chart").click()
    names = lambda: [one.get_attribute("aria-label") for one in more.get_by_role("figure").all()]  # noqa: E731
    assert names() == ["train/grad_norm", "eval: accuracy, loss"]
    lab.figure("eval: accuracy, loss").get_by_role("button", name="Menu of").click()
    page.get_by_role("menuitem", name="Move earlier").click()
    lab.figure("train/grad_norm").get_by_role("button", name="Menu of").click()
    page.get_by_role("menuitemcheckbox", name="Full width").click()
    lab.open(lab.moe)
    lab.figure("train/grad_norm").wait_for()
    assert names() == ["eval: accuracy, loss", "train/grad_norm"]
    assert lab.figure("train/grad_norm").bounding_box()["width"] > 1300
    lab.figure("train/grad_norm").locator(".grip").drag_to(lab.figure("eval: accuracy, loss"))
    assert names() == ["train/grad_norm", "eval: accuracy, loss"]
    lab.figure("train/grad_norm").get_by_role("button", name="Menu of").click()
    page.get_by_role("menuitem", name="Remove chart").click()
    assert names() == ["eval: accuracy, loss"]


def test_new_points_arrive_and_nothing_complains(lab: Lab, page: Any, until: Callable[..., Any]) -> None:
    lab.moe.steps(3)
    until(lambda: lab.shown_steps()[1] == lab.moe.step - 1)
    assert lab.visit.complaints == []
    assert lab.visit.foreign == []
