"""Checkpoints: sealed, published, verified, kept."""

import hashlib
import json

import pytest

from gladius.pulse.checkpoints import keep, publish, published, read_facts, recover, seal, verify


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
    assert keep(published(tmp_path), None) == []
    assert [path.name for path in keep(published(tmp_path), 2)] == ["step-9"]
    assert [path.name for path in keep(published(tmp_path), 0)] == ["step-10"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-100", "step-final"]


def test_the_best_is_kept_besides_the_newest(tmp_path):
    for step in (1, 2, 3):
        saved(tmp_path / f"step-{step}")
    keep(published(tmp_path), 1, also=[tmp_path / "step-1"])
    assert [path.name for path in published(tmp_path)] == ["step-1", "step-3"]


def test_what_a_killed_save_left_is_cleared_away_and_nothing_good_is_lost(tmp_path):
    saved(tmp_path / ".saving-step-7-123")
    saved(tmp_path / ".step-5.replaced-123", "making way")
    saved(tmp_path / ".step-6.replaced-123", "old")
    saved(tmp_path / "step-6", "new")
    recover(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-5", "step-6"]
    assert (tmp_path / "step-5" / "model.bin").read_text() == "making way"
    assert (tmp_path / "step-6" / "model.bin").read_text() == "new"
    recover(tmp_path / "missing")


def test_facts_that_cannot_be_read_are_no_facts(tmp_path):
    assert read_facts(tmp_path) == {}
    (tmp_path / "gladius.json").write_text("[1]")
    assert read_facts(tmp_path) == {}
    (tmp_path / "gladius.json").write_text('{"step": 3}')
    assert read_facts(tmp_path) == {"step": 3}


def test_progress_counts_the_bytes_that_were_read_back(tmp_path):
    seen = []
    sealed = seal(saved(tmp_path / "checkpoint-1"), lambda done, total: seen.append((done, total)))
    assert seen == [(0, 12), (5, 12)]
    assert sealed.bytes == 12


def test_a_file_of_a_framework_that_is_called_like_our_manifest_is_part_of_the_checkpoint(tmp_path):
    folder = saved(tmp_path / "checkpoint-1")
    (folder / "inner" / "manifest.json").write_text("{}")
    seal(folder)
    (folder / "inner" / "manifest.json").unlink()
    assert verify(folder) == ["inner/manifest.json is missing"]


def test_in_a_shared_folder_the_save_of_another_run_is_left_alone(tmp_path):
    saved(tmp_path / ".saving-step-7-123")
    recover(tmp_path, shared=True)
    assert (tmp_path / ".saving-step-7-123").exists()
