"""Profiles as files: inherited, malformed, edited by two, deleted and put back."""

from __future__ import annotations

from pathlib import Path

import pytest

from gladius.catalog.effective import effective_config
from gladius.catalog.profile_shelf import ProfileShelf
from gladius.catalog.profiles import Profiles
from gladius.errors import (
    ConfigChanged,
    ConfigError,
    FieldErrors,
    ProfileBuiltin,
    ProfileExists,
    ProfileNotFound,
    TrashNotFound,
)
from gladius.wire.catalog import ProfileNew

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)
# name of the file -> its bytes, the line that is to blame, a word of the problem, a word of the mend
MALFORMED: dict[str, tuple[bytes, int, str, str]] = {
    "tabs": (b"engine: transformers\nconfig:\n\ttrain: {seed: 1}\n", 3, "\\t", "not with tabs"),
    "duplicate-key": (b"engine: script\nargv: [a]\nengine: transformers\n", 3, "duplicate key", "Keep one of the two"),
    "unknown-engine": (b"name: x\nengine: transformer\n", 2, "not 'transformer'", "Did you mean 'transformers'?"),
    "no-engine": (b"name: x\n", 1, "names no engine", "Add 'engine: transformers'"),
    "unknown-key": (b"engine: transformers\ndefault_epoch: 3\n", 2, "unknown key 'default_epoch'", "Did you mean 'default_epochs'?"),
    "unknown-setting": (b"engine: transformers\nconfig:\n  train:\n    lerning_rate: 1\n", 4, "lerning_rate", "Did you mean"),
    "wrong-type": (b"engine: transformers\nneeds_dataset: maybe\n", 2, "true or false", "Mend 'needs_dataset' there"),
    "text-for-a-section": (b"engine: transformers\nconfig: fast\n", 2, "must be a section", "Mend 'config' there"),
    "text-for-a-number": (b"engine: transformers\nconfig:\n  train: {batch_size: many}\n", 3, "a whole number", "records per process"),
    "epochs-out-of-bounds": (b"engine: transformers\nepochs: {min: 1, max: 3}\ndefault_epochs: 9\n", 3, "not between 1 and 3", "Mend"),
    "endless-epochs": (b"engine: transformers\nepochs: {max: .inf}\n", 2, "up to 100000", "Mend 'epochs'"),
    "epochs-upside-down": (b"engine: transformers\nepochs: {min: 5, max: 2}\n", 2, "more than its max", "Mend 'epochs'"),
    "circle-a": (b"extends: circle-b\n", 1, "circle-a -> circle-b -> circle-a", "extend nothing"),
    "circle-b": (b"name: b\nextends: circle-a\n", 2, "circle-b -> circle-a -> circle-b", "extend nothing"),
    "own-circle": (b"extends: own-circle\n", 1, "own-circle -> own-circle", "extend nothing"),
    "into-a-circle": (b"extends: circle-a\n", 1, "wrong itself", "circle-a.yaml, line 1"),
    "no-parent": (b"name: x\nextends: lora-sftt\n", 2, "no profile 'lora-sftt'", "Known:"),
    "another-engine": (b"extends: lora-sft\nengine: script\nargv: [a]\n", 2, "has the engine 'transformers'", "Take 'engine' out"),
    "inherits-what-does-not-fit": (b"name: x\nextends: lora-sft\nepochs: {max: 2}\n", 3, "default_epochs is 3", "Mend 'epochs'"),
    "empty": (b"", 1, "holds no keys", "Known: name"),
    "only-a-comment": (b"# nothing\n", 1, "holds no keys", "Known: name"),
    "binary": (b"engine: transformers\nname: \x89PNG\xff\x00\n", 2, "no UTF-8", "YAML file in UTF-8"),
    "nul": (b"engine: transformers\nname: \x00\n", 2, "a character that no text has", "YAML file in UTF-8"),
    "a-list": (b"- engine: transformers\n", 1, "holds no keys", "Known: name"),
    "a-word": (b"transformers\n", 1, "holds no keys", "Known: name"),
    "broken-yaml": (b"engine: transformers\n  config: [\n", 2, "mapping values", "Mend the YAML"),
    "never-closed": (b"engine: transformers\ntags: [a, b\nname: x\n", 3, "',' or ']'", "Mend the YAML"),
    "two-documents": (b"engine: transformers\n---\nengine: transformers\n", 2, "another document", "second '---'"),
    "bomb": (BOMB.encode(), 1, "too many values", "YAML"),
    "holds-itself": (b"engine: transformers\ntags: &c [a, *c]\n", 1, "too many values", "YAML"),
    "too-deep": (b"name: " + b"[" * 5000 + b"]" * 5000, 1, "nested too deeply", "YAML"),
    "huge-number": (b"engine: transformers\nconfig:\n  train: {batch_size: 1" + b"0" * 400 + b"}\n", 3, "a whole number", "records"),
    "too-large": (b"# " + b"x" * 300_000, 1, "larger than 256 KiB", "YAML"),
    "a-command-in-one-text": (b"engine: script\nargv: python train.py\n", 2, "must be a list", "Mend 'argv'"),
    "no-command": (b"engine: script\nneeds_dataset: false\n", 1, "needs argv", "Mend 'argv'"),
    "braces-without-quotes": (b"engine: script\nargv: [python, {config}]\n", 2, "no text", "quotes"),
    "unknown-place": (b"engine: script\nargv: [python, '{run_dri}']\n", 2, "nothing fills in '{run_dri}'", "Did you mean '{run_dir}'?"),
    "a-command-for-nobody": (b"engine: transformers\nargv: [python]\n", 2, "only the engines 'script'", "Take it out"),
    "bounds-of-nothing": (b"engine: transformers\nadjustable:\n  train.sed: {min: 1}\n", 3, "no setting", "Did you mean 'train.seed'?"),
    "bounds-upside-down": (b"engine: transformers\nadjustable:\n  train.seed: {min: 9, max: 1}\n", 3, "above its max", "For example"),
    "outside-its-own-bounds": (b"engine: transformers\nadjustable:\n  train.seed: {max: 7}\n", 3, "own 'train.seed' is 42", "Widen"),
    "no-such-resource": (b"engine: transformers\nresources: {gpu: 1}\n", 2, "gpus, gpu_memory_gb", "Mend 'resources'"),
    "half-a-gpu": (b"engine: transformers\nresources: {gpus: 0.5}\n", 2, "gpus: 0.5", "Mend 'resources'"),
    "no-such-launcher": (b"engine: transformers\nlauncher: slurm\n", 2, "not 'slurm'", "Mend 'launcher'"),
    "no-such-interpreter": (b"engine: transformers\npython: /nowhere/python\n", 2, "no interpreter", "Mend 'python'"),
    "a-module-with-a-path": (b"engine: transformers\nmodules: [../gguf]\n", 2, "can import", "Mend 'modules'"),
    "a-tag-of-tags": (b"engine: transformers\ntags: [[a]]\n", 2, "holds words", "Mend 'tags'"),
    "a-value-with-a-tag": (b"engine: transformers\nname: !!python/object:os.system x\n", 2, "must be a text", "Mend 'name'"),
    "a-number-as-a-key": (b"engine: transformers\n1: x\n", 2, "unknown key '1'", "Known: name"),
}  # fmt: skip


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def heap(tmp_path_factory: pytest.TempPathFactory) -> Profiles:
    """All malformed files in one folder, with one among them that is right."""
    folder = tmp_path_factory.mktemp("profiles")
    for name, (raw, *_) in MALFORMED.items():
        (folder / f"{name}.yaml").write_bytes(raw)
    (folder / "leads-nowhere.yaml").symlink_to(folder / "gone")
    write(folder, "twice", "engine: transformers\n")
    (folder / "twice.yml").write_text("engine: transformers\n")
    write(folder, "right", "name: Right\nextends: lora-sft\n")
    return Profiles(folder)


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_file_is_told_with_file_line_problem_and_mend(heap: Profiles, name: str) -> None:
    _, line, problem, mend = MALFORMED[name]
    found = heap.get(name)
    assert found.problem is not None and f"{name}.yaml, line {line}:" in found.problem
    assert problem in found.problem and mend in found.problem
    assert (found.problems[0].message, found.problems[0].line) == (found.problem, line)
    assert found.info().model_dump_json()


