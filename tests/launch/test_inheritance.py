"""A fork holds the checkpoint that it begins with, whatever becomes of the parent's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gladius.errors import CheckpointNotFound
from gladius.launch.checkpoints import Origin, describe
from gladius.launch.inheritance import inherit
from gladius.pulse.checkpoints import keep, published, seal, verify
from gladius.pulse.rundir import Home, RunDir


@pytest.fixture
def child(home: Home) -> RunDir:
    return home.new_run("child", {"source": "api"})


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    folder = tmp_path / "checkpoints" / "step-9"
    (folder / "shards").mkdir(parents=True)
    (folder / "weights").write_text("w")
    (folder / "shards" / "one").write_text("s")
    (folder / "gladius.json").write_text('{"step": 9}')
    seal(folder)
    return describe(folder)


def test_what_the_parent_deletes_the_fork_still_has(child: RunDir, origin: Origin) -> None:
    own = inherit(origin, child)
    assert own.path == child.checkpoints / "origin-step-9" and own.step == 9
    assert os.stat(own.path / "weights").st_ino == os.stat(origin.path / "weights").st_ino, "it costs no room"
    shutil.rmtree(origin.path)
    assert verify(own.path) == [] and describe(own.path).step == 9
    assert [path.name for path in child.checkpoints.iterdir()] == ["origin-step-9"]


def test_the_forks_own_retention_does_not_count_it(child: RunDir, origin: Origin) -> None:
    own = inherit(origin, child)
    for step in (19, 29):
        (child.checkpoints / f"step-{step}").mkdir()
    keep(published(child.checkpoints), 1)
    assert own.path.is_dir() and len(published(child.checkpoints)) == 1


def test_a_link_to_a_file_becomes_the_file(child: RunDir, origin: Origin) -> None:
    (origin.path / "latest").symlink_to("weights")
    own = inherit(origin, child)
    shutil.rmtree(origin.path)
    assert (own.path / "latest").read_text() == "w"


def test_a_checkpoint_that_is_deleted_meanwhile_is_not_forked(child: RunDir, origin: Origin) -> None:
    shutil.rmtree(origin.path)
    with pytest.raises(CheckpointNotFound, match="deleted"):
        inherit(origin, child)
    assert list(child.checkpoints.iterdir()) == []
