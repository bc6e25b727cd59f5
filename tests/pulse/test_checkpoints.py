"""Checkpoints: sealed, published, verified, kept."""

import hashlib
import json

import pytest

from gladius.pulse.checkpoints import keep_newest, publish, seal, verify


def saved(folder, text="weights"):
    (folder / "inner").mkdir(parents=True)
    (folder / "model.bin").write_text(text)
    (folder / "inner" / "state.bin").write_text("state")
    return folder


def test_a_sealed_folder_verifies_and_its_manifest_is_true(tmp_path):
    folder = saved(tmp_path / "checkpoint-1")
    sealed = seal(folder)
    text = (folder / "manifest.json").read_bytes()
    assert sealed.manifest == hashlib.sha256(text).hexdigest()
    assert json.loads(text)["model.bin"] == {"bytes": 7, "sha256": hashlib.sha256(b"weights").hexdigest()}
    assert sealed.bytes == 12
    assert verify(folder) == []


def test_every_kind_of_damage_is_named(tmp_path):
    folder = saved(tmp_path / "checkpoint-1")
    seal(folder)
    (folder / "model.bin").write_text("WEIGHTS")
    (folder / "inner" / "state.bin").unlink()
    assert verify(folder) == ["inner/state.bin is missing", "model.bin was changed"]
    (folder / "model.bin").write_text("w")
    assert "model.bin has 1 bytes, not 7" in verify(folder)


def test_publishing_renames_and_replaces_an_older_one(tmp_path):
    target = tmp_path / "published" / "step-5"
    publish(seal(saved(tmp_path / "a", "old")), target)
    sealed = publish(seal(saved(tmp_path / "b", "new")), target)
    assert sealed.path == target
    assert (target / "model.bin").read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["step-5"]
    assert not (tmp_path / "a").exists() and not (tmp_path / "b").exists()


def test_an_empty_folder_is_no_checkpoint(tmp_path):
    (tmp_path / "checkpoint-1").mkdir()
    with pytest.raises(OSError, match="no file was saved"):
        seal(tmp_path / "checkpoint-1")


def test_the_newest_are_kept_and_never_none(tmp_path):
    for step in (9, 10, 100):
        saved(tmp_path / f"step-{step}")
    (tmp_path / "step-final").mkdir()
    assert [path.name for path in keep_newest(tmp_path, 2)] == ["step-9"]
    assert [path.name for path in keep_newest(tmp_path, 0)] == ["step-10"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-100", "step-final"]