def test_none_of_them_keeps_another_from_being_listed_or_used(heap: Profiles) -> None:
    found = {profile.id: profile for profile in heap.all()}
    assert set(MALFORMED) < set(found)
    assert found["right"].problem is None and found["tiny-moe"].problem is None
    assert "leads-nowhere.yaml: No such file" in str(found["leads-nowhere"].problem)
    assert "'twice.yml' beside it" in str(found["twice"].problem)


def test_every_mistake_of_a_file_is_told_not_only_the_first(tmp_path: Path) -> None:
    text = "engine: transformers\ntags: [[a]]\nlauncher: slurm\nconfig:\n  train: {sed: 1, batch_size: 0}\n"
    found = Profiles(tmp_path).check("draft", text)
    assert sorted(problem.line or 0 for problem in found.problems) == [2, 3, 5, 5]
    assert list(tmp_path.iterdir()) == []


def test_a_profile_inherits_section_by_section_and_says_its_own(tmp_path: Path) -> None:
    write(
        tmp_path,
        "mine",
        "name: Mine\nextends: lora-sft\nconfig:\n  model: {name: /models/x}\n  train: {batch_size: 1}\n",
    )
    write(tmp_path, "grandchild", "extends: mine\ndefault_epochs: 2\nepochs: {max: 4}\ntags: [night]\n")
    found = Profiles(tmp_path).get("grandchild")
    assert (found.problem, found.engine, found.name, found.extends) == (None, "transformers", "grandchild", "mine")
    assert (found.default_epochs, found.epochs.min, found.epochs.max) == (2.0, 1, 4)
    assert found.config["model"]["name"] == "/models/x" and found.tags == ("night",)
    assert found.config["train"] == {
        "method": "lora",
        "batch_size": 1,
        "gradient_accumulation": 4,
        "learning_rate": 2e-4,
    }
    assert "adapter" in found.description


