"""A run steered from Python: each verb waits for the trainer's word."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from loop_run import LoopRun

from gladius.client import Client
from gladius.errors import RequestRejected
from gladius.wire.runs import CommandRecord

Loop = Callable[..., LoopRun]


def applied(answer: CommandRecord | str) -> CommandRecord:
    assert isinstance(answer, CommandRecord) and answer.state == "applied", answer
    return answer


def test_a_run_is_steered_from_python(profiled_loop: Loop) -> None:
    real = profiled_loop()
    with Client(home=real.home) as client:
        run = client.run(real.run_id)
        held = applied(run.pause())
        assert applied(run.checkpoint()).step == held.step
        assert str(applied(run.set("learning_rate", 0.3)).detail) == "learning_rate: 0.1 -> 0.3"
        applied(run.revert("learning_rate"))
        applied(run.resume())
        applied(run.validate())
        diff = run.put_config(str(run.config_diff().text).replace("learning_rate: 0.1", "learning_rate: 0.2"))
        assert [row.key for row in diff.rows if row.changed] == ["train.learning_rate"]
        applied(run.reload_config(["train.learning_rate"]))
        with pytest.raises(RequestRejected, match="lives") as busy:
            run.resume_run()
        assert busy.value.status == 409
        applied(run.pause(release=True))

        preview = run.preview_resume(overrides={"batch_size": 2})
        assert preview.possible and [change.key for change in preview.changed] == [
            "train.batch_size",
            "train.learning_rate",
        ]
        with pytest.raises(RequestRejected, match="new attempt"):
            run.resume()
        assert run.resume_run(overrides={"batch_size": 2}).attempt == 2
        real.wait_for("running")
        saved = applied(run.checkpoint()).step
        assert run.preview_fork(saved).step == saved
        child = client.run(run.fork(saved, {"learning_rate": 0.9}, name="child").run_id)
        assert child.record().parent is not None
        applied(child.force_stop(grace_s=5))
        applied(run.stop(checkpoint=False))
        assert {one.issued_by for one in run.commands()} == {"python"}
        assert run.audit("csv").count("\n") == len(run.commands()) + 1
