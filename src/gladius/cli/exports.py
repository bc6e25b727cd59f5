"""The verb that takes a run away: export. Upstream: the person. Downstream: client."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from gladius.cli.connect import connected
from gladius.cli.output import Json, RunName, print_json
from gladius.cli.say import say
from gladius.errors import ConfigError
from gladius.wire.exports import ExportFormat

_FORMATS = get_args(ExportFormat)
_LATER = ("parquet", "tensorboard", "mlflow", "wandb")


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(export)


def export(
    run: RunName,
    format: Annotated[
        str, typer.Option(help=f"{', '.join(_FORMATS)}; several separated by commas. zip holds everything.")
    ] = "csv",
    output: Annotated[Path | None, typer.Option(help="A file, or a folder; default the current one.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a run into files: every point in full precision, never decimated."""
    wanted = _formats(format)
    if output is not None and len(wanted) > 1 and not output.is_dir():
        raise ConfigError(
            f"{output} is no folder, and {len(wanted)} formats are {len(wanted)} files.",
            "Make the folder, or leave --output out.",
        )
    if output is not None and not output.is_dir() and output.exists() and not force:
        raise ConfigError(f"{output} exists already.", "--force replaces it.")
    with connected() as client:
        handle = client.run(run)
        files: list[Path] = []
        for one in wanted:
            try:
                files.append(handle.export(one, output, force))
            except FileExistsError as error:
                raise ConfigError(f"{error.filename} exists already.", "--force replaces it.") from error
            if not as_json:
                say(str(files[-1]))
        run_id = handle.id if as_json else None
    if as_json:
        print_json({"run_id": run_id, "files": [str(file.resolve()) for file in files]})


def _formats(text: str) -> list[ExportFormat]:
    """The formats named, each once; a wrong one is told before anything is written."""
    words = list(dict.fromkeys(word.strip().lower() for word in text.split(",") if word.strip()))
    for word in words or [text]:
        if word not in _FORMATS:
            not_yet = f"Export as '{word}' is not there yet." if word in _LATER else f"'{word}' is no format."
            raise ConfigError(not_yet, f"There is: {', '.join(_FORMATS)}.", "format")
    return cast(list[ExportFormat], words)
