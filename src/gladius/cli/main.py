"""The edge where errors become one line. Upstream: the shell. Downstream: verbs."""

from __future__ import annotations

import logging
import os
import signal
import sys

import typer

from gladius.cli.loading import loading
from gladius.errors import CommandInvalid, ConfigError, GladiusError, RequestRejected

_USAGE_ERRORS = (ConfigError, CommandInvalid)
_UNPROCESSABLE = 422
_BROKEN_PIPE = 128 + signal.SIGPIPE
_log = logging.getLogger(__name__)


def main() -> None:
    """Run the command line; every error is one line on stderr that says what to do next."""
    with loading():
        from gladius.cli.say import say
        from gladius.cli.verbs import tree

        app = tree(sys.argv[1:])

    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        say(_usage(error), err=True)
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
        say(f"gladius: {_told(error)}", err=True)
        sys.exit(2 if _is_usage(error) else 1)
    except Exception as error:
        if os.environ.get("GLADIUS_DEBUG"):
            raise
        _log.debug("unexpected", exc_info=True)
        what = " ".join(f"{type(error).__name__}: {error}".split())
        say(f"gladius: a defect in Gladius: {what} 'gladius --debug ...' shows where.", err=True)
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
