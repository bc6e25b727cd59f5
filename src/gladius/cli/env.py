"""`gladius env`: Python environments of trainers that cannot share Gladius' own. Upstream: the person. Downstream: launch."""

from __future__ import annotations

from typing import Annotated

import typer

from gladius.catalog.environments import Environment, Environments, Variant
from gladius.cli.output import Json, local_time, print_json, print_table
from gladius.cli.say import say
from gladius.launch.environment import create
from gladius.pulse.rundir import Home

app = typer.Typer(help="Python environments of trainers that need one of their own.", no_args_is_help=True)

_SHOWN = ("llamafactory", "torch", "transformers")


def add_to(parent: typer.Typer) -> None:
    """Add the verbs of environments."""
    parent.add_typer(app, name="env")


@app.command("create")
def create_environment(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What 'gladius env list' names: llama-factory.")],
    cuda: Annotated[
        bool | None,
        typer.Option("--cuda/--cpu", help="PyTorch for NVIDIA's GPUs, or for the CPU; as it is there, else the CPU."),
    ] = None,
) -> None:
    """Make an environment from its tested recipe; one that is there only gets this Gladius' own part anew."""
    variant: Variant | None = None if cuda is None else "cuda" if cuda else "cpu"
    made = create(Home(), name, variant, lambda text: say(text, err=True))
    say(str(made.python))


@app.command("list")
def list_environments(as_json: Json = False) -> None:
    """List the environments, made or not."""
    found = list(Environments.of(Home()).all())
    if as_json:
        print_json([_facts(one) for one in found])
        return
    print_table(("environment", "state", "made", "holds"), [_row(one) for one in found], empty="None.")


def _facts(one: Environment) -> dict[str, object]:
    return {"id": one.id, "ready": one.ready, "python": str(one.python) if one.ready else None, **one.stamp}


def _row(one: Environment) -> tuple[object, ...]:
    if not one.ready:
        return one.id, "not made", None, f"'gladius env create {one.id}' makes it"
    versions = one.stamp.get("versions", {})
    held = ", ".join(f"{name} {versions[name]}" for name in _SHOWN if name in versions)
    return one.id, f"ready ({one.stamp.get('variant')})", local_time(one.stamp.get("made_at")), held
