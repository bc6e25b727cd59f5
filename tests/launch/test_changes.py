"""What was set live or asked for once stays so through every later attempt of a script's run."""

from __future__ import annotations

from typing import Any

import pytest

from gladius.catalog.profiles import Profiles
from gladius.launch.changes import Changes, changes_of
from gladius.launch.checkpoints import choose
from gladius.pulse.checkpoints import seal
from gladius.pulse.events import EventWriter
from gladius.pulse.identity import this_host
from gladius.pulse.rundir import Home, RunDir
from gladius.store.view import RunView

ADJUSTABLE = {
    "max_grad_norm": {"value": 1.0, "applies": "live", "key": "optim.clip"},
    "batch_size": {"value": 8, "applies": "restart"},
}


class Script:
    """A run that was started as a command: each attempt leaves a checkpoint behind, with the values then in force."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.run: RunDir = home.new_run("script", {"source": "cli", "engine": "command"})

    def attempt(self, number: int, overrides: dict[str, Any], saved_with: float) -> None:
        self.run.write_attempt(number, {"argv": ["x"], "cwd": "/", "config": {}, "overrides": overrides})
        writer = EventWriter(self.run.events, number)
        hello = {"run_id": self.run.run_id, "pid": 1, "host": this_host(), "adjustable": ADJUSTABLE}
        writer.write("hello", hello)
        folder = self.run.checkpoints / f"step-{number}"
        folder.mkdir(parents=True)
        (folder / "weights").write_text("w")
        facts = (
            f'{{"run_id": "{self.run.run_id}", "attempt": {number}, "step": {number},'
            f' "hyperparameters": {{"max_grad_norm": {saved_with}, "batch_size": {overrides.get("batch_size", 8)}}},'
            ' "config_keys": {"max_grad_norm": "optim.clip"}}'
        )
        (folder / "gladius.json").write_text(facts)
        writer.write("checkpoint", {"step": number, "path": str(folder), "manifest": seal(folder).manifest})
        writer.write("state", {"state": "released"})

    def next(self, **asked: Any) -> Changes:
        view = RunView(self.run).load()
        return changes_of(view, view.attempt, choose(view, None), asked, Profiles(self.home.profiles))


@pytest.fixture
def script(home: Home) -> Script:
    return Script(home)


def test_what_was_set_live_lives_through_every_resume(script: Script) -> None:
    script.attempt(1, {}, saved_with=0.25)
    for number in (2, 3, 4):
        told = script.next().overrides
        assert told == {"optim.clip": 0.25}
        script.attempt(number, told, saved_with=0.25)


def test_what_needs_a_restart_is_told_to_every_later_attempt(script: Script) -> None:
    script.attempt(1, {}, saved_with=1.0)
    script.attempt(2, script.next(batch_size=4).overrides, saved_with=1.0)
    assert script.next().overrides == {"batch_size": 4}
    assert script.next(batch_size=16).overrides == {"batch_size": 16}


def test_the_later_word_counts_by_whatever_name_it_is_given(script: Script) -> None:
    script.attempt(1, {"optim.clip": 0.25}, saved_with=0.25)
    assert script.next(max_grad_norm=0.5).overrides == {"max_grad_norm": 0.5}
    script.attempt(2, {"max_grad_norm": 0.5}, saved_with=1.0)
    assert script.next().overrides == {"optim.clip": 1.0}, "set back live, and that was the last word"
