"""The example with experts written by hand: its names are those that the console looks for."""

import runpy
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from gladius.pulse.events import EventReader  # noqa: E402
from gladius.store.record import Steering, record  # noqa: E402
from gladius.store.view import RunView  # noqa: E402

pytestmark = pytest.mark.training

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_experts.py"


def test_experts_written_by_hand_are_shown_by_two_kinds_of_names(home, monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.setattr("sys.argv", [str(EXAMPLE), "2"])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    torch.set_num_threads(threads)
    (run,) = home.all_runs()
    logged = [event["values"] for event in EventReader(run.events).read_all() if event["type"] == "metrics"]
    assert len(logged) == 8
    for values in logged:
        for layer in range(2):
            assert sum(values[f"moe/load/{layer}/{expert}"] for expert in range(4)) == pytest.approx(1)
            losses = [values[f"moe/loss/{layer}/{expert}"] for expert in range(4)]
            assert min(losses) > 0 and max(losses) < 2 * values["train/loss"] + 1
    view = RunView(run).load()
    assert record(view, Steering()).attributions == {"moe/loss": "routing_weighted_nll"}
    assert view.experts.load().experts == 8


def test_an_expert_written_by_hand_without_a_token_has_no_loss(monkeypatch):
    monkeypatch.setattr("sys.argv", [str(EXAMPLE)])
    example = runpy.run_path(str(EXAMPLE))
    layer = example["Experts"]()
    layer.routed = torch.tensor([[0.75, 0.25, 0.0, 0.0], [0.5, 0.0, 0.5, 0.0]])
    spread = example["Spread"]([layer])
    spread.add(torch.tensor([1.0, 3.0]))
    metrics = spread.take()
    assert [metrics[f"moe/load/0/{one}"] for one in range(4)] == [0.5, 0.25, 0.25, 0.0]
    assert metrics["moe/loss/0/0"] == pytest.approx((0.75 * 1 + 0.5 * 3) / 1.25)
    assert (metrics["moe/loss/0/1"], metrics["moe/loss/0/2"]) == (1.0, 3.0)
    assert "moe/loss/0/3" not in metrics
