"""`gladius profile`: new, check, edit, copy, rm, restore."""

from __future__ import annotations

from pathlib import Path

import pytest
from terminal import gladius

from gladius.pulse.rundir import Home


def test_a_profile_is_made_checked_copied_deleted_and_put_back(server_home: Home, tmp_path: Path) -> None:
    made = gladius("profile", "new", "mine", "--from", "lora-sft", "--set", "train.batch_size=1", "--name", "Mine")
    place = server_home.profiles / "mine.yaml"
    assert (made.code, made.out.strip()) == (0, str(place)), made.err
    assert gladius("profile", "show", "mine", "--json").json["config"]["train"]["method"] == "lora"
    assert gladius("profile", "show", "mine", "--text").out == place.read_text()
    assert gladius("profile", "copy", "mine", "other", "--name", "Other").code == 0
    assert {"mine", "other"} < {one["id"] for one in gladius("profile", "ls", "--json").json}

    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("extends: lora-sft\ntags: [[a]]\nlauncher: slurm\n")
    checked = gladius("profile", "check", wrong, "mine")
    assert checked.code == 1 and "line 2" in checked.out and "line 3" in checked.out and "mine: fine" in checked.out
    refused = gladius("profile", "new", "third", "--file", wrong)
    assert refused.code == 2 and refused.complains("line 2", "line 3")
    assert gladius("profile", "new", "third").code == 2

    entry = gladius("profile", "rm", "mine").out.strip()
    assert not place.exists() and entry in gladius("profile", "trash").out
    assert gladius("profile", "restore", entry).code == 0 and place.exists()
    assert gladius("profile", "rm", "tiny-moe").complains("came with Gladius")


def test_an_editor_changes_a_file_and_what_is_wrong_is_not_lost(
    server_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "sed -i 's/default_epochs: 3/default_epochs: 2/'")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    edited = gladius("profile", "edit", "lora-sft")
    assert edited.code == 0, edited.err
    assert "default_epochs: 2" in (server_home.profiles / "lora-sft.yaml").read_text()
    unchanged = gladius("profile", "edit", "lora-sft")
    assert unchanged.code == 2 and unchanged.complains("Nothing was changed")
    monkeypatch.setenv("EDITOR", "sed -i 's/^engine:.*/engine: jax/'")
    wrong = gladius("profile", "edit", "lora-sft")
    assert wrong.code == 2 and "jax" in wrong.err
    kept = next(tmp_path.glob("*-lora-sft.yaml"))
    assert str(kept) in wrong.err and "engine: jax" in kept.read_text()
    assert "engine: transformers" in (server_home.profiles / "lora-sft.yaml").read_text()
    file = tmp_path / "new.yaml"
    file.write_text("extends: lora-sft\ndefault_epochs: 4\n")
    assert gladius("profile", "edit", "lora-sft", "--file", file).code == 0
    assert gladius("profile", "show", "lora-sft", "--json").json["default_epochs"] == 4
