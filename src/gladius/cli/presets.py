"""`gladius preset`: settings under a name. Upstream: the person. Downstream: client."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gladius.catalog.presets import id_of
from gladius.cli.connect import connected
from gladius.cli.output import Json, print_json, print_list, print_one
from gladius.cli.say import say
from gladius.cli.settings import Settings, pairs
from gladius.errors import ConfigError
from gladius.wire.presets import PresetRequest

app = typer.Typer(help="Settings under a name, to start runs with.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID")]


def add_to(parent: typer.Typer) -> None:
    """Add the verbs of presets."""
    parent.add_typer(app, name="preset")


@app.command("ls")
def list_presets(as_json: Json = False) -> None:
    """List the presets; a broken one says what is wrong with it."""
    with connected() as client:
        found = client.presets()
    columns = ("preset", "for", "settings", "")
    print_list(
        found, as_json, columns, lambda p: (p.id, p.profile or p.engine, len(p.values), p.problem or p.description),
        empty="No presets.",
    )  # fmt: skip


@app.command("show")
def show_preset(preset: Id, as_json: Json = False) -> None:
    """Show one preset and its settings."""
    with connected() as client:
        found = client.preset(preset)
    facts = found.model_dump(mode="json", exclude={"values"})
    print_one(found, as_json, [*facts.items(), *found.values.items()])


@app.command("add")
def add_preset(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    settings: Settings = None,
    file: Annotated[Path | None, typer.Option("--from", help="A YAML file with the settings.")] = None,
    description: Annotated[str, typer.Option(help="What it is good for.")] = "",
    engine: Annotated[str, typer.Option(help="Of the profiles that it fits.")] = "transformers",
    profile: Annotated[str | None, typer.Option(help="Only for this profile.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write over one of that id.")] = False,
    as_json: Json = False,
) -> None:
    """Keep settings under a name: those of a file, and each --set."""
    # It brings the store along, which no other verb of this room needs.
    from gladius.store.record import load_yaml

    values = {**(load_yaml(file) if file is not None else {}), **pairs(settings)}
    if not values:
        raise ConfigError("A preset holds at least one setting.", "Add --set KEY=VALUE, or --from FILE.")
    wanted = PresetRequest(name=name, description=description, engine=engine, profile=profile, values=values)
    with connected() as client:
        found = client.save_preset(wanted, replace=id_of(name) if replace else None)
    if as_json:
        print_json(found)
    else:
        say(found.id)


@app.command("rm")
def remove_preset(preset: Id) -> None:
    """Delete one of your own presets."""
    with connected() as client:
        client.remove_preset(preset)
