"""Every verb, in one tree. Upstream: main, which loads it. Downstream: the modules of this room."""

from __future__ import annotations

import logging
import os
from typing import Annotated

import typer

import gladius
from gladius.cli import (
    alerts,
    annotate,
    attach,
    attempts,
    compare,
    datasets,
    demo,
    doctor,
    env,
    exports,
    flow,
    index,
    look,
    presets,
    profiles,
    pulse,
    queue,
    run,
    serve,
    steer,
    users,
    watch,
)

app = typer.Typer(
    name="gladius",
    help="Start, watch and steer model training. The console can die; your training goes on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (
    serve,
    demo,
    run,
    watch,
    attach,
    look,
    annotate,
    compare,
    exports,
    flow,
    steer,
    attempts,
    alerts,
    doctor,
    users,
):
    room.add_to(app)
app.add_typer(profiles.app, name="profile")
app.add_typer(datasets.datasets, name="dataset")
app.add_typer(index.app, name="index")
app.add_typer(presets.app, name="preset")
app.add_typer(queue.app, name="queue")
app.add_typer(flow.app, name="flow")
app.add_typer(env.app, name="env")
app.add_typer(pulse.app, name="pulse")
app.add_typer(users.users, name="user")
app.add_typer(users.tokens, name="token")


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and log what happens.")] = False,
    _: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Options of every verb."""
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, format="%(name)s: %(message)s")
    if debug:
        os.environ["GLADIUS_DEBUG"] = "1"


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(gladius.__version__)
