"""A small model really trained, that starts in a blink and obeys every command: what the proofs of steering steer.

    python tiny_trainer.py tiny.json [STEPS]

Logistic regression by gradient descent with momentum and a decaying rate. Its batches come from numpy's global random
generator, and so do the rows that it validates on: losses are a function of the accepted changes alone only if nothing
that is done in between leaves a trace. Gates are files beside the configuration: while `<name>.gate` is there the trainer
waits at that place, and says so by `<name>.waits`.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import gladius

DEFAULTS = {"train.learning_rate": 0.1, "train.weight_decay": 0.01, "train.batch_size": 16}
STEPS_PER_EPOCH = 1000
STEP_S = 0.004
ROWS, FEATURES = 512, 8
STATE = "state.npz"
RATES = "rates.json"
JOURNAL = "journal.jsonl"


class Model:
    """The weights, the optimizer and the random state. `step` is the whole training."""

    def __init__(self, config: dict[str, Any], random: Any = np.random) -> None:
        made = np.random.default_rng(7)
        truth = made.normal(size=FEATURES)
        self.data = {split: made.normal(size=(ROWS, FEATURES)) for split in ("train", "eval", "test")}
        noise = {split: made.normal(size=ROWS) for split in self.data}
        self.labels = {split: (rows @ truth + noise[split] > 0).astype(float) for split, rows in self.data.items()}
        self.weights, self.momentum = np.zeros(FEATURES), np.zeros(FEATURES)
        self.learning_rate = float(config["train.learning_rate"])
        self.weight_decay = float(config["train.weight_decay"])
        self.batch_size = int(config["train.batch_size"])
        self.random = random
        random.seed(11)

    def step(self, step: int) -> float:
        """Take one step of gradient descent; return the loss before it."""
        chosen = self.random.randint(0, ROWS, self.batch_size)
        rows, labels = self.data["train"][chosen], self.labels["train"][chosen]
        guessed = 1 / (1 + np.exp(-(rows @ self.weights)))
        loss = _log_loss(guessed, labels) + 0.5 * self.weight_decay * float(self.weights @ self.weights)
        slope = rows.T @ (guessed - labels) / len(labels) + self.weight_decay * self.weights
        self.momentum = 0.9 * self.momentum + slope
        self.weights = self.weights - self.rate(step) * self.momentum
        return loss

    def rate(self, step: int) -> float:
        """The rate of a step: the peak, which people set, decays."""
        return self.learning_rate * 0.999**step

    def evaluate(self, split: str) -> dict[str, float]:
        """Loss and accuracy on half of a split's rows, drawn anew each time."""
        chosen = self.random.randint(0, ROWS, ROWS // 2)
        labels = self.labels[split][chosen]
        guessed = 1 / (1 + np.exp(-(self.data[split][chosen] @ self.weights)))
        return {"loss": _log_loss(guessed, labels), "accuracy": float(np.mean((guessed > 0.5) == labels))}

    def save(self, folder: Path, step: int, gate: Any = lambda name: None) -> None:
        """Write everything that the next step depends on."""
        name, keys, position, has_gauss, cached = self.random.get_state()
        with open(folder / STATE, "wb") as file:
            np.savez(file, weights=self.weights, momentum=self.momentum, keys=keys)
        gate("save")
        rates = {"learning_rate": self.learning_rate, "weight_decay": self.weight_decay, "batch_size": self.batch_size}
        random = [name, position, has_gauss, cached]
        (folder / RATES).write_text(json.dumps({**rates, "step": step, "random": random}))

    def load(self, folder: Path) -> int:
        """Go on from what `save` wrote; return the last step."""
        arrays, rates = np.load(folder / STATE), json.loads((folder / RATES).read_text())
        self.weights, self.momentum = arrays["weights"], arrays["momentum"]
        name, position, has_gauss, cached = rates["random"]
        self.random.set_state((name, arrays["keys"], position, has_gauss, cached))
        self.learning_rate, self.weight_decay = rates["learning_rate"], rates["weight_decay"]
        self.batch_size = rates["batch_size"]
        return int(rates["step"])


class Journal:
    """What this process knows that it did, with the kernel when `note` returns; nothing of Gladius is used to keep it."""

    def __init__(self) -> None:
        self._file, self._attempt = -1, 0

    def open(self, run: Any) -> None:
        if os.environ.get("TINY_JOURNAL") and run.active:
            self._attempt = run.attempt
            self._file = os.open(run.dir.root / JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, *words: Any) -> None:
        if self._file >= 0:
            os.write(self._file, json.dumps([self._attempt, *words]).encode() + b"\n")


def _log_loss(guessed: Any, labels: Any) -> float:
    guessed = np.clip(guessed, 1e-12, 1 - 1e-12)
    return float(-np.mean(labels * np.log(guessed) + (1 - labels) * np.log(1 - guessed)))


def main(config_file: Path, steps: int) -> None:
    """Train under Gladius until `steps`, or until told otherwise."""

    journal = Journal()

    def gate(name: str) -> None:
        closed, waits = config_file.with_name(f"{name}.gate"), config_file.with_name(f"{name}.waits")
        if closed.exists():
            waits.touch()
            while closed.exists():
                time.sleep(0.002)
            waits.unlink(missing_ok=True)

    def read_config() -> dict[str, Any]:
        return {**DEFAULTS, **json.loads(config_file.read_text())}

    def evaluate(split: str) -> dict[str, float]:
        gate("validate")
        return model.evaluate(split)

    def setter(name: str) -> Any:
        def change(value: Any) -> None:
            setattr(model, name, value)
            journal.note("set", name, value)

        return change

    def save(folder: Path) -> None:
        model.save(folder, run.last_step or 0, gate)
        journal.note("saved", run.last_step or 0)

    model = Model(read_config())
    with gladius.start(total_epochs=steps / STEPS_PER_EPOCH, steps_per_epoch=STEPS_PER_EPOCH) as run:
        journal.open(run)
        first = 0
        if run.resume_from:
            last = model.load(Path(run.resume_from))
            run.resumed(run.resume_from, last)
            first = last + 1
        # The one thing that cannot change while it trains: an attempt is started with it.
        model.batch_size = int(run.overrides.get("train.batch_size", model.batch_size))
        contents = ("model", "optimizer", "scheduler", "random_states", "data_position", "counters")
        run.on("checkpoint", save, keep_last=3, contents=contents)
        run.on("validate", evaluate, splits=("eval", "test"))
        run.on("reload_config", read_config)
        for name, low, high, applies in (
            ("learning_rate", 0, 1, "live"),
            ("weight_decay", 0, None, "live"),
            ("batch_size", 1, None, "restart"),
        ):
            get = lambda name=name: getattr(model, name)  # noqa: E731
            run.adjustable(name, get=get, set=setter(name), min=low, max=high, applies=applies, key=f"train.{name}")
        for step, _ in run.steps(itertools.repeat(None, steps - first)):
            gate("step")
            loss = model.step(step)
            run.log({"train/loss": loss, "train/learning_rate": model.rate(step)})
            journal.note("logged", step)
            print(f"step {step} loss {loss:.4f}", flush=True)
            time.sleep(STEP_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
