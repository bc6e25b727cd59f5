"""Every control on a job of two processes: all ranks take each decision at the same step."""

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

sys.path.insert(0, str(Path(__file__).parent))

from job import HERE, TORCHRUN  # noqa: E402
from ranks_training import EPOCHS, STEPS_PER_EPOCH  # noqa: E402

from gladius.pulse.checkpoints import verify  # noqa: E402

pytestmark = pytest.mark.training

STEPS = EPOCHS * STEPS_PER_EPOCH


def test_under_torchrun_each_control_is_taken_by_all_ranks_and_changes_no_loss(job):
    ranks = job(alone=True)
    ranks.hold_back(3, 0, 1)
    ranks.hold_back(12, 0)
    ranks.launch(*TORCHRUN, HERE / "ranks_training.py", ranks.plan)
    ranks.reached(3, 0, 1)
    hello = ranks.events("hello")[-1]
    assert (hello["world_size"], hello["mode"], hello["pause_modes"]) == (2, "distributed", ["hold", "release"])
    assert set(hello["capabilities"]) == {"pause", "resume", "stop", "checkpoint", "validate", "set"}
    assert "batch_size" not in hello["adjustable"]
    pause = ranks.order("pause", mode="hold")
    ranks.let_go(3, 0, 1)
    assert (ranks.answer(pause)["state"], ranks.states()[-1]) == ("applied", "paused")
    assert ranks.ask("validate")["state"] == ranks.ask("checkpoint")["state"] == "applied"
    resumed = ranks.ask("resume")
    assert (resumed["state"], resumed["step"]) == ("applied", 3)
    ranks.reached(12, 0)
    change = ranks.order("set", name="learning_rate", value=0.01)
    ranks.let_go(12, 0)
    assert ranks.answer(change)["state"] == "applied"
    told = ranks.end()
    assert told[0]["weights"] == told[1]["weights"]
    for rank in told:
        upto = {step: loss for step, loss in rank["alone"]["losses"].items() if int(step) <= 12}
        assert {step: loss for step, loss in rank["losses"].items() if int(step) <= 12} == upto
        assert [rank["rates"][str(step)] for step in (12, 13, STEPS - 1)] == [0.05, 0.01, 0.01]
        assert rank["calls"] == ["eval"]
    assert [event["kind"] for event in ranks.events("checkpoint")] == ["pause", "manual"]
    assert verify(Path(ranks.events("checkpoint")[-1]["path"])) == []
    assert ranks.states()[-1] == "done"


def test_a_released_job_goes_on_to_the_same_losses_on_each_rank(job):
    ranks = job(alone=True)
    ranks.hold_back(10, 1)
    ranks.start().reached(10, 1)
    release = ranks.order("pause", mode="release")
    ranks.let_go(10, 1)
    assert ranks.answer(release)["state"] == "applied"
    first = ranks.end()
    assert all(rank["released"] and rank["stopped"] for rank in first)
    second = ranks.start().end()
    for before, after in zip(first, second, strict=True):
        assert {**before["losses"], **after["losses"]} == before["alone"]["losses"]
        assert min(map(int, after["losses"])) == len(before["losses"])
        assert after["weights"] == before["alone"]["weights"]
    assert ranks.events("hello")[-1]["resumed_from"]["step"] == len(first[0]["losses"]) - 1


def test_a_command_that_comes_while_the_ranks_are_apart_falls_at_one_step(job):
    ranks = job(how="by_itself", epochs=20)
    ranks.hold_back(2, 1)
    ranks.start().reached(2, 1)
    ranks.until(lambda: 2 in ranks.steps())  # rank 0 has ended the step in whose middle rank 1 is
    pause = ranks.order("pause", mode="hold")
    change = ranks.order("set", name="learning_rate", value=0.02)
    assert ranks.states()[-1] == "running"
    ranks.let_go(2, 1)
    held_at = ranks.answer(pause)["step"]
    assert held_at == ranks.answer(change)["step"] > 2
    assert ranks.states()[-1] == "paused"
    assert ranks.ask("validate")["state"] == "applied"
    assert ranks.ask("stop")["state"] == "applied"
    told = ranks.end()
    assert [max(map(int, rank["losses"])) for rank in told] == [held_at, held_at]
    assert [rank["calls"] for rank in told] == [["save", "eval", "save"]] * 2
    assert all(rank["stopped"] and not rank["released"] for rank in told)
    final = Path(ranks.events("checkpoint")[-1]["path"])
    assert {"weights-0.pt", "weights-1.pt"} <= {path.name for path in final.iterdir()}
    assert ranks.states()[-1] == "cancelled"


def test_what_one_rank_cannot_do_is_done_by_none(job):
    ranks = job(how="by_itself", epochs=20, stubborn=1, broken_on=1)
    ranks.hold_back(2, 0)
    ranks.start().reached(2, 0)
    orders = [ranks.order("set", name="learning_rate", value=0.02), ranks.order("validate")]
    stop = ranks.order("stop", checkpoint=False)
    ranks.let_go(2, 0)
    answers = [ranks.answer(one) for one in orders]
    assert [answer["state"] for answer in answers] == ["rejected", "rejected"]
    assert "rank 1: learning_rate could not be changed: not on this rank" in answers[0]["detail"]
    assert answers[1]["detail"].endswith("rank 1: no such data")
    assert ranks.answer(stop)["state"] == "applied"
    told = ranks.end()
    assert [max(map(int, rank["losses"])) for rank in told] == [2, 2]
    assert [rank["rates"]["2"] for rank in told] == [0.05, 0.05]
    assert [rank["save"] for rank in told] == [False, False]
    assert ranks.events("hyperparameters") == ranks.events("checkpoint") == []


@pytest.mark.parametrize("killed", [0, 1])
def test_when_a_rank_is_killed_in_a_hold_the_other_ends(job, killed):
    ranks = job(how="by_itself", epochs=20)
    ranks.hold_back(2, 0)
    ranks.start().reached(2, 0)
    pause = ranks.order("pause", mode="hold")
    ranks.let_go(2, 0)
    assert ranks.answer(pause)["state"] == "applied"
    pid = ranks.kill(killed)
    ranks.end(code=None)  # within seconds, though a hold may last for days
    if killed == 1:
        error = ranks.events("state")[-1]["error"]
        assert error["code"] == "RankLost"
        assert f"The job lost rank 1 (pid {pid} on " in error["message"]
    else:
        assert ranks.states()[-1] == "paused"  # nobody wrote anything after its death
