"""`gladius preset`, and `gladius train --preset`."""

from __future__ import annotations

from pathlib import Path

from terminal import gladius

from gladius.pulse.rundir import Home


def test_presets_are_added_shown_listed_and_removed(server_home: Home, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("train: {seed: 7}\n")
    added = gladius("preset", "add", "My own", "--from", file, "--set", "learning_rate=1e-4", "--description", "gentle")
    assert (added.code, added.out) == (0, "my-own\n"), added.err
    assert "seed: 7" in (server_home.presets / "my-own.yaml").read_text()
    assert gladius("preset", "show", "my-own", "--json").json["values"] == {
        "train.seed": 7,
        "train.learning_rate": 1e-4,
    }
    assert "my-own" in {one["id"] for one in gladius("preset", "ls", "--json").json}

    again = gladius("preset", "add", "My own", "--set", "train.seed=8")
    assert again.code == 1 and again.complains("my-own", "replace")
    replaced = gladius("preset", "add", "My own", "--set", "train.seed=8", "--replace")
    assert replaced.code == 0 and "seed: 8" in (server_home.presets / "my-own.yaml").read_text()
    assert gladius("preset", "rm", "my-own").code == 0
    assert not (server_home.presets / "my-own.yaml").exists()


def test_a_preset_that_is_not_there_is_said_before_anything_starts(server_home: Home) -> None:
    refused = gladius("train", "tiny-moe", "--preset", "nothing")
    assert refused.code == 2 and refused.complains("preset_id")
    assert not any(server_home.runs.iterdir())
