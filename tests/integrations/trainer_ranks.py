"""One rank of a Hugging Face Trainer's job, for tests of several processes. See ranks_training."""

from __future__ import annotations

import contextlib
import functools
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


class Poisoned(transformers.Trainer):
    """Has no loss on one rank at one step."""

    poison: tuple = ()

    def compute_loss(self, *args, **kwargs):
        found = super().compute_loss(*args, **kwargs)
        if self.poison != [self.args.process_index, self.state.global_step + 1] or not self.model.training:
            return found
        return (found[0] * float("nan"), found[1]) if isinstance(found, tuple) else found * float("nan")


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


def train(folder, *callbacks, resume=None, poison=(), epochs=2):
    """Train epochs of six steps; returns what a test compares."""
    waits = Waits(folder, int(os.environ["RANK"]))
    trainer = make_trainer(
        Path(folder) / "out", waits, *callbacks, model=make_model(attention_dropout=0.1), rows=make_rows(ROWS),
        kind=Poisoned, ddp_backend="gloo", num_train_epochs=epochs,
    )  # fmt: skip
    trainer.poison = poison
    run = resume() if resume is not None else None
    trainer.train(resume_from_checkpoint=run.resume_from if run is not None else None)
    weights = torch.cat([one.detach().flatten() for one in trainer.model.parameters()])
    return {
        "losses": waits.losses, "rates": waits.rates,
        "weights": hashlib.sha256(weights.numpy().tobytes()).hexdigest(),
    }  # fmt: skip


def offered(plan):
    """What a script offers of its configuration file."""
    return {
        "config_keys": {"learning_rate": "train.rate"},
        "read_config": lambda: json.loads(Path(plan["file"]).read_text()),
    }


def begun(plan, until_ended):
    """Begin the run; one rank may have a setting of its own that it does not let go of."""
    run = until_ended.enter_context(join(gladius.start(name="trainer")))
    if "stubborn" in plan:
        patience = {"now": 3}

        def change(value):
            if os.environ["RANK"] == str(plan["stubborn"]):
                raise ValueError("not on this rank")
            patience["now"] = value

        run.adjustable("patience", get=lambda: patience["now"], set=change)
    return run


def main():
    plan = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(1)
    rank = os.environ["RANK"]
    (Path(plan["folder"]) / f"pid-{rank}").write_text(str(os.getpid()))
    facts = {"alone": train("/tmp/nowhere")} if plan.get("alone") else {}
    offer = offered(plan) if plan.get("file") else {}
    callback = GladiusCallback(test_dataset=make_rows(4), **plan.get("callback", {}), **offer)
    with contextlib.ExitStack() as until_ended:
        # Begun when a Trainer is made, for it is that which joins the ranks.
        begin = functools.partial(begun, plan, until_ended)
        more = {"poison": plan.get("poison", ()), "epochs": plan.get("epochs", 2)}
        facts.update(train(plan["folder"], callback, resume=begin, **more))
    (Path(plan["folder"]) / f"rank-{rank}.json").write_text(json.dumps(facts))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
