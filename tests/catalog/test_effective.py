"""The effective configuration of a run, and that it is what the recipe reads."""

import dataclasses
import json
import sys
import typing

import pytest

from gladius.catalog.datasets import Datasets
from gladius.catalog.effective import effective_config
from gladius.catalog.profiles import Profiles
from gladius.catalog.settings import engine_settings, flatten
from gladius.errors import ConfigError
from gladius.recipes import config as recipe


@pytest.fixture
def catalog(tmp_path):
    (tmp_path / "datasets").mkdir()
    record = {"instruction": "Say hi.", "output": "Hi."}
    (tmp_path / "datasets" / "good.jsonl").write_text(json.dumps(record) + "\n")
    (tmp_path / "datasets" / "bad.jsonl").write_text("{}\n")
    return Profiles(tmp_path / "profiles"), Datasets(tmp_path / "state", [tmp_path / "datasets"])


@pytest.fixture
def tiny(catalog):
    return catalog[0].get("tiny-moe")


@pytest.fixture
def good(catalog):
    return catalog[1].get("good")


def test_engine_settings_are_those_of_the_recipe():
    """Rooms on one floor never import each other, so the recipe's settings are written down twice: here they meet."""
    ours = {setting.key: setting for setting in engine_settings("transformers")}
    theirs = {}
    for section in dataclasses.fields(recipe.RecipeConfig):
        if not dataclasses.is_dataclass(section.default):
            continue  # `output` is for runs that are not recorded
        hints = typing.get_type_hints(type(section.default))
        for field in dataclasses.fields(section.default):
            theirs[f"{section.name}.{field.name}"] = (field, hints[field.name])
    assert ours.keys() == theirs.keys()
    kinds = {"text": str, "integer": int, "number": float, "flag": bool}
    for key, (field, hint) in theirs.items():
        setting = ours[key]
        wanted = typing.Optional[kinds[setting.kind]] if setting.default is None else kinds[setting.kind]  # noqa: UP045
        assert hint == wanted, key
        bounds = (field.metadata.get("min"), field.metadata.get("max"), field.metadata.get("choices", ()))
        assert (field.default, *bounds) == (setting.default, setting.min, setting.max, setting.choices), key
        assert setting.help, key


def test_defaults_then_profile_then_dataset_then_overrides(tiny, good):
    config = effective_config(tiny, good, 2, {"train.seed": 7, "learning_rate": "1e-4"})
    assert config["train"]["epochs"] == 2.0
    assert config["train"]["learning_rate"] == 1e-4
    assert config["train"]["batch_size"] == 16
    assert config["train"]["seed"] == 7
    assert config["lora"]["rank"] == 16
    assert config["data"]["path"].endswith("good.jsonl")


def test_every_built_in_profile_makes_a_configuration_that_the_recipe_takes(catalog, good):
    for profile in (one for one in catalog[0].all() if one.engine == "transformers"):
        overrides = {} if profile.id == "tiny-moe" else {"model.name": "/models/some"}
        whole = dataclasses.replace(profile, problem=None)  # a model's package need not be installed here
        parsed = recipe.parse(effective_config(whole, good, None, overrides))
        assert parsed.train.epochs == profile.default_epochs


def test_the_built_in_dataset_makes_a_configuration_that_the_recipe_takes(catalog, tiny):
    parsed = recipe.parse(effective_config(tiny, catalog[1].get("stdlib-docs"), None))
    assert parsed.data.builtin == "stdlib-docs"
    assert parsed.data.cache


@pytest.mark.parametrize(
    ("overrides", "epochs", "field", "word"),
    [
        ({"train.learning_rte": 1}, None, "train.learning_rte", "Did you mean 'train.learning_rate'"),
        ({"colour": "red"}, None, "colour", "Known: model.name"),
        ({"train.batch_size": "many"}, None, "train.batch_size", "a whole number"),
        ({"train.batch_size": 0}, None, "train.batch_size", "at least 1"),
        ({"train.method": "magic"}, None, "train.method", "full, lora"),
        ({"gradient_checkpointing": "maybe"}, None, "train.gradient_checkpointing", "true or false"),
        ({}, 0.5, "epochs", "1 to 100"),
        ({"train.epochs": 1000}, None, "epochs", "1 to 100"),
        ({"train.epochs": 3}, 2, "epochs", "at once"),
    ],
)
def test_a_wrong_wish_is_named(tiny, good, overrides, epochs, field, word):
    with pytest.raises(ConfigError, match=word) as caught:
        effective_config(tiny, good, epochs, overrides)
    assert caught.value.field == field


def test_what_a_profile_leaves_open_must_be_said(catalog, good):
    with pytest.raises(ConfigError, match=r"--set model\.name=") as caught:
        effective_config(catalog[0].get("lora-sft"), good, None)
    assert caught.value.field == "model.name"


def test_a_dataset_with_a_problem_or_none_at_all_is_refused(catalog, tiny):
    with pytest.raises(ConfigError, match="line 1") as caught:
        effective_config(tiny, catalog[1].get("bad"), None)
    assert caught.value.field == "dataset_id"
    with pytest.raises(ConfigError, match="needs a dataset"):
        effective_config(tiny, None, None)


def test_a_broken_profile_is_refused_with_its_problem(catalog, good, tmp_path):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "broken.yaml").write_text("engine: jax\n")
    with pytest.raises(ConfigError, match="line 1: engine must be"):
        effective_config(catalog[0].get("broken"), good, None)


def test_a_script_profile_knows_the_settings_that_it_names(catalog, good, tmp_path):
    (tmp_path / "profiles").mkdir()
    text = "engine: script\nargv: [train]\nconfig: {model: {width: 4, fast: false}}\n"
    (tmp_path / "profiles" / "own.yaml").write_text(text)
    config = effective_config(catalog[0].get("own"), good, 2, {"width": "8", "model.fast": "true"})
    assert flatten(config)["model.width"] == 8
    assert config["model"]["fast"] is True
    with pytest.raises(ConfigError, match="Unknown setting"):
        effective_config(catalog[0].get("own"), good, None, {"depth": 2})


def test_llama_factorys_own_settings_are_any_of_plain_kinds_and_what_is_left_open_must_be_said(catalog, good, tmp_path):
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    text = "engine: llama_factory\npython: {}\nconfig: {{model_name_or_path: null, num_train_epochs: 2.0, lora_target: [q, v]}}\n"
    (profiles / "own.yaml").write_text(text.format(sys.executable))
    own = catalog[0].get("own")
    assert (own.default_epochs, own.problem) == (2.0, None)
    with pytest.raises(ConfigError, match="'model_name_or_path': LLaMA-Factory cannot train without it"):
        effective_config(own, good, None)
    config = effective_config(own, good, 3, {"model_name_or_path": "/models/some"})
    assert (config["model_name_or_path"], config["lora_target"], config["train"]) == (
        "/models/some",
        ["q", "v"],
        {"epochs": 3.0},
    )
    assert config["data"]["path"].endswith("good.jsonl")
