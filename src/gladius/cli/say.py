"""One plain line, to a person, without what draws tables. Upstream: the other verbs. Downstream: stdout and stderr."""

from __future__ import annotations

import re

import typer

# What moves a terminal's cursor, writes its clipboard, asks it something, or turns a line around: C0 but tab and newline,
# DEL, C1, embeddings and isolates.
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """What anybody may have named a run, as text: no character of it is a command to the terminal."""
    return _COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(text: str, err: bool = False) -> None:
    """Print one plain line, to a person."""
    typer.echo(visible(text), err=err)
