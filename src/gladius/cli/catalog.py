"""`gladius profile` and `gladius dataset`. Upstream: the person. Downstream: client."""

from __future__ import annotations

from typing import Annotated

import typer

from gladius.cli.connect import connected
from gladius.cli.output import Json, print_list, print_one
from gladius.units import size

profiles = typer.Typer(help="Named ways to train.", no_args_is_help=True)
datasets = typer.Typer(help="What runs can train on.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID")]


@profiles.command("ls")
def list_profiles(as_json: Json = False) -> None:
    """List the profiles; a broken one says what is wrong with it."""
    with connected() as client:
        found = client.profiles()
    columns = ("profile", "engine", "epochs", "")
    print_list(
        found, as_json, columns, lambda p: (p.id, p.engine, f"{p.default_epochs:g}", p.problem or p.description),
        empty="No profiles.",
    )  # fmt: skip


@profiles.command("show")
def show_profile(profile: Id, as_json: Json = False) -> None:
    """Show one profile."""
    with connected() as client:
        found = client.profile(profile)
    print_one(found, as_json)


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
