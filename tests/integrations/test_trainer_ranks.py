"""Every control on a Hugging Face Trainer that trains in two processes."""

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


def test_a_released_trainer_in_two_processes_goes_on_to_the_same_losses(job):
    ranks = job(alone=True)
    ranks.hold_back(4, 0)
    ranks.start("trainer_ranks").reached(4, 0)
    release = ranks.order("pause", mode="release")
    ranks.let_go(4, 0)
    assert ranks.answer(release)["state"] == "applied"
    first = ranks.end()
    second = ranks.start("trainer_ranks").end()
    for before, after in zip(first, second, strict=True):
        last = max(map(int, before["rates"]))
        assert min(map(int, after["rates"])) == last + 1
        assert {**before["losses"], **after["losses"]} == before["alone"]["losses"]
        assert after["weights"] == before["alone"]["weights"]


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
