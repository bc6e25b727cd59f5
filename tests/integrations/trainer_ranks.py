"""One rank of a Hugging Face Trainer's job, for tests of several processes. See ranks_training."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path

import torch
import transformers
from small_trainer import make_model, make_rows, make_trainer

import gladius
from gladius.integrations.torch_ranks import join
from gladius.integrations.transformers import GladiusCallback

ROWS, STEPS_PER_EPOCH = 24, 6


class Waits(transformers.TrainerCallback):
    """At the end of a step, before anybody may decide anything, for as long as a file says so; keeps what was logged."""

    def __init__(self, folder, rank):
        self.folder, self.rank = Path(folder), rank
        self.losses, self.rates = {}, {}

    def on_step_end(self, args, state, control, **kwargs):
        gate = self.folder / f"wait-{state.global_step}-{self.rank}"
        self.rates[state.global_step] = kwargs["optimizer"].param_groups[0]["lr"]
        if gate.exists():
            (self.folder / f"at-{state.global_step}-{self.rank}").touch()
            while gate.exists():
                time.sleep(0.01)

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in logs:
            self.losses[state.global_step] = float(logs["loss"]).hex()


def train(folder, *callbacks, resume=None):
    """Train two epochs of six steps; returns what a test compares."""
    waits = Waits(folder, int(os.environ["RANK"]))
    trainer = make_trainer(
        Path(folder) / "out", waits, *callbacks, model=make_model(attention_dropout=0.1), rows=make_rows(ROWS),
        ddp_backend="gloo",
    )  # fmt: skip
    run = resume() if resume is not None else None
    trainer.train(resume_from_checkpoint=run.resume_from if run is not None else None)
    weights = torch.cat([one.detach().flatten() for one in trainer.model.parameters()])
    return {
        "losses": waits.losses, "rates": waits.rates,
        "weights": hashlib.sha256(weights.numpy().tobytes()).hexdigest(),
    }  # fmt: skip


def main():
    plan = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(1)
    rank = os.environ["RANK"]
    (Path(plan["folder"]) / f"pid-{rank}").write_text(str(os.getpid()))
    facts = {"alone": train("/tmp/nowhere")} if plan.get("alone") else {}
    callback = GladiusCallback(test_dataset=make_rows(4))
    facts.update(train(plan["folder"], callback, resume=lambda: join(gladius.start(name="trainer"))))
    gladius.finish()
    (Path(plan["folder"]) / f"rank-{rank}.json").write_text(json.dumps(facts))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
