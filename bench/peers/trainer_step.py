"""A real training that logs each step through one program, or through none: seconds of each step. Upstream: an order, torch.

Runs in the program's interpreter, with our environment behind its own on the path, for torch and the built-in model.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

THREADS = 1


def main(order: dict[str, Any]) -> None:
    """Train in blocks of steps, every other block with a log call behind each step; which comes first is changed, too.

    Told are the seconds of each pair of blocks, and for each logged step those within its call (`in_calls`) and those that
    the process's other threads computed meanwhile (`beside`), in bare blocks too: what they do is done whenever they come to it.
    """
    import client  # beside this file

    os.environ.update(client.QUIET, OMP_NUM_THREADS=str(THREADS))
    os.chdir(order["folder"])
    log, finish, _run = client.CLIENTS[order["peer"]](order["folder"])
    sys.path += order["path"]
    step = _training()
    for _ in range(order["warm_up"]):
        log(_values(step(), 0), 0)
    number, pairs, in_calls, logged = 0, [], 0.0, 0
    beside = time.process_time() - time.thread_time()
    for turn in range(order["pairs"]):
        took = {}
        for logging in (True, False) if turn % 2 else (False, True):
            began = time.perf_counter()
            for _ in range(order["steps"]):
                number += 1
                loss = step()
                if logging:
                    values, logged = _values(loss, number), logged + 1
                    called = time.perf_counter()
                    log(values, number)
                    in_calls += time.perf_counter() - called
            took[logging] = time.perf_counter() - began
        pairs.append([took[True], took[False]])
    beside = time.process_time() - time.thread_time() - beside
    finish()
    with open(order["out"], "w", encoding="utf-8") as file:
        json.dump({"pairs": pairs, "in_calls": in_calls / logged, "beside": beside / logged}, file)


def _values(loss: float, step: int) -> dict[str, float]:
    from client import NAMES

    return {**{name: (step * 0.001 + place * 0.37) % 3.1415926 for place, name in enumerate(NAMES)}, "train/loss": loss}


def _training() -> Any:
    """The demo's mixture of experts on random words; a call takes one step and returns the loss."""
    import torch

    from gladius.recipes.config import TinyMoeConfig
    from gladius.recipes.tiny_moe import make_model, make_tokenizer

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    tokenizer = make_tokenizer(["a few words to make a vocabulary of"], 300, 128)
    model = make_model(TinyMoeConfig(), tokenizer, 128)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    words = torch.randint(7, len(tokenizer), (64, 4, 32))
    taken = 0

    def step() -> float:
        nonlocal taken
        batch = words[taken % len(words)]
        taken += 1
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return float(loss)

    return step


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
