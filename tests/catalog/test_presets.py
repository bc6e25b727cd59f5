"""Presets: shipped, people's own, and broken ones."""

from pathlib import Path

import pytest

from gladius.catalog.presets import Presets, id_of
from gladius.errors import ConfigError, FieldErrors, PresetBuiltin, PresetExists, PresetNotFound
from gladius.wire.presets import PresetRequest


def write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_shipped_presets_are_whole_and_fit_the_built_in_profiles(tmp_path):
    presets = Presets(tmp_path / "missing").all()
    assert [preset.id for preset in presets] == ["little-memory", "more-experts", "quick-look", "safe-overnight"]
    assert all(preset.builtin and preset.problem is None and preset.values for preset in presets)
    assert presets[0].overrides_for("full-sft", "transformers")["train.gradient_checkpointing"] is True


def test_a_preset_is_kept_as_a_readable_file_and_read_again(tmp_path):
    presets = Presets(tmp_path / "presets")
    values = {"train": {"learning_rate": "1e-4"}, "batch_size": 4}
    kept = presets.add(PresetRequest(name="My Gentle One", description="Slow.", values=values, from_run="r1"))
    assert (kept.id, kept.name, kept.from_run) == ("my-gentle-one", "My Gentle One", "r1")
    assert kept.values == {"train.learning_rate": 1e-4, "train.batch_size": 4}
    text = (tmp_path / "presets" / "my-gentle-one.yaml").read_text()
    assert "batch_size: 4" in text and "name: My Gentle One" in text
    assert presets.all()[0] == kept, "people's own come first"
    assert kept.created_at is not None


def test_a_name_that_is_taken_is_refused_and_replaced_only_when_asked(tmp_path):
    presets = Presets(tmp_path)
    presets.add(PresetRequest(name="Mine", values={"train.seed": 1}))
    with pytest.raises(PresetExists, match="mine"):
        presets.add(PresetRequest(name="mine", values={"train.seed": 2}))
    assert presets.get("mine").values == {"train.seed": 1}
    assert presets.put("mine", PresetRequest(name="Mine", values={"train.seed": 2})).values == {"train.seed": 2}


def test_ones_own_of_a_shipped_id_goes_before_it_until_it_is_removed(tmp_path):
    presets = Presets(tmp_path)
    presets.put("quick-look", PresetRequest(name="Mine", values={"train.seed": 1}))
    assert (presets.get("quick-look").name, presets.get("quick-look").builtin) == ("Mine", False)
    presets.remove("quick-look")
    assert presets.get("quick-look").builtin
    with pytest.raises(PresetBuiltin):
        presets.remove("quick-look")
    with pytest.raises(PresetNotFound, match="gladius preset ls"):
        presets.remove("nothing")


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("name: x\nconfig: [", 2, "Mend"),
        ("name: x\nconfig:\n  train:\n    learning_rte: 1\n", 4, "learning_rate"),
        ("name: x\nconfig:\n  train:\n    batch_size: many\n", 4, "a whole number"),
        ("name: x\ncolour: red\nconfig: {train: {seed: 1}}\n", 2, "unknown key 'colour'"),
        ("name: x\n", 1, "settings under 'config'"),
        ("name: [1]\nconfig: {train: {seed: 1}}\n", 1, "must be a text"),
        ("- a list\n", 1, "no keys"),
    ],
)
def test_a_broken_file_is_listed_with_its_line_and_hides_no_other(tmp_path, text, line, word):
    write(tmp_path, "broken", text)
    write(tmp_path, "whole", "name: Whole\nconfig: {train: {seed: 1}}\n")
    presets = Presets(tmp_path)
    problem = presets.get("broken").problem
    assert f"broken.yaml, line {line}:" in problem and word in problem
    assert presets.get("whole").problem is None
    with pytest.raises(ConfigError, match="cannot be used"):
        presets.get("broken").overrides_for("tiny-moe", "transformers")


def test_a_preset_of_another_profile_or_engine_is_refused(tmp_path):
    presets = Presets(tmp_path)
    assert presets.get("more-experts").overrides_for("tiny-moe", "transformers")
    for profile, engine in (("full-sft", "transformers"), ("tiny-moe", "script")):
        with pytest.raises(ConfigError, match="is for"):
            presets.get("more-experts").overrides_for(profile, engine)


def test_every_wrong_setting_is_named(tmp_path):
    with pytest.raises(FieldErrors) as caught:
        Presets(tmp_path).add(PresetRequest(name="x", values={"train.sed": 1, "train.batch_size": 0}))
    assert [one["field"] for one in caught.value.errors] == ["values.train.sed", "values.train.batch_size"]
    with pytest.raises(FieldErrors):
        Presets(tmp_path).put("../escape", PresetRequest(name="x", values={"train.seed": 1}))
    assert list(tmp_path.iterdir()) == []


def test_a_name_without_a_latin_letter_has_an_id_of_its_own():
    assert id_of("Ночная") != id_of("Дневная")
    assert id_of("Ночная").startswith("preset-") and id_of("Run") == "run"
