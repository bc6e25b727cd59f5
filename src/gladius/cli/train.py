"""`gladius train`. Upstream: the person. Downstream: client."""

from __future__ import annotations

from typing import Annotated

import typer

from gladius.cli.connect import connected, lasting_client
from gladius.cli.follow import follow, place_of
from gladius.cli.output import Json, Markup, print_json, print_table
from gladius.cli.probe import probe as show_probe
from gladius.cli.say import say
from gladius.cli.settings import Settings, pairs
from gladius.wire.catalog import StartRequest
from gladius.wire.preflight import CheckAnswer


def add_to(app: typer.Typer) -> None:
    """Add the verb `train`."""
    app.command()(train)


def train(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="See 'gladius profile ls'.")],
    dataset: Annotated[str | None, typer.Argument(metavar="DATASET", help="See 'gladius dataset ls'.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Else the profile's default.")] = None,
    settings: Settings = None,
    preset: Annotated[
        str | None, typer.Option(metavar="ID", help="See 'gladius preset ls'; --set counts more.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The run's name.")] = None,
    follow_run: Annotated[
        bool, typer.Option("--follow", help="Show its progress, and its place in the queue, until it has ended.")
    ] = False,
    now: Annotated[bool, typer.Option("--now", help="Start at once, whatever else runs; else it may wait.")] = False,
    priority: Annotated[int, typer.Option(min=-1000, max=1000, help="In the queue the higher one goes first.")] = 0,
    check: Annotated[bool, typer.Option("--check", help="Only look whether it can start; exit 1 when not.")] = False,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe", help="Only take 3 steps and measure memory and time; exit 1 when it fails or will not fit."
        ),
    ] = False,
    as_json: Json = False,
) -> int:
    """Start a run through the server (starts one if none runs) and print its id."""
    if check:
        with connected() as client:
            return _check(client.check_start(profile, dataset, epochs, pairs(settings), preset), as_json)
    if probe:
        body = {"profile_id": profile, "dataset_id": dataset, "epochs": epochs, "overrides": pairs(settings)}
        with connected() as client:
            return show_probe(client, StartRequest.model_validate({**body, "preset_id": preset}), as_json)
    with lasting_client() as client:
        run = client.start(
            profile,
            dataset,
            epochs,
            pairs(settings),
            name,
            preset=preset,
            queue=False if now else None,
            priority=priority,
        )
        if as_json:
            print_json({"run_id": run.name})
        else:
            say(run.name)
        if not follow_run:
            if waits := place_of(client, run.name):
                say(f"gladius: it {waits}; 'gladius queue' shows it.", err=True)
            return 0
        return 0 if follow(run, client).state == "done" else 1


def _check(found: CheckAnswer, as_json: bool) -> int:
    if as_json:
        print_json(found)
    else:
        colours = {"ok": "green", "warning": "yellow", "error": "red"}
        rows = [
            (Markup(f"[{colours[one.level]}]{one.level}[/]"), one.check, one.message, one.hint)
            for one in found.findings
        ]
        print_table(("", "what", "found", "what to do"), rows, empty="Nothing was looked at.")
    return 0 if found.possible else 1
