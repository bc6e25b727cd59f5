"""`gladius up`. Upstream: the person. Downstream: compose."""

from __future__ import annotations

import contextlib
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gladius.cli.loading import loading_the_server
from gladius.cli.say import say
from gladius.errors import LockHeld
from gladius.pulse.rundir import Home

if TYPE_CHECKING:
    from gladius.server.serve import Address

NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.", show_default="8642")]
HomeFolder = Annotated[Path | None, typer.Option("--home", help="Home folder; else GLADIUS_HOME.")]


def add_to(app: typer.Typer) -> None:
    """Add the verb `up`."""
    app.command()(up)


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
    with loading_the_server():
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
