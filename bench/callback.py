"""What GladiusCallback takes from each step of a Hugging Face Trainer. Upstream: a real training. Downstream: rows."""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.rows import Row

STEPS, WARM_UP, LOG_EVERY = 120, 20, 10
STEP_MS = 50.0
_EVENTS = ("on_step_begin", "on_step_end", "on_log")


def measure() -> list[Row]:
    """Train the demo's mixture of experts, and time all that runs for us: events, model hooks, logging."""
    import torch
    from transformers import Trainer, TrainingArguments

    from gladius.recipes.config import TinyMoeConfig
    from gladius.recipes.tiny_moe import make_model, make_tokenizer

    torch.manual_seed(0)
    tokenizer = make_tokenizer(["a few words to make a vocabulary of"], 300, 128)
    model = make_model(TinyMoeConfig(), tokenizer, 128)
    rows = [{"input_ids": (ids := torch.randint(7, len(tokenizer), (64,))), "labels": ids} for _ in range(256)]
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GLADIUS_RUN_DIR"] = str(Path(folder) / "run")
        arguments = TrainingArguments(
            output_dir=folder, max_steps=STEPS, per_device_train_batch_size=8, logging_steps=LOG_EVERY, save_strategy="no",
            report_to=[], disable_tqdm=True, use_cpu=True, logging_nan_inf_filter=False,
        )  # fmt: skip
        Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[_timed_callback(clock)]).train()
        del os.environ["GLADIUS_RUN_DIR"]
    ours_ms = clock.per_step[WARM_UP:]
    how = f"{len(ours_ms)} steps of the demo's mixture of experts: events and hooks, the loop's thread, a log each {LOG_EVERY}"
    mean = sum(ours_ms) / len(ours_ms)
    return [
        Row("GladiusCallback per step", "ms", ours_ms, None, how=how),
        Row("GladiusCallback of a 50 ms step", "%", [100 * mean / STEP_MS], 1, how=f"mean of {how}"),
    ]


class _Clock:
    """Seconds that the loop's thread computed for us, cut into steps: what other programs do meanwhile is not counted."""

    def __init__(self) -> None:
        self.per_step: list[float] = []
        self._spent = 0.0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                self._spent += time.thread_time() - start

        return call

    def next_step(self) -> None:
        self.per_step.append(self._spent * 1000)
        self._spent = 0.0


def _timed_callback(clock: _Clock) -> Any:
    from gladius.integrations.transformers import GladiusCallback

    class Timed(GladiusCallback):
        def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
            with _timed_hooks(clock):
                super().on_train_begin(*args, **kwargs)

    callback = Timed()
    for name in _EVENTS:
        setattr(callback, name, clock.timed(getattr(callback, name)))
    begin = callback.on_step_begin

    def on_step_begin(*args: Any, **kwargs: Any) -> None:
        clock.next_step()
        begin(*args, **kwargs)

    setattr(callback, "on_step_begin", on_step_begin)  # noqa: B010
    return callback


@contextlib.contextmanager
def _timed_hooks(clock: _Clock) -> Iterator[None]:
    """Time the hooks that are put on modules meanwhile."""
    import torch

    names = ("register_forward_hook", "register_forward_pre_hook")
    before = {name: getattr(torch.nn.Module, name) for name in names}

    def register(module: Any, hook: Any, *args: Any, _original: Any, **kwargs: Any) -> Any:
        return _original(module, clock.timed(hook), *args, **kwargs)

    for name, original in before.items():
        setattr(torch.nn.Module, name, functools.partialmethod(register, _original=original))
    try:
        yield
    finally:
        for name, original in before.items():
            setattr(torch.nn.Module, name, original)
