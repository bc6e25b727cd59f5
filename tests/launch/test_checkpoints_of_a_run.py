"""Which checkpoint a run goes on from: its own, also where other runs publish into the same folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gladius
from gladius.errors import CheckpointDamaged
from gladius.launch.checkpoints import choose
from gladius.pulse.checkpoints import seal
from gladius.pulse.events import EventWriter
from gladius.pulse.rundir import Home, RunDir
from gladius.store.view import RunView


def script(home: Home, name: str) -> RunDir:
    run = home.new_run(name, {"source": "cli", "engine": "command"})
    run.write_attempt(1, {"argv": ["x"], "cwd": "/"})
    return run


def save(run: RunDir, folder: Path, step: int, told: bool = True) -> Path:
    path = folder / f"step-{step}"
    path.mkdir(parents=True, exist_ok=True)
    (path / "weights").write_text(f"of {run.run_id} {told}")
    (path / "gladius.json").write_text(json.dumps({"run_id": run.run_id, "attempt": 1, "step": step}))
    manifest = seal(path).manifest
    if told:
        EventWriter(run.events, 1).write("checkpoint", {"step": step, "path": str(path), "manifest": manifest})
    return path


def test_weights_that_another_run_put_in_their_place_are_passed_over_and_said_so(home: Home, tmp_path: Path) -> None:
    first, second = script(home, "a"), script(home, "b")
    older, newer = save(first, tmp_path, 9), save(first, tmp_path, 19)
    save(second, tmp_path, 19)
    view = RunView(first).load()
    chosen = choose(view, None)
    assert chosen is not None and chosen.path == older
    assert "step-19" in chosen.notes[0] and "another run" in chosen.notes[0]
    with pytest.raises(CheckpointDamaged, match="another run"):
        choose(view, 19)
    by_hand = choose(view, str(newer))
    assert by_hand is not None and by_hand.run_id == second.run_id and "another run" in by_hand.notes[0]
    theirs = choose(RunView(second).load(), None)
    assert theirs is not None and theirs.path == newer and theirs.notes == ()


def test_what_the_run_itself_saved_again_is_still_its_own(home: Home, tmp_path: Path) -> None:
    run = script(home, "a")
    path = save(run, tmp_path, 9)
    save(run, tmp_path, 9, told=False)  # as a kill leaves it, between the save and its event
    chosen = choose(RunView(run).load(), None)
    assert chosen is not None and (chosen.path, chosen.notes) == (path, ())


def test_weights_that_are_no_numbers_are_passed_over_where_there_are_others(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = home.run("20260101-000000-nan-0001")
    monkeypatch.setenv("GLADIUS_RUN_DIR", str(directory.root))
    run = gladius.start()
    run.on("checkpoint", lambda folder: (folder / "weights").write_text("w"))
    for step, loss in enumerate([1.0, float("nan")]):
        run.log({"train/loss": loss}, step=step)
        run.boundary(step)
        run.save("pause")
    run.finish()
    view = RunView(directory).load()
    chosen = choose(view, None)
    assert chosen is not None and chosen.step == 0
    assert chosen.notes == ("step-1 was saved while it was said: loss is NaN since step 1.",)
    asked = choose(view, 1)
    assert asked is not None and asked.step == 1
