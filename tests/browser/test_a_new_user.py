"""Somebody who has never seen a command line: an own file, a model folder, a finished adapter, and the way back to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console_server import ConsoleServer

pytestmark = [pytest.mark.browser, pytest.mark.training, pytest.mark.slow]


def model_folder(folder: Path, texts: list[str]) -> Path:
    """A small language model as Hugging Face writes it, as somebody may have got it elsewhere."""
    from gladius.recipes.config import TinyMoeConfig
    from gladius.recipes.tiny_moe import make_model, make_tokenizer

    tokenizer = make_tokenizer(texts, 400, 512)
    shape = TinyMoeConfig(layers=2, hidden=32, expert_hidden=32, experts=4, vocabulary=400)
    make_model(shape, tokenizer, 64).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_an_own_file_and_a_model_folder_become_an_adapter_without_a_command_or_an_edited_file(
    serve: Callable[..., ConsoleServer], visit: Callable[..., Any], until: Callable[..., Any], tmp_path: Path
) -> None:
    for module in ("torch", "transformers", "peft"):
        pytest.importorskip(module)
    records = [
        {"instruction": f"What is {a} plus {b}?", "input": "", "output": f"It is {a + b}."}
        for a in range(6)
        for b in range(6)
    ]
    model = model_folder(tmp_path / "models" / "little", [json.dumps(record) for record in records])
    own = tmp_path / "sums.jsonl"
    own.write_text("".join(json.dumps(record) + "\n" for record in records))

    guest = visit(serve())
    page = guest.page
    page.get_by_role("link", name="Catalog").click()
    page.get_by_role("link", name="Datasets").click()
    page.locator("input[type=file]").set_input_files(own)
    page.get_by_role("region", name="Records").get_by_text("What is 0 plus 0?").first.wait_for()
    page.get_by_role("button", name="Start with this dataset").click()

    start = page.get_by_role("button", name="Start training")
    page.get_by_role("combobox", name="Profile").select_option("lora-sft")
    until(lambda: page.get_by_role("combobox", name="Dataset").input_value() == "sums")
    assert start.is_disabled(), "the model is still missing"
    page.get_by_role("textbox", name="Model folder").fill(str(model))
    page.get_by_role("spinbutton", name="Epochs").fill("1")
    until(start.is_enabled)
    start.click()
    page.wait_for_url("**/runs/*")
    until(lambda: page.get_by_role("status").count() == 1 and guest.state == "Done", timeout=180, every=0.2)

    run_id = page.url.rpartition("/")[2]
    (checkpoint,) = [one for one in guest.server.get(f"/runs/{run_id}/checkpoints") if one["kind"] == "final"]
    assert (Path(checkpoint["path"]) / "adapter_config.json").is_file()
    page.get_by_role("button", name="Back to overview").click()
    page.get_by_role("link", name="Runs", exact=True).click()
    row = page.get_by_role("row").filter(has_text="lora-sft")
    until(lambda: row.count() == 1 and "Done" in row.inner_text() and "sums" in row.inner_text())
    assert guest.complaints == [] and guest.foreign == []
