"""`gladius attach`: watch a status file that another program writes. Upstream: the person. Downstream: launch, client."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gladius.cli.connect import connected
from gladius.cli.output import Json, RunName, print_json
from gladius.cli.say import say
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import Home


def add_to(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(attach)
    app.command()(detach)


def attach(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A training_status.json (PULSE v1) on this machine.")],
    name: Annotated[str | None, typer.Option(help="The run's name; else its folder's.")] = None,
    as_json: Json = False,
) -> int:
    """Watch a training by its status file alone: state, epoch, loss and message, as a run that can be told nothing.

    Any file of yours will do; through the server only one in the home or in a folder of datasets.
    """
    from gladius.launch import attach as attaching

    home = Home()
    home.create()
    run = attaching.attach(home, path, name)
    if as_json:
        print_json({"run_id": run.run_id})
    else:
        say(run.run_id)
    if not is_held(home.server_lock):
        say("gladius: it is followed while a console server runs; 'gladius up' starts one.", err=True)
    return 0


def detach(run: RunName, as_json: Json = False) -> int:
    """Watch a status file no more; what was seen of it stays."""
    with connected() as client:
        answer = client.detach(client.run(run).summary().run_id)
    if as_json:
        print_json(answer)
    else:
        say(f"{answer.run_id}: watched no more")
    return 0
