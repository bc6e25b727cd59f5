"""Flows from the page: run with what was chosen, watched step by step, cancelled, tried again; a text command from the palette."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flow_house import FlowHouse, python, told
from judge import violations
from signed_in import Visit
from watched_page import House

from gladius.pulse.identity import Identity

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def flows(house: House, until: Callable[..., Any]) -> Iterator[FlowHouse]:
    found = FlowHouse(house.home, house.spawn, until)
    found.server = house.server
    yield found
    for run in house.home.all_runs():
        for line in run.supervisor_events.read_text().splitlines() if run.supervisor_events.exists() else ():
            trainer = Identity.from_dict(json.loads(line)) if '"started"' in line else None
            until(lambda trainer=trainer: trainer is None or not trainer.alive())


def test_a_flow_is_run_from_the_page_and_leads_to_the_training_and_back(
    flows: FlowHouse, visit: Callable[..., Visit]
) -> None:
    (flows.home.flows / "broken.json").write_text('{"id": "broken",\n"steps": [{"id": "a", "cmd": "TRIAN"}]}')
    seen = visit(flows.server)
    page = seen.open("/flows")
    list_of_flows = page.get_by_role("region", name="Flows", exact=True)
    list_of_flows.get_by_text("broken.json, line 2: 'TRIAN' is no command. Did you mean 'TRAIN'?").wait_for()
    page.get_by_role("button", name="Run Train and check").click()
    dialog = page.get_by_role("dialog", name="Run Train and check")
    dialog.get_by_role("combobox", name="Profile").select_option("quick")
    dialog.get_by_label("Epochs").fill("1")
    dialog.get_by_role("button", name="Run", exact=True).click()
    run = page.get_by_role("article").first
    run.locator("[data-step=validate][data-state=done]").wait_for(timeout=40_000)
    assert violations(page) == []
    ended = flows.look(run.get_attribute("data-flow-run") or "")
    assert ended["state"] == "done"
    assert ended["args"] == {"profile": "quick", "dataset": None, "epochs": 1}
    assert flows.home.run(ended["steps"][1]["result"]["training_id"]).root.is_dir()
    run.get_by_role("link", name="Open the training").click()
    page.get_by_role("link", name=ended["flow_run_id"]).click()
    page.wait_for_url(re.compile(f"/flows/{ended['flow_run_id']}$"))
    page.get_by_text(ended["log"]).wait_for()


def test_documents_are_indexed_and_trained_on_from_the_page_and_come_to_the_same_as_over_http(
    flows: FlowHouse, visit: Callable[..., Visit]
) -> None:
    folder = flows.home.documents / "manuals"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.txt").write_text("A lathe turns wood. " * 20)
    page = visit(flows.server).open("/flows")
    page.get_by_role("button", name="Run Index documents and train").click()
    dialog = page.get_by_role("dialog", name="Run Index documents and train")
    dialog.get_by_label("path").fill(str(folder))
    dialog.get_by_role("combobox", name="Profile").select_option("quick")
    dialog.get_by_label("Epochs").fill("1")
    dialog.get_by_role("button", name="Run", exact=True).click()
    run = page.get_by_role("article").filter(has_text="Index documents and train").first
    run.locator("[data-step=validate][data-state=done]").wait_for(timeout=40_000)
    clicked = flows.look(run.get_attribute("data-flow-run") or "")
    asked = flows.end(flows.run("index_and_train", path=str(folder), profile="quick", epochs=1))
    assert (clicked["state"], clicked["asked_by"], clicked["args"]) == ("done", "browser", asked["args"])
    assert told(clicked) == told(asked)


def test_a_run_of_a_flow_is_cancelled_and_tried_again_from_where_it_was(
    flows: FlowHouse, visit: Callable[..., Visit]
) -> None:
    wait = "import os, sys, time; print('waiting', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.02)"
    flows.write(
        "waits", {"id": "look", "cmd": "STATUS"}, {"id": "wait", "cmd": "COMMAND", "args": python(wait)}, name="Waits"
    )
    flow_run = flows.run("waits")
    page = visit(flows.server).open("/flows")
    run = page.locator(f"[data-flow-run='{flow_run}']")
    run.locator("[data-step=wait][data-state=running]").wait_for()
    flows.until(lambda: flows.server.get(f"/flow-runs/{flow_run}/steps/wait/output")["text"])
    run.get_by_role("button", name="Output of “wait”").click()
    output = page.get_by_role("dialog", name="Output of “wait”")
    output.get_by_text("waiting").wait_for()
    output.get_by_role("button", name="Close").click()
    run.get_by_role("button", name=f"Cancel {flow_run}").click()
    run.locator("[data-step=wait][data-state=cancelled]").wait_for(timeout=20_000)
    (flows.home.flow_work / flow_run / "go").touch()
    run.get_by_role("button", name="Retry from “wait”").click()
    run.locator("[data-step=wait][data-state=done]").wait_for(timeout=20_000)
    assert [event["type"] for event in flows.events(flow_run) if event.get("step") == "look"].count("step_begun") == 1


def test_a_text_command_is_pasted_into_the_palette_its_wrong_line_named_and_carried_out(
    flows: FlowHouse, visit: Callable[..., Visit]
) -> None:
    (flows.home.datasets / "mine.jsonl").write_text('{"instruction": "a", "output": "b"}\n')
    page = visit(flows.server).open("/flows")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("combobox", name="Find an action, a page or a run")
    palette.fill("TRAIN AGENT")
    page.get_by_role("option", name="Run this command").click()
    field = page.get_by_role("textbox", name="Command")
    field.fill('TRAIN AGENT\nPROFILE="quickk"\nDATA_PATH="mine.jsonl"')
    page.get_by_role("button", name="Run command").click()
    page.get_by_role("alert").get_by_text("line 2: No profile 'quickk'").wait_for()
    field.fill('TRAIN AGENT\nPROFILE="quick"\nDATA_PATH="mine.jsonl"')
    page.get_by_role("button", name="Run command").click()
    page.wait_for_url(re.compile("/runs/"))
    run_id = page.url.rpartition("/")[2]
    assert flows.home.run(run_id).read_run()["dataset"] == "mine"
    flows.until(lambda: flows.server.get(f"/runs/{run_id}")["summary"]["state"] == "done")
