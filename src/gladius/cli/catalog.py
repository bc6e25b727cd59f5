"""`gladius profile` and `gladius dataset`. Upstream: the person. Downstream: client."""

from __future__ import annotations

from typing import Annotated

import typer

from gladius.cli.connect import connected
from gladius.cli.output import Json, print_facts, print_json, print_table, size

profiles = typer.Typer(help="Named ways to train.", no_args_is_help=True)
datasets = typer.Typer(help="What runs can train on.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID")]


@profiles.command("ls")
def list_profiles(as_json: Json = False) -> None:
    """List the profiles; a broken one says what is wrong with it."""
    with connected() as client:
        found = client.profiles()
    if as_json:
        print_json(found)
        return
    rows = [(p.id, p.engine, f"{p.default_epochs:g}", p.problem or p.description) for p in found]
    print_table(("profile", "engine", "epochs", ""), rows, empty="No profiles.")


@profiles.command("show")
def show_profile(profile: Id, as_json: Json = False) -> None:
    """Show one profile."""
    with connected() as client:
        found = client.profile(profile)
    if as_json:
        print_json(found)
        return
    print_facts(found.model_dump(mode="json").items())


@datasets.command("ls")
def list_datasets(as_json: Json = False) -> None:
    """List the datasets; a broken one says what is wrong with it."""
    with connected() as client:
        found = client.datasets()
    if as_json:
        print_json(found)
        return
    rows = [(d.id, d.format, d.records, size(d.bytes), d.problem or d.description) for d in found]
    print_table(("dataset", "format", "records", "size", ""), rows, empty="No datasets.")


@datasets.command("show")
def show_dataset(dataset: Id, as_json: Json = False) -> None:
    """Show one dataset."""
    with connected() as client:
        found = client.dataset(dataset)
    if as_json:
        print_json(found)
        return
    print_facts(found.model_dump(mode="json").items())
