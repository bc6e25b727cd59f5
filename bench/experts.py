"""What measuring experts takes of a step: their load and their attributed loss. Upstream: a real training. Downstream: rows."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from bench.rows import Row

STEPS, WARM_UP, LOG_EVERY = 240, 20, 10


def measure() -> list[Row]:
    """Train the demo's mixture of experts; all that the experts take is set against the rest of the very same steps."""
    import torch
    from transformers import Trainer, TrainingArguments

    from gladius.integrations.transformers import GladiusCallback
    from gladius.recipes.config import TinyMoeConfig
    from gladius.recipes.tiny_moe import make_model, make_tokenizer

    torch.manual_seed(0)
    tokenizer = make_tokenizer(["a few words to make a vocabulary of"], 300, 128)
    model = make_model(TinyMoeConfig(), tokenizer, 128)
    rows = [{"input_ids": (ids := torch.randint(7, len(tokenizer), (64,))), "labels": ids} for _ in range(256)]
    steps = _Steps()
    with tempfile.TemporaryDirectory() as folder, _timed_experts(steps):
        os.environ["GLADIUS_RUN_DIR"] = str(Path(folder) / "run")
        arguments = TrainingArguments(
            output_dir=folder, max_steps=STEPS, per_device_train_batch_size=8, logging_steps=LOG_EVERY, save_strategy="no",
            report_to=[], disable_tqdm=True, use_cpu=True, logging_nan_inf_filter=False,
        )  # fmt: skip
        trainer = Trainer(
            model=model, args=arguments, train_dataset=rows, callbacks=[GladiusCallback(), steps.callback()]
        )
        trainer.train()
        del os.environ["GLADIUS_RUN_DIR"]
    shares = steps.windows()
    how = (
        f"{len(shares)} windows of {LOG_EVERY} steps of the demo's mixture of experts (4 layers, 8 experts; median step "
        f"{1000 * median(steps.whole):.1f} ms): hooks, sums and the log of each window, of the rest of the same steps"
    )
    return [Row("load and loss of experts, of a step", "%", shares, 2, how=how)]


class _Steps:
    """How long each step was, and the part of it that the experts took."""

    def __init__(self) -> None:
        self.whole: list[float] = []
        self._experts: list[float] = []
        self._began = 0.0
        self._spent = 0.0

    def windows(self) -> list[float]:
        """The experts' part of the rest, in %, of each window from one log to the next."""
        starts = range(WARM_UP, len(self.whole) - LOG_EVERY + 1, LOG_EVERY)
        whole = [sum(self.whole[start : start + LOG_EVERY]) for start in starts]
        experts = [sum(self._experts[start : start + LOG_EVERY]) for start in starts]
        return [100 * part / (all_ - part) for part, all_ in zip(experts, whole, strict=True)]

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._spent += time.perf_counter() - began

        return call

    def next_step(self) -> None:
        now = time.perf_counter()
        if self._began:
            self.whole.append(now - self._began)
            self._experts.append(self._spent)
        self._began, self._spent = now, 0.0

    def callback(self) -> Any:
        from transformers import TrainerCallback

        steps = self

        class Cuts(TrainerCallback):
            def on_step_begin(self, *_: Any, **__: Any) -> None:
                steps.next_step()

        return Cuts()


@contextlib.contextmanager
def _timed_experts(steps: _Steps) -> Iterator[None]:
    """Time all that is done for experts; the whole of a log goes to their account, though it has other names too."""
    from gladius.integrations.router import RouterLoad
    from gladius.pulse.reporter import Run

    counter = RouterLoad._counter
    patched = {
        (RouterLoad, "_counter"): lambda self, layer: steps.timed(counter(self, layer)),
        (RouterLoad, "_end_pass"): steps.timed(RouterLoad._end_pass),
        (RouterLoad, "take"): steps.timed(RouterLoad.take),
        (Run, "log"): steps.timed(Run.log),
    }
    before = {(owner, name): getattr(owner, name) for owner, name in patched}
    for (owner, name), replacement in patched.items():
        setattr(owner, name, replacement)
    try:
        yield
    finally:
        for (owner, name), original in before.items():
            setattr(owner, name, original)
