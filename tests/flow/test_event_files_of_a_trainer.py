"""A Trainer that reports to TensorBoard writes its event files into the run, where the console's TensorBoard finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")
accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

SCRIPT = """
import sys
sys.path.insert(0, {helpers!r})
from small_trainer import make_trainer
from gladius.integrations.transformers import GladiusCallback
make_trainer("out", GladiusCallback(), report_to=["tensorboard"], max_steps=3).train()
"""
HELPERS = Path(__file__).parents[1] / "integrations"


def test_the_event_files_of_a_trainer_lie_in_its_run(street: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    run = street.start(*street.script(SCRIPT.format(helpers=str(HELPERS))))
    street.wait_recorded(run, timeout=120)
    assert [path.name.startswith("events.out.tfevents") for path in run.tensorboard.iterdir()] == [True]
    told = accumulator.EventAccumulator(str(run.tensorboard)).Reload()
    assert [one.step for one in told.Scalars("train/loss")] == [1, 2, 3]
