"""The recipe's configuration: typed, with errors that name the key."""

import subprocess
import sys

import pytest

from gladius.errors import ConfigError
from gladius.recipes.config import flat, load, parse
from gladius.recipes.steering import CONFIG_KEYS

DATA = {"data": {"path": "some.jsonl"}}


def test_defaults_need_no_more_than_a_dataset():
    config = parse(DATA)
    assert config.is_tiny
    assert (config.train.epochs, config.train.method, config.data.format) == (3.0, "full", "auto")


def test_every_setting_that_can_be_adjusted_is_a_setting():
    settings = flat(parse({**DATA, "train": {"learning_rate": 0.5, "checkpoint_steps": None}}))
    assert set(CONFIG_KEYS.values()) <= set(settings)
    assert (settings["train.learning_rate"], settings["data.path"], settings["output"]) == (
        0.5,
        "some.jsonl",
        "checkpoints",
    )
    for key in ("train.eval_steps", "train.checkpoint_steps", "train.checkpoint_minutes"):
        assert settings[key] == 0  # not set, as the trainer knows it


def test_a_file_is_read_with_yaml_1_2_numbers(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("data: {path: some.jsonl}\ntrain: {learning_rate: 1e-4, epochs: 2}\n")
    config = load(path)
    assert config.train.learning_rate == 1e-4
    assert isinstance(config.train.epochs, float)


def test_without_ruamel_pyyaml_reads_the_same_numbers(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("data: {path: some.jsonl}\ntrain: {learning_rate: 1e-4}\n")
    code = (
        "import sys; sys.modules['ruamel'] = sys.modules['ruamel.yaml'] = None\n"
        "from gladius.recipes.config import load; print(load(sys.argv[1]).train.learning_rate)"
    )
    answer = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert float(answer.stdout) == 1e-4


@pytest.mark.parametrize(
    ("section", "field", "word"),
    [
        ({"train": {"learning_rte": 1}}, "train.learning_rte", "Did you mean train.learning_rate"),
        ({"trian": {}}, "trian", "Did you mean train"),
        ({"train": {"epochs": "three"}}, "train.epochs", "a number"),
        ({"train": {"epochs": float("nan")}}, "train.epochs", "a number"),
        ({"train": {"epochs": -1}}, "train.epochs", "between"),
        ({"train": {"batch_size": 1.5}}, "train.batch_size", "a whole number"),
        ({"train": {"batch_size": True}}, "train.batch_size", "a whole number"),
        ({"train": {"gradient_checkpointing": 1}}, "train.gradient_checkpointing", "true or false"),
        ({"train": {"method": "magic"}}, "train.method", "full, lora"),
        ({"train": 3}, "train", "a section"),
        ({"model": {"name": None}}, "model.name", "a text"),
        ({"train": {"method": "lora"}}, "train.method", "starts from nothing"),
        ({"tiny_moe": {"experts": 2, "active_experts": 4}}, "tiny_moe.active_experts", "More active"),
        ({"data": {"path": None}}, "data.path", "No dataset"),
        ({"train": {"nan_policy": "pray"}}, "train.nan_policy", "rollback"),
        ({"train": {"checkpoint_minutes": -1}}, "train.checkpoint_minutes", "at least 0"),
        ({"data": {"path": "a", "eval_fraction": 0.5, "test_fraction": 0.5}}, "data.test_fraction", "below 1"),
    ],
)
def test_a_wrong_key_or_value_is_named(section, field, word):
    with pytest.raises(ConfigError, match=word) as caught:
        parse({**DATA, **section})
    assert caught.value.field == field


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "missing.yaml")
    (tmp_path / "broken.yaml").write_text("train: [")
    with pytest.raises(ConfigError, match="is no YAML"):
        load(tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match="no settings"):
        load(tmp_path / "list.yaml")
