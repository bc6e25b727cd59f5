"""Every control on a job of two processes: all ranks take each decision at the same step."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

sys.path.insert(0, str(Path(__file__).parent))

from job import HERE, TORCHRUN  # noqa: E402

from gladius.pulse.checkpoints import published, verify  # noqa: E402

pytestmark = pytest.mark.training


def test_under_torchrun_each_control_is_taken_by_all_ranks_and_changes_no_loss(job):
    ranks = job(alone=True, epochs=500)
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
    ranks.until(lambda: 13 in ranks.steps() or ranks._failed())
    os.kill(ranks.launcher.pid, signal.SIGTERM)  # as a scheduler does: torchrun passes it on to its ranks
    ranks.end(code=None)
    told = ranks.told()
    assert told[0]["weights"] == told[1]["weights"]
    for rank in told:
        upto = {step: loss for step, loss in rank["alone"]["losses"].items() if int(step) <= 12}
        assert {step: loss for step, loss in rank["losses"].items() if int(step) <= 12} == upto
        assert [rank["rates"][str(step)] for step in (12, 13)] == [0.05, 0.01]
        assert rank["calls"] == ["eval"] and rank["released"]
    assert [event["kind"] for event in ranks.events("checkpoint")] == ["pause", "manual", "pause"]
    assert verify(Path(ranks.events("checkpoint")[-1]["path"])) == []
    assert ranks.states()[-1] == "released"
    assert ranks.events("state")[-1]["reason"] == "Preempted by SIGTERM"


def test_a_job_that_is_released_and_then_preempted_goes_on_both_times_to_the_same_losses_on_each_rank(job):
    ranks = job(alone=True)
    ranks.hold_back(5, 1)
    ranks.start().reached(5, 1)
    release = ranks.order("pause", mode="release")
    ranks.let_go(5, 1)
    assert ranks.answer(release)["state"] == "applied"
    first = ranks.end()
    assert all(rank["released"] and rank["stopped"] for rank in first)
    ranks.hold_back(10, 0, 1)
    ranks.start().reached(10, 0, 1)
    for rank in (0, 1):  # as a launcher passes on what a scheduler sent to it
        ranks.kill(rank, signal.SIGTERM)
    ranks.let_go(10, 0, 1)
    second = ranks.end()
    assert all(rank["released"] for rank in second)
    assert ranks.events("state")[-1]["reason"] == "Preempted by SIGTERM"
    third = ranks.start().end()
    for one, two, three in zip(first, second, third, strict=True):
        assert {**one["losses"], **two["losses"], **three["losses"]} == one["alone"]["losses"]
        assert (min(map(int, two["losses"])), max(map(int, two["losses"]))) == (len(one["losses"]), 10)
        assert three["weights"] == one["alone"]["weights"]
    assert ranks.events("hello")[-1]["resumed_from"]["step"] == 10


def test_a_file_is_taken_over_and_a_bad_loss_of_one_rank_holds_all_until_somebody_decides(job, tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"learning_rate": 0.05, "weight_decay": 0.1}))
    ranks = job(poison=[1, 6], epochs=20, loop={"config_file": str(file), "bad_loss": "pause", "every_steps": 4})
    ranks.hold_back(3, 0, 1)
    ranks.start().reached(3, 0, 1)
    file.write_text(json.dumps({"learning_rate": 0.02, "weight_decay": 0.3}))
    reload = ranks.order("reload_config", keys=["learning_rate"])
    ranks.let_go(3, 0, 1)
    assert ranks.answer(reload)["state"] == "applied"
    ranks.until(lambda: ranks.states()[-1] == "paused" or ranks._failed())
    # Rank 0 sees it in the next step's loss, for the gradients are everybody's.
    assert ranks.events("state")[-1]["reason"] == "Paused by the loss policy: loss is NaN since step 7"
    assert ranks.ask("stop", checkpoint=False)["state"] == "applied"
    told = ranks.end()
    for rank in told:
        assert (max(map(int, rank["losses"])), rank["save"]) == (7, False)
        assert [rank["rates"][str(step)] for step in (3, 4, 7)] == [0.05, 0.02, 0.02]
    assert [event["step"] for event in ranks.events("checkpoint")] == [3]
    assert [change["name"] for change in ranks.events("hyperparameters")] == ["learning_rate"]
    assert ranks.states()[-1] == "cancelled"


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
    ranks = job(how="by_itself", epochs=20, stubborn=1, broken_on=1, full_on=1)
    ranks.hold_back(2, 0)
    ranks.start().reached(2, 0)
    orders = [ranks.order("set", name="learning_rate", value=0.02), ranks.order("validate"), ranks.order("checkpoint")]
    stop = ranks.order("stop", checkpoint=False)
    ranks.let_go(2, 0)
    answers = [ranks.answer(one) for one in orders]
    assert [answer["state"] for answer in answers] == ["rejected"] * 3
    assert "rank 1: learning_rate could not be changed: not on this rank" in answers[0]["detail"]
    assert answers[1]["detail"].endswith("rank 1: no such data")
    assert "rank 1: no space left on device" in answers[2]["detail"]
    assert ranks.answer(stop)["state"] == "applied"
    told = ranks.end()
    assert [max(map(int, rank["losses"])) for rank in told] == [2, 2]
    assert [rank["rates"]["2"] for rank in told] == [0.05, 0.05]
    assert [rank["save"] for rank in told] == [False, False]
    assert ranks.events("hyperparameters") == [] and published(ranks.dir.checkpoints) == []
    (failed,) = ranks.events("checkpoint")
    assert "rank 1: no space left on device" in failed["failed"]


def test_a_rank_that_loses_its_loss_takes_all_back_to_the_last_good_checkpoint(job):
    ranks = job(poison=[1, 6], loop={"bad_loss": "rollback", "every_steps": 2})
    ranks.start().end()
    restart = ranks.events("state")[-1]["error"]["restart"]
    assert restart["checkpoint"] == str(ranks.dir.checkpoints / "step-5")  # step 6 had a loss on rank 0
    assert restart["overrides"] == {"learning_rate": 0.025}
    ranks.dir.write_attempt(2, {"argv": [], "env": [], "launcher": None, **restart})
    told = ranks.start(GLADIUS_ATTEMPT="2").end()
    assert told[0]["weights"] == told[1]["weights"]
    for rank in told:
        assert (min(map(int, rank["losses"])), set(rank["rates"].values())) == (6, {0.025})
    assert ranks.states()[-1] == "done"


def test_with_live_batches_the_batch_size_changes_on_all_ranks_and_each_sample_is_trained_once(job):
    ranks = job(live=True)
    ranks.hold_back(2, 1)
    ranks.hold_back(4, 0)
    ranks.start().reached(2, 1)
    size = ranks.events("hello")[-1]["adjustable"]["batch_size"]
    assert (size["value"], size["max"], size["label"].startswith("batch size of each process")) == (4, 32, True)
    change = ranks.order("set", name="batch_size", value=6)
    ranks.let_go(2, 1)
    ranks.reached(4, 0)
    release = ranks.order("pause", mode="release")
    ranks.let_go(4, 0)
    changed, left = ranks.answer(change)["step"], ranks.answer(release)["step"]
    first = ranks.end()
    second = ranks.start().end()
    assert second[0]["weights"] == second[1]["weights"]
    seen = [{**one["seen"], **two["seen"]} for one, two in zip(first, second, strict=True)]
    sizes = [[len(rank[str(step)]) for step in range(len(rank))] for rank in seen]
    assert sizes[0] == sizes[1] and set(sizes[0][: changed + 1]) == {4} and sizes[0][changed + 1] == 6
    assert min(map(int, second[0]["seen"])) == left + 1
    order = [one for step in range(len(seen[0])) for rank in seen for one in rank[str(step)]]
    assert sorted(order[:64]) == sorted(order[64:]) == list(range(64))


def test_a_model_that_is_sharded_over_the_ranks_is_saved_by_all_and_repeats_itself_from_there(job):
    ranks = job(how="sharded", epochs=3)
    ranks.hold_back(4, 1)
    ranks.start().reached(4, 1)
    pause = ranks.order("pause", mode="hold")
    ranks.let_go(4, 1)
    held = ranks.answer(pause)["step"]
    assert ranks.ask("validate")["state"] == ranks.ask("checkpoint")["state"] == "applied"
    saved = Path(ranks.events("checkpoint")[-1]["path"])
    assert {"__0_0.distcp", "__1_0.distcp", "random-0.pt", "random-1.pt"} <= {path.name for path in saved.iterdir()}
    assert verify(saved) == []
    assert ranks.ask("resume")["state"] == "applied"
    first = ranks.end()
    ranks.dir.write_attempt(2, {"argv": [], "env": [], "launcher": None, "checkpoint": str(saved)})
    second = ranks.start(GLADIUS_ATTEMPT="2").end()
    for before, after in zip(first, second, strict=True):
        assert after["losses"] == {step: loss for step, loss in before["losses"].items() if int(step) > held}
        assert after["weights"] == before["weights"] == first[0]["weights"]
    assert ranks.states()[-1] == "done"


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
