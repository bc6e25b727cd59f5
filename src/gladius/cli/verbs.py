"""Which module has which verb, and the tree of them. Upstream: main. Downstream: the modules of this room."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

import gladius

ROOMS = {
    "up": ("up",),
    "train": ("train",),
    "demo": ("demo",),
    "run": ("run",),
    "watch": ("watch",),
    "attach": ("attach", "detach"),
    "look": ("ls", "show", "logs", "metrics", "history", "report"),
    "annotate": ("rename", "note", "rm", "tag", "trash"),
    "compare": ("compare",),
    "exports": ("export",),
    "flow": ("command", "flow"),
    "steer": ("pause", "stop", "checkpoint", "validate", "set"),
    "attempts": ("resume", "fork", "reload", "commands"),
    "alerts": ("alerts",),
    "doctor": ("doctor",),
    "users": ("audit", "user", "token"),
    "profiles": ("profile",),
    "datasets": ("dataset",),
    "index": ("index",),
    "presets": ("preset",),
    "queue": ("queue",),
    "env": ("env",),
    "pulse": ("pulse",),
}
"""The verbs that a module adds; what is not asked for is not loaded."""


def tree(words: Sequence[str] = ()) -> typer.Typer:
    """The tree that can do what the words of a command line ask for; every verb's where they name none that is known."""
    app = typer.Typer(
        name="gladius",
        help="Start, watch and steer model training. The console can die; your training goes on.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    verb = next((word for word in words if not word.startswith("-")), None)
    asked = [room for room, verbs in ROOMS.items() if verb in verbs]
    for room in asked or ROOMS:
        import_module(f"gladius.cli.{room}").add_to(app)
    app.command()(version)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


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


def version() -> None:
    """Print the version."""
    typer.echo(gladius.__version__)
