"""`gladius watch`: make a run of a training that was started elsewhere. Upstream: the person. Downstream: integrations."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gladius.cli.say import say
from gladius.integrations.llama_factory_log import Watched
from gladius.pulse.rundir import Home


class Trainer(StrEnum):
    """Whose log it is."""

    LLAMA_FACTORY = "llama-factory"


def add_to(app: typer.Typer) -> None:
    """Add the verb `watch`."""
    app.command()(watch)


def watch(
    _trainer: Annotated[Trainer, typer.Argument(metavar="TRAINER", help="llama-factory.")],
    folder: Annotated[Path, typer.Argument(metavar="OUTPUT_DIR", help="The folder that its trainer_log.jsonl is in.")],
    name: Annotated[str | None, typer.Option(help="The run's name; else the folder's.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Take what is there now, and leave.")] = False,
) -> int:
    """Watch a training that was started elsewhere, by the log it writes. It can be looked at and told nothing."""
    home = Home()
    home.create()
    watched = Watched(home, folder, name)
    say(f"gladius: run {watched.run.run_id}, read from {folder / 'trainer_log.jsonl'}", err=True)
    ended = watched.follow(once)
    if watched.passed_over:
        say(f"gladius: {watched.passed_over} lines were none of LLaMA-Factory's", err=True)
    say(f"gladius: {'the training has ended' if ended else 'its log does not say that it has ended'}", err=True)
    return 0
