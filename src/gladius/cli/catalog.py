"""`gladius dataset`. Upstream: the person. Downstream: client."""

from __future__ import annotations

from typing import Annotated

import typer

from gladius.cli.connect import connected
from gladius.cli.output import Json, print_list, print_one
from gladius.units import size

datasets = typer.Typer(help="What runs can train on.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID")]


@datasets.command("ls")
def list_datasets(as_json: Json = False) -> None:
    """List the datasets; a broken one says what is wrong with it."""
    with connected() as client:
        found = client.datasets()
    columns = ("dataset", "format", "records", "size", "")
    print_list(
        found, as_json, columns, lambda d: (d.id, d.format, d.records, size(d.bytes), d.problem or d.description),
        empty="No datasets.",
    )  # fmt: skip


@datasets.command("show")
def show_dataset(dataset: Id, as_json: Json = False) -> None:
    """Show one dataset."""
    with connected() as client:
        found = client.dataset(dataset)
    print_one(found, as_json)
