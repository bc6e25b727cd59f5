"""Every control on a Hugging Face Trainer that trains in two processes."""

import json
import signal
from pathlib import Path

import pytest

pytest.importorskip("transformers")

from gladius.pulse.checkpoints import verify

pytestmark = pytest.mark.training


def test_a_trainer_in_two_processes_obeys_as_one_and_nothing_changes_a_loss(job):
    ranks = job(alone=True)
    ranks.hold_back(3, 0, 1)
    ranks.hold_back(8, 1)
    ranks.start("trainer_ranks").reached(3, 0, 1)
    hello = ranks.events("hello")[-1]
    assert (hello["world_size"], hello["mode"], hello["splits"]) == (2, "distributed", ["eval", "test"])
    assert set(hello["capabilities"]) == {"pause", "resume", "stop", "checkpoint", "validate", "set"}
    pause = ranks.order("pause", mode="hold")
    ranks.let_go(3, 0, 1)
    assert ranks.answer(pause)["step"] == 3
    answers = [ranks.ask("validate"), ranks.ask("validate", split="test"), ranks.ask("checkpoint"), ranks.ask("resume")]
    assert [(answer["state"], answer["step"]) for answer in answers] == [("applied", 3)] * 4
    ranks.reached(8, 1)
    change = ranks.order("set", name="learning_rate", value=0.003)
    ranks.let_go(8, 1)
    assert ranks.answer(change)["state"] == "applied"
    told = ranks.end()
    assert told[0]["weights"] == told[1]["weights"]
    for rank in told:
        assert [rank["losses"][str(step)] for step in range(1, 9)] == list(rank["alone"]["losses"].values())[:8]
        assert (rank["rates"]["8"], rank["rates"]["10"], rank["rates"]["12"]) == (0.01, 0.003, 0.003)
    saved = [Path(event["path"]) for event in ranks.events("checkpoint")]
    assert {"rng_state_0.pth", "rng_state_1.pth", "gladius_trainer_1.json"} <= {
        path.name for path in saved[0].iterdir()
    }
    assert verify(saved[-1]) == []
    (metrics,) = [event for event in ranks.events("metrics") if "test/loss" in event["values"]]
    assert 0 <= metrics["values"]["test/accuracy"] <= 1
    assert all(event["values"]["train/tokens_per_second"] > 0 for event in ranks.events("metrics")[:2])
    assert ranks.states()[-1] == "done"


def test_a_trainer_that_is_released_and_then_preempted_goes_on_both_times_to_the_same_losses(job):
    ranks = job(alone=True)
    ranks.hold_back(4, 0)
    ranks.start("trainer_ranks").reached(4, 0)
    release = ranks.order("pause", mode="release")
    ranks.let_go(4, 0)
    assert ranks.answer(release)["state"] == "applied"
    first = ranks.end()
    ranks.hold_back(8, 0, 1)
    ranks.start("trainer_ranks").reached(8, 0, 1)
    for rank in (0, 1):
        ranks.kill(rank, signal.SIGTERM)
    ranks.let_go(8, 0, 1)
    second = ranks.end()
    assert ranks.events("state")[-1]["reason"] == "Preempted by SIGTERM"
    assert ranks.states()[-1] == "released"
    third = ranks.start("trainer_ranks").end()
    for one, two, three in zip(first, second, third, strict=True):
        last = max(map(int, one["rates"]))
        assert (min(map(int, two["rates"])), max(map(int, two["rates"]))) == (last + 1, 8)
        assert {**one["losses"], **two["losses"], **three["losses"]} == one["alone"]["losses"]
        assert three["weights"] == one["alone"]["weights"]


def test_a_file_is_taken_over_by_all_ranks_and_what_one_cannot_do_or_lose_concerns_all(job, tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"train.rate": 0.01, "train.epochs": 2}))
    ranks = job(stubborn=1, poison=[1, 6], callback={"nan_policy": "pause", "checkpoint_steps": 4}, file=str(file))
    ranks.hold_back(3, 0, 1)
    ranks.start("trainer_ranks").reached(3, 0, 1)
    hello = ranks.events("hello")[-1]
    assert "reload_config" in hello["capabilities"]
    assert hello["adjustable"]["batch_size"]["applies"] == "restart"
    file.write_text(json.dumps({"train.rate": 0.002, "train.epochs": 5}))
    orders = [
        ranks.order("reload_config", keys=["train.rate", "train.epochs"]),
        ranks.order("set", name="patience", value=9), ranks.order("set", name="batch_size", value=4),
    ]  # fmt: skip
    ranks.let_go(3, 0, 1)
    reloaded, stubborn, fixed = [ranks.answer(one) for one in orders]
    assert reloaded["state"] == "applied" and "train.epochs needs a restart" in reloaded["detail"]
    assert (stubborn["state"], fixed["state"]) == ("rejected", "rejected")
    assert "rank 1: patience could not be changed: not on this rank" in stubborn["detail"]
    ranks.until(lambda: ranks.states()[-1] == "paused" or ranks._failed())
    assert "loss is NaN since step" in ranks.events("state")[-1]["reason"]
    stop = ranks.ask("stop", checkpoint=False)
    told = ranks.end()
    assert stop["state"] == "applied" and stop["step"] in (6, 7)
    for rank in told:
        assert [rank["rates"][str(step)] for step in (3, 5, 6)] == [0.01, 0.002, 0.002]
        assert max(map(int, rank["rates"])) == stop["step"]
    assert [event["step"] for event in ranks.events("checkpoint")] == [4]
    assert ranks.states()[-1] == "cancelled"


def test_a_trainer_stopped_in_two_processes_leaves_a_final_checkpoint_and_no_rank_behind(job):
    ranks = job()
    ranks.hold_back(5, 1)
    ranks.start("trainer_ranks").reached(5, 1)
    stop = ranks.order("stop")
    ranks.let_go(5, 1)
    assert ranks.answer(stop)["state"] == "applied"
    told = ranks.end()
    assert [max(map(int, rank["rates"])) for rank in told] == [ranks.answer(stop)["step"]] * 2
    assert ranks.events("checkpoint")[-1]["kind"] == "final"
    assert ranks.states()[-1] == "cancelled"


def test_when_a_rank_of_a_held_trainer_is_killed_the_other_ends_and_names_it(job):
    ranks = job()
    ranks.hold_back(3, 0, 1)
    ranks.start("trainer_ranks").reached(3, 0, 1)
    pause = ranks.order("pause", mode="hold")
    ranks.let_go(3, 0, 1)
    assert ranks.answer(pause)["state"] == "applied"
    pid = ranks.kill(1)
    ranks.end(code=None)
    error = ranks.events("state")[-1]["error"]
    assert error["code"] == "RankLost" and f"The job lost rank 1 (pid {pid} on " in error["message"]