def test_ones_own_of_a_built_in_id_may_extend_the_one_it_hides(tmp_path: Path) -> None:
    write(tmp_path, "lora-sft", "extends: lora-sft\nconfig: {train: {batch_size: 1}}\n")
    found = Profiles(tmp_path).get("lora-sft")
    assert (found.problem, found.builtin, found.config["train"]["batch_size"]) == (None, False, 1)
    assert found.config["train"]["method"] == "lora"


def test_a_key_that_llama_factory_says_too_is_not_drowned_by_the_parents(tmp_path: Path) -> None:
    write(tmp_path, "mine", "extends: llama-factory-sft\nconfig: {num_train_epochs: 2}\n")
    assert Profiles(tmp_path).get("mine").default_epochs == 2.0


def test_a_person_changes_a_setting_within_the_profiles_bounds_only(tmp_path: Path) -> None:
    bounds = "{train.learning_rate: {min: 1e-5, max: 1e-3}, train.schedule: {choices: [cosine, linear]}}"
    write(
        tmp_path,
        "mine",
        f"extends: tiny-moe\nneeds_dataset: false\nconfig: {{train: {{learning_rate: 1e-4}}}}\nadjustable: {bounds}\n",
    )
    mine = Profiles(tmp_path).get("mine")
    assert mine.info().adjustable["train.learning_rate"].max == 1e-3
    assert effective_config(mine, None, None, {"learning_rate": "5e-4"})["train"]["learning_rate"] == 5e-4
    for key, value in (("learning_rate", 0.1), ("train.schedule", "constant_with_warmup")):
        with pytest.raises(ConfigError, match="takes for") as caught:
            effective_config(mine, None, None, {key: value})
        assert caught.value.field == (key if "." in key else f"train.{key}")


def test_resources_launcher_and_tags_are_told(tmp_path: Path) -> None:
    write(
        tmp_path,
        "mine",
        "extends: lora-sft\nresources: {gpus: 1, gpu_memory_gb: 12}\nlauncher: local\ntags: [big, 2026]\n",
    )
    info = Profiles(tmp_path).get("mine").info()
    assert (info.resources.gpus, info.resources.gpu_memory_gb, info.resources.disk_gb) == (1, 12, None)
    assert (info.launcher, info.tags) == ("local", ["big", "2026"])


def test_what_its_python_lacks_is_said_with_what_to_type(tmp_path: Path) -> None:
    text = "extends: lora-sft\nmodules: [json, no_such_module_here]\ninstall: pip install it\n"
    write(tmp_path, "mine", text)
    problem = str(Profiles(tmp_path).get("mine").problem)
    assert "no_such_module_here" in problem and "json" not in problem and problem.endswith("type: pip install it")


@pytest.fixture
def shelf(tmp_path: Path) -> ProfileShelf:
    return ProfileShelf(Profiles(tmp_path / "profiles"), tmp_path / "trash" / "profiles")


