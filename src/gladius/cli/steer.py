"""The verbs that steer: pause, resume, stop. Upstream: the person. Downstream: client, and so the trainer's mailbox."""

from __future__ import annotations

from typing import Annotated

import typer

from gladius.cli.connect import connected
from gladius.cli.output import Json, RunName, print_json
from gladius.client.run import RunHandle
from gladius.wire.runs import CommandRecord

NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait for the trainer's answer.")]


def add_to(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    for verb in (pause, resume, stop):
        app.command()(verb)


def pause(
    run: RunName,
    release: Annotated[bool, typer.Option("--release", help="Leave the memory too; resumable.")] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> int:
    """Hold a training at its next step, its memory kept."""
    with connected() as client:
        handle = client.run(run)
        return _tell(handle, handle.pause(release, wait=not no_wait), as_json)


def resume(run: RunName, no_wait: NoWait = False, as_json: Json = False) -> int:
    """Let a held training go on."""
    with connected() as client:
        handle = client.run(run)
        return _tell(handle, handle.resume(wait=not no_wait), as_json)


def stop(
    run: RunName,
    no_checkpoint: Annotated[bool, typer.Option("--no-checkpoint", help="Save nothing.")] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> int:
    """End a training, by default after a final checkpoint."""
    with connected() as client:
        handle = client.run(run)
        return _tell(handle, handle.stop(checkpoint=not no_checkpoint, wait=not no_wait), as_json)


def _tell(run: RunHandle, answer: CommandRecord | str, as_json: bool) -> int:
    """Print what became of a command; exit 0 only when the trainer did it (or nobody waited)."""
    if isinstance(answer, str):
        if as_json:
            print_json({"run_id": run.id, "command_id": answer, "state": "requested"})
        else:
            typer.echo(f"requested ({answer})")
        return 0
    if as_json:
        print_json(answer)
    else:
        where = f" at step {answer.step}" if answer.step is not None else ""
        typer.echo(f"{answer.state}{where}{': ' + answer.detail if answer.detail else ''}")
    return 0 if answer.state == "applied" else 1
