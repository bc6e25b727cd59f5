"""Documents on the page: sent, indexed, searched, trained on; a folder of the server; what was skipped and why."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from documents import docx, locked_pdf, pdf, slow_html, write
from judge import violations
from watched_page import Guest, House

pytestmark = pytest.mark.browser


def test_documents_of_this_device_become_a_dataset_that_is_searched_and_trained_on(
    house: House, guest: Callable[..., Guest], until: Callable[..., Any]
) -> None:
    visitor = guest()
    page = visitor.open("/catalog/documents")
    page.get_by_text("Nothing is indexed yet").wait_for()
    send = page.get_by_role("button", name="Send and index")
    assert send.get_attribute("disabled") is not None
    files = [
        {"name": "whales.pdf", "mimeType": "application/pdf", "buffer": pdf("The whale eats krill.", "And it sings.")},
        {"name": "letter.docx", "mimeType": "x/x", "buffer": docx("Dear whale, this letter is for you alone.")},
        {"name": "locked.pdf", "mimeType": "application/pdf", "buffer": locked_pdf("secret")},
    ]
    page.locator("input[type=file]").set_input_files(files)
    page.get_by_text("Files: 3").wait_for()
    page.get_by_label("Name of the dataset").fill("Whale papers")
    send.click()
    page.get_by_role("region", name="Whale papers").get_by_text("Done").wait_for(timeout=60_000)
    assert (house.home.documents / "whale-papers" / "letter.docx").is_file()
    lines = (house.home.datasets / "whale-papers.jsonl").read_text().splitlines()
    assert [json.loads(line)["source"] for line in lines] == ["letter.docx", "whales.pdf"]

    skipped = page.get_by_role("region", name="Skipped files")
    assert "locked.pdf" in skipped.inner_text() and "locked by a password" in skipped.inner_text()
    box = page.get_by_role("searchbox", name="Search in the documents")
    box.fill("krill sing")
    box.press("Enter")
    page.get_by_text("Found: 1").wait_for()
    assert page.locator("mark").all_inner_texts() == ["krill", "sings"]
    assert violations(page) == []

    # Indexed again, nothing is read.
    page.get_by_role("button", name="Index again").click()
    page.get_by_text(re.compile(r"Unchanged, not read again\s*3")).wait_for(timeout=60_000)

    page.get_by_role("button", name="Train on it").click()
    chosen = "[...document.querySelectorAll('select')].some(one => one.value === 'whale-papers')"
    until(lambda: page.evaluate(chosen))
    assert visitor.complaints == [] and visitor.foreign == []


def test_a_folder_of_the_server_is_chosen_watched_cancelled_and_removed(
    house: House, guest: Callable[..., Guest], until: Callable[..., Any]
) -> None:
    write(house.home.documents / "notes", {"a.txt": "A note about whales and other things.", "b.html": slow_html()})
    visitor = guest(prepare="localStorage.setItem('gladius_language', 'ru')", viewport={"width": 390, "height": 844})
    page = visitor.open("/catalog/documents")
    page.get_by_text("Папка на сервере").click()
    page.get_by_role("button", name=str(house.home.documents), exact=True).click()
    page.get_by_role("button", name="notes", exact=True).click()
    page.get_by_text("Документов в ней: 2").wait_for()
    page.get_by_role("button", name="Проиндексировать папку").click()
    shown = page.get_by_role("region", name="notes")
    shown.get_by_role("progressbar").wait_for(timeout=30_000)
    shown.get_by_text("b.html").wait_for(timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert violations(page) == []
    shown.get_by_role("button", name="Отменить").click()
    shown.get_by_text("Отменено").wait_for(timeout=30_000)
    assert house.server.get("/knowledge/notes")["state"] == "cancelled"
    assert not (house.home.datasets / "notes.jsonl").exists()
    shown.get_by_role("button", name="Убрать").click()
    page.get_by_role("dialog").get_by_role("button", name="Убрать").click()
    until(lambda: "notes" not in [one["id"] for one in house.server.get("/knowledge")])
    assert (house.home.documents / "notes" / "a.txt").exists() and visitor.complaints == []
