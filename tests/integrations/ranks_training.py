"""One rank of a small job, for tests of several processes: `torchrun ranks_training.py PLAN.json`, or with its environment.

Each rank trains by torch alone first where the plan says so, then under a run. It waits in the body of a step for as long
as the plan's folder has a file `wait-STEP-RANK`, and says `at-STEP-RANK` when it is there. In the end it writes what it
trained with into `rank-RANK.json`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import gladius
from gladius.integrations.live_batches import LiveBatches
from gladius.integrations.torch_loop import TorchLoop
from gladius.integrations.torch_ranks import join
from gladius.pulse.checkpoints import read_facts

SAMPLES, BATCH, EPOCHS = 64, 4, 2
STEPS_PER_EPOCH = SAMPLES // BATCH // 2


class RankTraining:
    """One rank's model, data and optimizer; `losses` and `rates` by step once it trained."""

    def __init__(self, plan: dict[str, Any]) -> None:
        torch.manual_seed(0)
        self.plan, self.folder, self.rank = plan, Path(plan["folder"]), dist.get_rank()
        self.epochs = plan.get("epochs", EPOCHS)
        inputs = torch.randn(SAMPLES, 6)
        self.data = TensorDataset(inputs, (inputs.sum(1, keepdim=True) > 0).float(), torch.arange(SAMPLES))
        model = torch.nn.Sequential(
            torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1)
        )
        self.plain = model
        self.model = DistributedDataParallel(model)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.05, weight_decay=0.1)
        self.sampler = DistributedSampler(self.data, seed=3)
        self.live = LiveBatches(self.data, BATCH, seed=3) if plan.get("live") else None
        self.loader = (
            DataLoader(self.data, batch_size=BATCH, sampler=self.sampler)
            if self.live is None
            else DataLoader(self.data, batch_sampler=self.live)
        )
        self.losses: dict[int, str] = {}
        self.rates: dict[int, float] = {}
        self.seen: dict[int, list[int]] = {}
        self.calls: list[str] = []
        torch.manual_seed(100 + self.rank)  # each rank drops out by itself

    def train_step(self, step: int, batch: Any) -> None:
        inputs, labels, which = batch
        self.seen[step] = which.tolist()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(self.model(inputs), labels)
        if self.plan.get("poison") == [self.rank, step]:
            loss = loss * float("nan")
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.losses[step], self.rates[step] = float(loss.detach()).hex(), self.optimizer.param_groups[0]["lr"]
        self.wait(step)

    def wait(self, step: int) -> None:
        gate = self.folder / f"wait-{step}-{self.rank}"
        if gate.exists():
            (self.folder / f"at-{step}-{self.rank}").touch()
            while gate.exists():
                time.sleep(0.01)

    def evaluate(self, split: str) -> dict[str, float]:
        """Draws random numbers, and needs all ranks."""
        self.calls.append(split)
        total = torch.rand(1)
        dist.all_reduce(total)
        if self.plan.get("broken_on") == self.rank:
            raise ValueError("no such data")
        return {"loss": float(total)}

    def alone(self) -> RankTraining:
        """Train by torch alone."""
        for epoch in range(self.epochs):
            self.sampler.set_epoch(epoch)
            for batch in self.loader:
                self.train_step(len(self.losses), batch)
        return self

    def under(self, run: Any) -> None:
        """Train with TorchLoop."""
        loop = TorchLoop(
            run, self.model, self.optimizer, total_epochs=self.epochs, batches=self.live, **self.plan.get("loop", {})
        )
        loop.on_validate(self.evaluate)
        for epoch in loop.epochs():
            self.sampler.set_epoch(epoch)
            for step, batch in loop.steps(self.loader):
                self.train_step(step, batch)
                loop.log({"train/loss": float.fromhex(self.losses[step])})

    def by_itself(self, run: Any) -> None:
        """Train with `run.steps` and functions of its own; no operation of the training keeps the ranks together."""
        self.model = self.plain
        run.on("checkpoint", self.save)
        run.on("validate", self.evaluate)
        group = self.optimizer.param_groups[0]
        run.adjustable("learning_rate", get=lambda: group["lr"], set=self.set_rate, min=0)
        for step, batch in run.steps(self.batches()):
            self.train_step(step, batch)
            run.log({"train/loss": float.fromhex(self.losses[step])})

    def sharded(self, run: Any) -> None:
        """Train with FSDP2: each rank holds its part of every weight, and writes that into a checkpoint."""
        from torch.distributed import checkpoint
        from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        model = self.model = fully_shard(self.plain, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.1)

        def state() -> dict[str, Any]:
            weights, memory = get_state_dict(model, self.optimizer)
            return {"model": weights, "optimizer": memory}

        def save(folder: Path) -> None:
            checkpoint.save(state(), checkpoint_id=folder)
            torch.save(torch.get_rng_state(), folder / f"random-{self.rank}.pt")

        def load(folder: Path) -> int:
            saved = state()
            checkpoint.load(saved, checkpoint_id=folder)
            set_state_dict(model, self.optimizer, model_state_dict=saved["model"], optim_state_dict=saved["optimizer"])
            return int(read_facts(folder)["step"])

        run.on("checkpoint", save)
        run.on("validate", self.evaluate)
        group = self.optimizer.param_groups[0]
        run.adjustable("learning_rate", get=lambda: group["lr"], set=self.set_rate, min=0)
        if run.resume_from:
            run.resumed(run.resume_from, load(Path(run.resume_from)))
        begun = 0 if run.last_step is None else run.last_step + 1
        for step, batch in run.steps(itertools.islice(self.batches(), begun, None)):
            if run.resume_from and step == begun:  # a loader that begins draws from the same generator
                torch.set_rng_state(torch.load(Path(run.resume_from) / f"random-{self.rank}.pt"))
            self.train_step(step, batch)
            run.log({"train/loss": float.fromhex(self.losses[step])})

    def batches(self) -> Any:
        for _ in range(self.epochs):
            yield from self.loader

    def set_rate(self, value: float) -> None:
        if self.plan.get("stubborn") == self.rank:
            raise ValueError("not on this rank")
        self.optimizer.param_groups[0]["lr"] = value

    def save(self, folder: Path) -> None:
        self.calls.append("save")
        if self.plan.get("full_on") == self.rank:
            raise OSError("no space left on device")
        torch.save(self.plain.state_dict(), folder / f"weights-{self.rank}.pt")

    def facts(self) -> dict[str, Any]:
        """What a test compares."""
        weights = torch.cat([_whole(one.detach()).flatten() for one in self.plain.parameters()])
        return {
            "losses": self.losses, "rates": self.rates, "calls": self.calls, "seen": self.seen,
            "weights": hashlib.sha256(weights.numpy().tobytes()).hexdigest(),
        }  # fmt: skip


def _whole(weight: Any) -> torch.Tensor:
    """A weight, put together from its parts where it is sharded."""
    return weight.full_tensor() if hasattr(weight, "full_tensor") else weight


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(1)
    rank = int(os.environ["RANK"])
    (Path(plan["folder"]) / f"pid-{rank}").write_text(str(os.getpid()))
    dist.init_process_group("gloo")
    facts: dict[str, Any] = {}
    if plan.get("alone"):
        facts["alone"] = RankTraining({"folder": "/nowhere"}).alone().facts()
    with join(gladius.start(name="ranks", total_epochs=plan.get("epochs", EPOCHS))) as run:
        training = RankTraining({**plan, "poison": None} if run.resume_from else plan)
        getattr(training, plan.get("how", "under"))(run)
        facts.update(training.facts(), stopped=run.should_stop, released=run.released, save=run.stop_checkpoint)
    (Path(plan["folder"]) / f"rank-{rank}.json").write_text(json.dumps(facts))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
