"""The smallest training that has everything: dropout, batch norm, a schedule, live batches. For tests of the plain loop."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

from gladius.integrations.live_batches import LiveBatches
from gladius.integrations.torch_loop import TorchLoop
from gladius.pulse.control import Command, Mailbox, new_command_id
from gladius.pulse.events import EventReader
from gladius.pulse.rundir import RunDir

torch.set_num_threads(1)  # a model this small gains nothing from more, and spinning threads starve a busy machine

SAMPLES, BATCH, EPOCHS = 32, 4, 2
STEPS_PER_EPOCH = SAMPLES // BATCH


class Training:
    """A model, its data and its optimizer, all from seed 0; `losses` by step and `sizes` by batch once it trained."""

    def __init__(self, width: int = 8, batch_size: int = BATCH, live: bool = True, workers: int = 0) -> None:
        torch.manual_seed(0)
        inputs = torch.randn(SAMPLES, 6)
        self.data = TensorDataset(inputs, (inputs.sum(1, keepdim=True) > 0).float())
        self.model = torch.nn.Sequential(
            torch.nn.Linear(6, width), torch.nn.BatchNorm1d(width), torch.nn.Tanh(), torch.nn.Dropout(0.3),
            torch.nn.Linear(width, 1),
        )  # fmt: skip
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.05, weight_decay=0.1)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: min((step + 1) / 5, 1.0))
        self.batches = LiveBatches(self.data, batch_size, seed=3) if live else None
        self.loader = (
            DataLoader(self.data, batch_sampler=self.batches, num_workers=workers)
            if live
            else DataLoader(self.data, batch_size=batch_size, shuffle=True, num_workers=workers)
        )
        self.losses: dict[int, str] = {}
        self.rates: dict[int, float] = {}
        self.sizes: dict[int, int] = {}
        self.epochs_begun: list[int] = []
        self.poisoned: set[int] = set()
        self.splits: tuple[str, ...] = ("eval", "test")

    def loop(self, run: Any, **options: Any) -> TorchLoop:
        """Join it to a run."""
        settings = {"total_epochs": EPOCHS, "scheduler": self.scheduler, "batches": self.batches, "max_grad_norm": 1.0}
        loop = TorchLoop(run, self.model, self.optimizer, **{**settings, **options})
        loop.on_validate(self.evaluate, splits=self.splits)
        return loop

    def evaluate(self, split: str) -> dict[str, float]:
        """Draws from every generator that the training draws from, as an evaluation may."""
        assert not any(module.training for module in self.model.modules())
        torch.rand(3)
        total = 0.0
        for inputs, labels in DataLoader(self.data, batch_size=8, shuffle=split == "test"):
            total += float(self.loss(inputs, labels))
        return {"loss": total}

    def loss(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.binary_cross_entropy_with_logits(self.model(inputs), labels)

    def train(self, loop: TorchLoop, at: dict[int, Callable[[], object]] | None = None) -> Training:
        """Train to the end or to a stop; `at` maps a step to what happens in its body."""
        for epoch in loop.epochs():
            self.epochs_begun.append(epoch)
            for step, (inputs, labels) in loop.steps(self.loader):
                loss = self.loss(inputs, labels)
                if step in self.poisoned:
                    loss = loss * float("nan")
                loop.watch(loss)
                self.optimizer.zero_grad()
                loss.backward()
                loop.clip()
                if step not in self.poisoned:
                    self.optimizer.step()
                self.rates[step] = self.scheduler.get_last_lr()[0]
                self.scheduler.step()
                self.losses[step], self.sizes[step] = float(loss.detach()).hex(), len(inputs)
                if loop.due("log"):
                    loop.log({"train/loss": float(loss.detach())})
                if loop.due("evaluate"):
                    loop.evaluate()
                if at and step in at:
                    at[step]()
        return self


class Helm:
    """A person at the helm of a run in this process: orders, and reads the answers from the run's own stream."""

    def __init__(self, run: Any, until: Callable[..., Any]) -> None:
        self.dir: RunDir = run.dir
        self.attempt: int = run.attempt
        self._heart = run._heart
        self.until = until
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def order(self, command: str, **args: Any) -> Command:
        """Post a command and wait until it was accepted, so that it is obeyed at the very next boundary."""
        posted = Command(new_command_id(), command, self.attempt, args, issued_by="a test")
        Mailbox(self.dir.control).post(posted)
        # The promise is on the disk a moment before the loop can see the command.
        self.until(lambda: len(self.acks(posted)) > 1 or (self.acks(posted) and self._heart.loop.accepted))
        return posted

    def ask(self, command: str, **args: Any) -> dict[str, Any]:
        """Post a command and wait for its last answer: for use while the loop goes on elsewhere."""
        posted = self.order(command, **args)
        return self.until(lambda: [ack for ack in self.acks(posted) if ack["state"] != "accepted"])[0]

    def acks(self, command: Command) -> list[dict[str, Any]]:
        """The answers to one command."""
        return [ack for ack in self.events("ack") if ack["command_id"] == command.id]

    def answers(self) -> list[str]:
        """The states of all answers, in order."""
        return [ack["state"] for ack in self.events("ack")]

    def events(self, type_: str) -> list[dict[str, Any]]:
        """All events of a type."""
        return [event for event in EventReader(self.dir.events).read_all() if event["type"] == type_]

    def states(self) -> list[str]:
        """The states, in order."""
        return [event["state"] for event in self.events("state")]

    def metrics(self, name: str) -> dict[int, Any]:
        """Step -> value."""
        return {one["step"]: one["values"][name] for one in self.events("metrics") if name in one["values"]}

    def once_paused(self, *steps: Callable[[], Any]) -> None:
        """Do this in another thread when the loop holds, one after the other; `join` tells how it went."""

        def go() -> None:
            try:
                self.until(lambda: self.states()[-1] == "paused")
                for step in steps:
                    step()
            except BaseException as error:  # noqa: BLE001  (a failed assertion of pytest is one)
                self._failure = error
                with contextlib.suppress(BaseException):
                    self.order("stop", checkpoint=False)

        self._thread = threading.Thread(target=go)
        self._thread.start()

    def join(self) -> None:
        """Wait for the other thread, and fail where it failed."""
        assert self._thread is not None
        self._thread.join(30)
        if self._failure is not None:
            raise self._failure


def undisturbed(**options: Any) -> Training:
    """The same training, whole and alone, without any of this."""
    return alone(Training(**options))


def alone(training: Training) -> Training:
    """Train by torch alone."""
    for epoch in range(EPOCHS):
        if training.batches is not None:
            training.batches.set_epoch(epoch)
        for inputs, labels in training.loader:
            loss = training.loss(inputs, labels)
            training.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(training.model.parameters(), 1.0)
            training.optimizer.step()
            training.scheduler.step()
            training.losses[len(training.losses)] = float(loss.detach()).hex()
    return training
