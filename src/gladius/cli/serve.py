"""`gladius up` and `gladius train`. Upstream: the person. Downstream: compose, client."""

from __future__ import annotations

import contextlib
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gladius.cli.connect import connected, lasting_client
from gladius.cli.follow import follow, place_of
from gladius.cli.loading import loading
from gladius.cli.output import Json, Markup, print_json, print_table, say
from gladius.cli.probe import probe as show_probe
from gladius.cli.settings import Settings, pairs
from gladius.errors import LockHeld
from gladius.pulse.rundir import Home
from gladius.wire.catalog import StartRequest
from gladius.wire.preflight import CheckAnswer

if TYPE_CHECKING:
    from gladius.server.serve import Address

NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.", show_default="8642")]
HomeFolder = Annotated[Path | None, typer.Option("--home", help="Home folder; else GLADIUS_HOME.")]


def add_to(app: typer.Typer) -> None:
    """Add the verbs `up` and `train`."""
    app.command()(up)
    app.command()(train)


def up(
    host: Host = "127.0.0.1",
    port: Port = None,
    home: HomeFolder = None,
    no_browser: NoBrowser = False,
    base_path: Annotated[str, typer.Option(help="Path prefix behind a proxy.")] = "",
    public_url: Annotated[str | None, typer.Option(help="The URL that a proxy shows to people.")] = None,
    tensorboard_idle: Annotated[
        float, typer.Option(min=0.1, help="Minutes after which a TensorBoard that nobody looks at is ended.")
    ] = 15.0,
    datasets: Annotated[
        list[Path] | None,
        typer.Option(file_okay=False, exists=True, help="One more folder of datasets, beside the home's; repeatable."),
    ] = None,
    slots: Annotated[
        int | None,
        typer.Option(
            min=1, help="So many runs without a GPU train at once; the others wait. Else GLADIUS_SLOTS, else 1."
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A PEM certificate with its chain: serve https.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="The certificate's key.")] = None,
    insecure_listen: Annotated[
        bool,
        typer.Option(
            "--insecure-listen", help="Listen where others can reach it, even without password or encryption."
        ),
    ] = False,
) -> int:
    """Start the console server; print a link that signs one browser in, once, when it is ready."""
    # The server is half of what there is to import; the other verbs need none of it.
    with loading():
        from gladius import compose
        from gladius.server.serve import living_address

    def ready(address: Address) -> None:
        announce(address, open_browser=not no_browser)

    try:
        with contextlib.suppress(KeyboardInterrupt):
            compose.up(
                home, host, port, base_path, public_url, ready, 60 * tensorboard_idle, datasets or (), slots,
                tls_cert, tls_key, insecure_listen,
            )  # fmt: skip
    except LockHeld:
        address = living_address(Home(home))
        if address is None:
            raise
        announce(address, open_browser=not no_browser)
    return 0


def announce(address: Address, open_browser: bool) -> None:
    """Print the one line with the URL, and show the page."""
    say(f"Gladius console: {address.new_link()}")
    if open_browser:
        with contextlib.suppress(webbrowser.Error):
            # A link of its own: the printed one still works in another browser.
            webbrowser.open(address.new_link())


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