def test_a_profile_is_kept_as_it_was_written_and_edited_by_its_version(shelf: ProfileShelf, tmp_path: Path) -> None:
    text = "# mine\nname: Mine\nextends: lora-sft\n"
    kept = shelf.add(ProfileNew(id="mine", text=text))
    place = tmp_path / "profiles" / "mine.yaml"
    assert (place.read_text(), kept.file) == (text, str(place))
    held = shelf.file("mine")
    assert (held.text, held.version) == (text, kept.version)
    assert shelf.put("mine", text + "default_epochs: 2\n", held.version).default_epochs == 2.0
    with pytest.raises(ConfigChanged, match="mine"):
        shelf.put("mine", text, held.version)
    with pytest.raises(ConfigChanged):
        shelf.remove("mine", held.version)
    with pytest.raises(ProfileExists):
        shelf.put("mine", text, None)
    assert "default_epochs" in place.read_text()


def test_a_text_that_is_wrong_is_not_kept_and_each_mistake_is_named(shelf: ProfileShelf, tmp_path: Path) -> None:
    with pytest.raises(FieldErrors) as caught:
        shelf.add(ProfileNew(id="mine", text="engine: transformers\ntags: [[a]]\nlauncher: slurm\n"))
    assert {(one["field"], one["line"]) for one in caught.value.errors} == {("tags", 2), ("launcher", 3)}
    for id_ in ("../escape", "Mine", "a b"):
        with pytest.raises(FieldErrors):
            shelf.add(ProfileNew(id=id_, text="extends: lora-sft\n"))
    with pytest.raises(FieldErrors):
        shelf.add(ProfileNew(id="mine"))
    assert not (tmp_path / "profiles").exists()


def test_a_copy_has_a_name_of_its_own_and_the_comments(shelf: ProfileShelf) -> None:
    shelf.add(ProfileNew(id="mine", text="# why\nname: Mine\nextends: lora-sft\n"))
    assert shelf.add(ProfileNew(id="other", copy_of="mine")).name == "other"
    assert shelf.file("other").text.startswith("# why\n")
    assert shelf.add(ProfileNew(id="third", copy_of="tiny-moe", name='Третий: "x"')).name == 'Третий: "x"'
    with pytest.raises(ProfileExists):
        shelf.add(ProfileNew(id="other", copy_of="mine"))
    with pytest.raises(ProfileNotFound):
        shelf.add(ProfileNew(id="fourth", copy_of="nothing"))


def test_what_is_deleted_lies_in_the_trash_and_comes_back(shelf: ProfileShelf, tmp_path: Path) -> None:
    text = "extends: lora-sft\ntags: [a]\n"
    shelf.put("lora-sft", text, shelf.file("lora-sft").version)
    thrown = shelf.remove("lora-sft")
    assert Profiles(tmp_path / "profiles").get("lora-sft").builtin, "the built-in one shows again"
    assert shelf.trash() == [thrown]
    with pytest.raises(ProfileBuiltin):
        shelf.remove("lora-sft")
    assert shelf.restore(thrown.entry).tags == ["a"]
    assert (tmp_path / "profiles" / "lora-sft.yaml").read_text() == text and shelf.trash() == []
    with pytest.raises(TrashNotFound, match="'profile trash'"):
        shelf.restore("../../etc/passwd")
    again = shelf.remove("lora-sft")
    shelf.put("lora-sft", text, shelf.file("lora-sft").version)
    with pytest.raises(ProfileExists):
        shelf.restore(again.entry)


def test_a_broken_file_can_be_read_mended_and_deleted(shelf: ProfileShelf, tmp_path: Path) -> None:
    place = write(tmp_path / "profiles", "mine", "engine: [\n")
    held = shelf.file("mine")
    assert shelf.put("mine", "extends: lora-sft\n", held.version).problem is None
    place.write_bytes(b"\xff\xfe")
    assert shelf.remove("mine").id == "mine" and not place.exists()


def test_a_profile_of_lightning_is_a_script_that_needs_lightning_where_it_runs(tmp_path: Path) -> None:
    bare = tmp_path / "bare-python"
    bare.write_text("#!/bin/sh\necho /nowhere\n")
    bare.chmod(0o755)
    (tmp_path / "lib" / "lightning").mkdir(parents=True)
    able = tmp_path / "able-python"
    able.write_text(f"#!/bin/sh\necho {tmp_path}/lib\n")
    able.chmod(0o755)
    text = "engine: lightning\nargv: ['{{python}}', train.py, '{{config}}']\npython: {}\n"
    for python in (bare, able):
        write(tmp_path, python.name, text.format(python))
    write(tmp_path, "no-command", "engine: lightning\n")
    profiles = Profiles(tmp_path)
    lacking = profiles.get("bare-python")
    assert lacking.engine == "lightning" and f"{bare} -m pip install lightning" in str(lacking.problem)
    assert profiles.get("able-python").problem is None
    assert "'lightning' needs argv" in str(profiles.get("no-command").problem)
