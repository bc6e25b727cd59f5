"""One run in each state that a console may be opened in, told event by event, with all that a rich page shows."""

from __future__ import annotations

import math
from typing import Any

from alert_story import Told, gpu
from watched_page import House
from written_run import Written

from gladius.pulse.identity import Identity

LAYERS, EXPERTS = 4, 8
STEPS = 120
ENDS: dict[str, tuple[str | None, str, dict[str, Any]]] = {
    "released": ("released", "released", {"code": 0}),
    "failed": ("error", "out_of_memory", {"code": 1}),
    "done": ("done", "finished", {"code": 0}),
}
STATES = ("running", "held", "released", "failed", "done", "uninstrumented")


def shares(layer: int, step: int) -> tuple[float, ...]:
    """The last layer has an expert without tokens, another one with few."""
    loads = [1 + 0.2 * math.sin(expert + layer + step / 9) for expert in range(EXPERTS)]
    if layer == LAYERS - 1:
        loads[2], loads[5] = 0.0, 0.4
    return tuple(load / sum(loads) for load in loads)


def tell_training(run: Told) -> None:
    """Losses, experts, evaluations, checkpoints, samples, the machine and the log."""
    run.trainer.write("config", {"config": {"learning_rate": 3e-4, "batch_size": 32, "optimizer": "adamw"}})
    with run.directory.console_log.open("a", encoding="utf-8") as log:
        for step in range(STEPS):
            log.write(f"[{('INFO', 'WARN', 'ERROR')[step % 3]}] Epoch {step // 40 + 1} | Batch {step} | Loss 2.1\n")
            values = {"train__loss": 4 * math.exp(-step / 60) + 1, "train__tokens_per_second": 2800.0 + step % 40}
            values |= {"train__learning_rate": 3e-4, "train__grad_norm": 1.1}
            if step % 40 == 39:
                values |= {"eval__loss": 2 - step / 200, "eval__accuracy": step / 200}
            run.metrics(step, step / 40, **values)
    run.experts(STEPS, *(shares(layer, STEPS) for layer in range(LAYERS)))
    for step in (40, 80):
        where = f"checkpoints/step-{step}"
        run.trainer.write(
            "checkpoint", {"step": step, "path": where, "kind": "auto", "bytes": 8_000_000, "manifest": "ab"}
        )
    run.sample(gpu(0, temperature=74.0), gpu(1, temperature=67.0), ram=0.4)


def told(house: House, state: str) -> str:
    """The id of a run in this state."""
    if state == "uninstrumented":
        return uninstrumented(house)
    run = house.run()
    model = {"name": "Tiny-MoE", "experts": EXPERTS, "active_experts": 2}
    who = {"run_id": run.directory.run_id, "pid": run.me.pid, "host": run.me.host, "total_epochs": 10.0}
    run.trainer.write("hello", {**who, "model": model, "steps_per_epoch": 40, "total_steps": 400, "samples": 12800})
    tell_training(run)
    if state == "held":
        run.state("paused")
    elif state in ENDS:
        ended, verdict, more = ENDS[state]
        run.state(str(ended)).exited(verdict, **more)
        if run.lock is not None:
            run.lock.release()
    return run.directory.run_id


def uninstrumented(house: House) -> str:
    """A program that says nothing of itself but its output."""
    me = Identity.of(house.spawn("sleep", "600").pid)
    assert me is not None
    run = Written(house.home, me, engine="script").begin(1).started()
    with run.directory.console_log.open("a", encoding="utf-8") as log:
        log.writelines(f"step {step} loss {1 / (step + 1):.3f}\n" for step in range(STEPS))
    return run.directory.run_id
