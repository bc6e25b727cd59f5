"""The verbs and the edge where errors become one line. Upstream: the shell. Downstream: the modules of this room."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import Annotated

import typer

import gladius
from gladius.cli import (
    alerts,
    annotate,
    attach,
    attempts,
    compare,
    datasets,
    demo,
    doctor,
    env,
    exports,
    flow,
    index,
    look,
    presets,
    profiles,
    pulse,
    queue,
    run,
    serve,
    steer,
    users,
    watch,
)
from gladius.errors import CommandInvalid, ConfigError, GladiusError, RequestRejected

app = typer.Typer(
    name="gladius",
    help="Start, watch and steer model training. The console can die; your training goes on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (
    serve,
    demo,
    run,
    watch,
    attach,
    look,
    annotate,
    compare,
    exports,
    flow,
    steer,
    attempts,
    alerts,
    doctor,
    users,
):
    room.add_to(app)
app.add_typer(profiles.app, name="profile")
app.add_typer(datasets.datasets, name="dataset")
app.add_typer(index.app, name="index")
app.add_typer(presets.app, name="preset")
app.add_typer(queue.app, name="queue")
app.add_typer(flow.app, name="flow")
app.add_typer(env.app, name="env")
app.add_typer(pulse.app, name="pulse")
app.add_typer(users.users, name="user")
app.add_typer(users.tokens, name="token")

_USAGE_ERRORS = (ConfigError, CommandInvalid)
_UNPROCESSABLE = 422
_BROKEN_PIPE = 128 + signal.SIGPIPE
_log = logging.getLogger(__name__)


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and log what happens.")] = False,
    _: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
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
    except typer.TyperException as error:
        typer.echo(_usage(error), err=True)
        sys.exit(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_BROKEN_PIPE)
    except (GladiusError, OSError) as error:
        if os.environ.get("GLADIUS_DEBUG"):
            raise
        typer.echo(f"gladius: {_told(error)}", err=True)
        sys.exit(2 if _is_usage(error) else 1)
    except Exception as error:
        if os.environ.get("GLADIUS_DEBUG"):
            raise
        _log.debug("unexpected", exc_info=True)
        what = " ".join(f"{type(error).__name__}: {error}".split())
        typer.echo(f"gladius: a defect in Gladius: {what} 'gladius --debug ...' shows where.", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _is_usage(error: Exception) -> bool:
    return isinstance(error, _USAGE_ERRORS) or (isinstance(error, RequestRejected) and error.status == _UNPROCESSABLE)


def _told(error: Exception) -> str:
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return f"{where}{error.strerror}. 'gladius doctor' looks for what is wrong here."


def _usage(error: typer.TyperException) -> str:
    """Return one line with the next step; a group that was called without a verb answers with its whole help."""
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if context is not None and message == context.get_help():
        return message
    verb = context.command_path if context is not None else "gladius"
    sentence = " ".join(message.split()).rstrip(".")
    return f"gladius: {sentence}. '{verb} --help' shows how."


if __name__ == "__main__":
    main()
