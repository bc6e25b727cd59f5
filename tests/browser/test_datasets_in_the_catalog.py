"""Datasets on the page: uploaded, added by path, checked, looked at, named, deleted, put back, started with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from judge import violations
from watched_page import Guest, House

pytestmark = pytest.mark.browser
Until = Callable[..., Any]

GOOD = {"instruction": "Say hi.", "input": "", "output": "Hi."}
HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>\u202edrow\x1b[31m{@html 1}'
CHAT = {"messages": [{"role": "user", "content": HOSTILE}, {"role": "assistant", "content": "No."}]}


def lines(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


CHATS = lines(CHAT, CHAT | {"id": 1})


@pytest.fixture(scope="module")
def shown(browser: Any, house: House) -> Iterator[Guest]:
    datasets = house.home.datasets
    datasets.mkdir(exist_ok=True)
    (datasets / "chat.jsonl").write_text(CHATS)
    (datasets / "broken.jsonl").write_text(lines(GOOD) + "{\n" * 45 + lines({"instruction": "x"}))
    guest = Guest(browser, house.server)
    yield guest
    assert guest.foreign == [], "a request left the machine"
    guest.context.close()


def choose(guest: Guest, dataset: str) -> Any:
    page = guest.page
    page.goto(f"{guest.server.url}/catalog/datasets?id={dataset}")
    page.get_by_role("button", name="Start with this dataset").wait_for()
    return page


def test_what_is_wrong_is_told_by_line_some_at_a_time(shown: Guest) -> None:
    page = choose(shown, "broken")
    check = page.get_by_role("region", name="Check")
    check.get_by_text("errors 46, warnings 0").wait_for()
    rows = check.locator("tbody tr")
    assert rows.count() == 20 and rows.first.locator("td").first.inner_text() == "2"
    check.get_by_role("button", name="Show 20 more").click()
    check.get_by_role("button", name="Show 6 more").click()
    assert rows.count() == 46
    assert rows.last.locator("td").first.inner_text() == "47" and "output" in rows.last.inner_text()
    assert page.get_by_role("button", name="Start with this dataset").get_attribute("aria-disabled") == "true"
    assert "problems: 46" in page.get_by_role("list", name="Datasets").get_by_role("button", name="broken").inner_text()


def test_records_are_shown_as_text_whatever_they_hold(shown: Guest) -> None:
    page = choose(shown, "chat")
    records = page.get_by_role("region", name="Records").locator("li")
    records.first.get_by_text("assistant").wait_for()
    assert "<script>window.hit=1</script>" in records.first.inner_text()
    assert page.evaluate("window.hit") is None and page.locator("main img, main script").count() == 0
    assert records.count() == 2 and "id" in records.nth(1).inner_text()
    assert violations(page) == []


def test_a_file_is_uploaded_and_one_of_another_kind_is_refused_unsent(shown: Guest, until: Until) -> None:
    for name in ("mine.jsonl", "dropped.txt"):
        (shown.server.home.datasets / name).unlink(missing_ok=True)
    page = choose(shown, "chat")
    chosen = page.locator("input[type=file]")
    chosen.set_input_files({"name": "notes.docx", "mimeType": "x/y", "buffer": b"x"})
    page.get_by_text("notes.docx is of no kind that is read.").wait_for()
    chosen.set_input_files(
        {"name": "mine.jsonl", "mimeType": "x/y", "buffer": lines(GOOD, GOOD | {"input": "x"}).encode()}
    )
    page.get_by_role("region", name="mine").wait_for()
    assert (shown.server.home.datasets / "mine.jsonl").read_text() == lines(GOOD, GOOD | {"input": "x"})
    page.get_by_role("region", name="Records").get_by_text("Say hi.").first.wait_for()
    chosen.set_input_files({"name": "mine.jsonl", "mimeType": "x/y", "buffer": b"{}"})
    page.get_by_role("alert").filter(has_text="There is a dataset's file 'mine.jsonl' already.").wait_for()
    assert "4 GiB" in page.get_by_role("region", name="Add a dataset").inner_text()

    dropped = "const data = new DataTransfer(); data.items.add(new File(['one\\n'], 'dropped.txt')); return data"
    transfer = page.evaluate_handle(f"() => {{ {dropped} }}")
    page.get_by_role("group", name="Upload a file").dispatch_event("drop", {"dataTransfer": transfer})
    page.get_by_role("region", name="dropped").wait_for()
    assert (shown.server.home.datasets / "dropped.txt").read_text() == "one\n"


def test_an_upload_is_broken_off_and_nothing_of_it_stays(shown: Guest, until: Until) -> None:
    page = choose(shown, "chat")
    session = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000}
    session.send("Network.emulateNetworkConditions", slow)
    large = {"name": "large.txt", "mimeType": "x/y", "buffer": b"a line of text\n" * 200_000}
    page.locator("input[type=file]").set_input_files(large)
    bar = page.get_by_role("progressbar", name="Uploading large.txt")
    until(lambda: float(bar.get_attribute("aria-valuenow") or 0) > 0)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Choose a file").wait_for()
    session.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    until(
        lambda: not [one for one in shown.server.home.datasets.iterdir() if "large" in one.name or "upload" in one.name]
    )


def test_a_path_is_added_within_the_folders_and_taken_from_the_list(shown: Guest, until: Until) -> None:
    deep = shown.server.home.datasets / "a" / "b" / "deep.jsonl"
    shown.server.http.delete("/datasets/deep")  # a first try may have added it
    deep.parent.mkdir(parents=True, exist_ok=True)
    deep.write_text(lines(GOOD))
    page = choose(shown, "chat")
    add = page.get_by_role("region", name="Add a dataset")
    assert str(shown.server.home.datasets) in add.inner_text()
    add.get_by_role("textbox").fill("/etc/passwd")
    add.get_by_role("button", name="Add by path").click()
    page.get_by_role("alert").filter(has_text="gladius up --datasets DIR").wait_for()
    add.get_by_role("textbox").fill(str(deep))
    add.get_by_role("button", name="Add by path").click()
    page.get_by_role("region", name="deep").wait_for()
    deep.unlink()
    choose(shown, "deep").get_by_text("is not there any more").wait_for()
    assert (
        "not there any more"
        in page.get_by_role("list", name="Datasets").get_by_role("button", name="deep").inner_text()
    )
    page.get_by_role("button", name="Take from the list").click()
    page.get_by_role("dialog").get_by_role("button", name="Take from the list").click()
    until(lambda: "deep" not in {one["id"] for one in shown.server.get("/datasets")})


def test_one_is_named_deleted_put_back_and_started_with(shown: Guest, until: Until) -> None:
    file = shown.server.home.datasets / "chat.jsonl"
    file.write_text(CHATS)
    shutil.rmtree(shown.server.home.trash / "datasets", ignore_errors=True)
    page = choose(shown, "chat")
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name", exact=True).fill("Our chats")
    page.get_by_label("Description", exact=True).fill("From the desk.")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("region", name="Our chats").get_by_text("From the desk.").wait_for()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    until(lambda: not file.exists())
    page.get_by_text("In the trash: 1").click()
    page.get_by_role("button", name="Put chat.jsonl back").click()
    until(lambda: file.exists())
    page.get_by_role("region", name="Our chats").wait_for()
    page.get_by_role("button", name="Start with this dataset").click()
    until(lambda: page.get_by_role("combobox", name="Dataset").input_value() == "chat")
    assert json.loads(page.evaluate("localStorage.active_training_context"))["dataset_id"] == "chat"


def test_token_lengths_without_a_tokenizer_say_what_to_name(shown: Guest) -> None:
    page = choose(shown, "mine")
    page.get_by_label("Folder of a model").fill("/nowhere")
    page.get_by_role("button", name="Count tokens").click()
    page.get_by_role("alert").filter(has_text="There is no tokenizer in /nowhere.").wait_for()
