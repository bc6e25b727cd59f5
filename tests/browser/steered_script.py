"""A small training that obeys every command, standard library and YAML alone: what the browser tests steer.

    python steered_script.py RUN_DIR PAUSE_S [WEIGHT_BYTES]

It finds the minimum of a parabola by gradient descent. What it is told it does: rate and decay while it runs, the batch
size at a restart, the files of a checkpoint are as large as asked. While there is a file `gate` in its run directory, a
save or a validation that has begun does not end.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

import gladius

STEPS_PER_EPOCH = 500


def read_config(run_dir: Path) -> dict[str, Any]:
    """The configuration as the editable file says it now, dotted keys."""
    data = YAML(typ="safe").load((run_dir / "config.yaml").read_text(encoding="utf-8"))
    return {f"{section}.{key}": value for section, keys in data.items() for key, value in keys.items()}


def pass_gate(run_dir: Path) -> None:
    """Wait as long as the test wants."""
    while (run_dir / "gate").exists():
        time.sleep(0.01)


class Training:
    """The position on the parabola, and what may be changed of it."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.position = 6.0
        self.learning_rate = float(config["train.learning_rate"])
        self.weight_decay = float(config["train.weight_decay"])
        self.schedule = "constant"
        self.batch_size = int(config["train.batch_size"])
        self.eval_every = int(config["train.eval_steps"])

    def loss(self) -> float:
        return (self.position - 1.0) ** 2 + 0.5

    def step(self) -> float:
        self.position -= self.learning_rate * (2 * (self.position - 1.0) + self.weight_decay * self.position)
        return self.loss()

    def evaluate(self, split: str) -> dict[str, float]:
        return {"loss": self.loss() + (0.1 if split == "eval" else 0.2), "accuracy": 1 / (1 + self.loss())}


def main(run_dir: Path, pause: float, weight_bytes: int) -> None:
    training = Training(read_config(run_dir))
    with gladius.start(
        total_epochs=40, steps_per_epoch=STEPS_PER_EPOCH, total_steps=40 * STEPS_PER_EPOCH, samples=8000
    ) as run:
        first = 0
        if run.resume_from:
            saved = json.loads((Path(run.resume_from) / "state.json").read_text())
            training.position, training.learning_rate = saved["position"], saved["learning_rate"]
            run.resumed(run.resume_from, saved["step"])
            first = saved["step"] + 1
        training.batch_size = int(run.overrides.get("train.batch_size", training.batch_size))

        def save(folder: Path) -> None:
            state = {"step": run.last_step, "position": training.position, "learning_rate": training.learning_rate}
            (folder / "state.json").write_text(json.dumps(state))
            (folder / "weights.bin").write_bytes(bytes(weight_bytes))
            pass_gate(run_dir)

        def validate(split: str) -> dict[str, float]:
            pass_gate(run_dir)
            place = f"The minimum is near {training.position:.2f}, says step {run.last_step}."
            run.sample(
                run.last_step or 0,
                [{"prompt": prompt, "output": place} for prompt in ("Where is it?", "How far is it?")],
            )
            return training.evaluate(split)

        run.on("checkpoint", save, keep_last=5, contents=("model", "optimizer", "counters"))
        run.on("validate", validate, splits=("eval", "test"))
        run.on("reload_config", lambda: read_config(run_dir))
        for name, low, high, applies, label in (
            ("learning_rate", 0, 1, "live", "peak learning rate"),
            ("weight_decay", 0, None, "live", ""),
            ("batch_size", 1, 512, "restart", ""),
            ("schedule", None, None, "restart", ""),
        ):
            run.adjustable(
                name,
                get=lambda name=name: getattr(training, name),
                set=lambda value, name=name: setattr(training, name, value),
                min=low, max=high, applies=applies, key=f"train.{name}", label=label,
            )  # fmt: skip
        for step, _ in run.steps(itertools.repeat(None, 40 * STEPS_PER_EPOCH - first)):
            loss = training.step()
            run.log(
                {"train/loss": loss, "train/learning_rate": training.learning_rate}, tokens=64 * training.batch_size
            )
            if step % training.eval_every == training.eval_every - 1:
                run.log({f"eval/{name}": value for name, value in training.evaluate("eval").items()})
            print(f"step {step} loss {loss:.4f}", flush=True)
            time.sleep(pause)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1000)
