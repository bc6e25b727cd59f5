"""Show a probe while it goes on, and what it measured. Upstream: `gladius train --probe`. Downstream: client."""

from __future__ import annotations

import time

from gladius.cli.output import console, errors, print_facts, print_json
from gladius.cli.say import say
from gladius.client import Client
from gladius.units import duration, size
from gladius.wire.catalog import StartRequest
from gladius.wire.probe import ProbeAnswer


def probe(client: Client, asked: StartRequest, as_json: bool) -> int:
    """Run a probe, Ctrl+C cancels it; 0 when it took a step and would fit."""
    said = ""

    def tell(found: ProbeAnswer) -> None:
        nonlocal said
        line = f"step {found.steps} of {found.steps_wanted}" if found.steps else found.message or "starting"
        if line != said:
            errors.print(f"probe: {line}", markup=False)
            said = line

    found = client.probe(
        asked.profile_id, asked.dataset_id, asked.epochs, asked.overrides, asked.preset_id, progress=tell
    )
    if as_json:
        print_json(found)
    else:
        _show(found)
    return 0 if found.state == "done" and found.fits is not False else 1


def _show(found: ProbeAnswer) -> None:
    if found.state != "done":
        say(f"{found.state}: {found.error or 'it was cancelled'}")
        if found.last_words:
            console.print(found.last_words, markup=False, highlight=False)
    fits = {True: "yes", False: "no", None: None}[found.fits]
    facts: list[tuple[str, object]] = [
        ("fits", fits),
        ("memory at most", _of(size(found.peak_memory), size(found.free_memory))),
        *((f"GPU {one.index} at most", _of(size(one.peak), size(one.free))) for one in found.gpus),
        ("steps taken", found.steps),
        ("first step after", _seconds(found.first_step_seconds)),
        ("a step", _seconds(found.step_seconds)),
        ("steps of the run", found.total_steps),
        ("the run takes about", duration(found.duration)),
    ]
    if found.duration is not None:
        ends = time.strftime("%Y-%m-%d %H:%M", time.localtime(time.time() + found.duration))
        facts.append(("started now it ends about", f"{ends}, without evaluations and checkpoints"))
    print_facts(facts)


def _of(peak: str | None, free: str | None) -> str | None:
    return None if peak is None else peak if free is None else f"{peak} of {free} free"


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g} s"
