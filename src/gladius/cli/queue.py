"""`gladius queue`: who waits for the machine, in which order. Upstream: the person. Downstream: client."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.markup import escape

from gladius.cli.connect import connected
from gladius.cli.output import Json, RunName, console, local_time, print_json, print_table
from gladius.units import duration, size
from gladius.wire.queue import GpuSlot, Occupant, QueueAnswer, Waiting

app = typer.Typer(help="Runs that wait for the machine.", invoke_without_command=True)


def add_to(parent: typer.Typer) -> None:
    """Add the verbs of the queue."""
    parent.add_typer(app, name="queue")


@app.callback()
def queue(context: typer.Context, as_json: Json = False) -> None:
    """List who runs and who waits."""
    if context.invoked_subcommand is None:
        list_queue(as_json)


@app.command("ls")
def list_queue(as_json: Json = False) -> None:
    """List who runs and who waits, the next one first."""
    with connected() as client:
        _show(client.queue(), as_json)


@app.command("move")
def move(
    run: RunName,
    position: Annotated[int, typer.Argument(min=1, metavar="POSITION", help="1 is next.")],
    as_json: Json = False,
) -> None:
    """Give a waiting run another place."""
    with connected() as client:
        _show(client.change_queue(run, position=position), as_json)


@app.command("priority", context_settings={"ignore_unknown_options": True})
def priority(
    run: RunName,
    number: Annotated[int, typer.Argument(min=-1000, max=1000, metavar="NUMBER", help="The higher one goes first.")],
    as_json: Json = False,
) -> None:
    """Give a waiting run another priority."""
    with connected() as client:
        _show(client.change_queue(run, priority=number), as_json)


@app.command("cancel")
def cancel(run: RunName, as_json: Json = False) -> None:
    """Cancel a waiting run: it ends without having started."""
    with connected() as client:
        _show(client.cancel_waiting(run), as_json)


def _show(found: QueueAnswer, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for one in found.running:
        console.print(f"[green]runs[/green]  {escape(one.name)}  [dim]{_room(one)}[/dim]")
    columns = ("", "run", "name", "profile", "dataset", "priority", "starts about")
    print_table(columns, map(_row, found.waiting), empty="Nobody waits.")
    slots = found.slots
    rooms = [_gpu(gpu) for gpu in slots.gpus] or [f"{slots.cpu_used} of {slots.cpu} places taken"]
    console.print(f"[dim]{'; '.join(rooms)}[/dim]")


def _row(one: Waiting) -> tuple[object, ...]:
    starts = "now" if one.state == "starting" else local_time(one.starts_at)
    return one.position, one.run_id, one.name, one.profile_id, one.dataset_id, one.priority, starts


def _room(one: Occupant) -> str:
    where = "" if one.gpus is None else f"GPU {', '.join(map(str, one.gpus))}"
    left = "" if one.ends_at is None else f"about {duration(max(0.0, one.ends_at - time.time()))} left"
    return "  ".join(part for part in (where, left) if part)


def _gpu(gpu: GpuSlot) -> str:
    taken = "taken" if gpu.reserved is None else f"{size(gpu.reserved)} reserved"
    return f"GPU {gpu.index}: {taken}{'' if gpu.memory is None else f' of {size(gpu.memory)}'}"
