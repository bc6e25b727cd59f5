"""The verbs and the edge where errors become one line. Upstream: the shell. Downstream: the modules of this room."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer
from click.exceptions import ClickException

import gladius
from gladius.cli import catalog, demo, doctor, look, pulse, run, serve, steer
from gladius.errors import CommandInvalid, ConfigError, GladiusError

app = typer.Typer(
    name="gladius",
    help="Start, watch and steer model training. The console can die; your training goes on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for room in (serve, demo, run, look, steer, doctor):
    room.add_to(app)
app.add_typer(catalog.profiles, name="profile")
app.add_typer(catalog.datasets, name="dataset")
app.add_typer(pulse.app, name="pulse")

_USAGE_ERRORS = (ConfigError, CommandInvalid)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and log what happens.")] = False,
) -> None:
    """Options of every verb."""
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, format="%(name)s: %(message)s")
    if debug:
        os.environ["GLADIUS_DEBUG"] = "1"


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(gladius.__version__)


def main() -> None:
    """Run the command line; every error is one line on stderr that says what to do next."""
    try:
        code = app(standalone_mode=False)
    except ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except (GladiusError, OSError) as error:
        if os.environ.get("GLADIUS_DEBUG"):
            raise
        typer.echo(f"gladius: {error}", err=True)
        sys.exit(2 if isinstance(error, _USAGE_ERRORS) else 1)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
