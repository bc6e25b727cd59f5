"""`gladius user`, `gladius token` and `gladius audit`. Upstream: the person. Downstream: users.

They read and write the files of the home on this machine, whether a server runs or not; a running one follows at once.
"""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from gladius.cli.output import Json, local_time, print_json, print_list, print_table
from gladius.cli.say import say
from gladius.errors import ConfigError
from gladius.pulse.rundir import Home
from gladius.users.asker import SCOPES
from gladius.users.audit import Wanted, read_audit
from gladius.users.book import Book
from gladius.users.seen import Seen
from gladius.wire.server import Role
from gladius.wire.users import Scope

users = typer.Typer(help="Who signs in here by name and password.", no_args_is_help=True)
tokens = typer.Typer(help="Tokens of programs, with a scope and an end.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME")]
TheRole = Annotated[
    Role, typer.Option("--role", help="viewer reads; operator starts and steers; admin does everything.")
]
Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password's one line from standard input.")]

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_BY_ROLE = {role: scope for scope, role in SCOPES.items()}


def add_to(app: typer.Typer) -> None:
    """Add the verb `audit`, and those of users and tokens."""
    app.command()(audit)
    app.add_typer(users, name="user")
    app.add_typer(tokens, name="token")


@users.command("add")
def add_user(name: Name, role: TheRole = "viewer", from_stdin: Stdin = False) -> None:
    """Make a user; asks for the password."""
    found = _book().add_user(name, role, _password(from_stdin))
    say(f"{found.name}: {found.role}")


@users.command("list")
@users.command("ls", hidden=True)
def list_users(as_json: Json = False) -> None:
    """List the users."""
    found = Seen(Home().seen).of_users(_book().users())
    empty = "No users: the owner of this home is alone."
    print_list(
        found,
        as_json,
        ("name", "role", "since", "last seen", ""),
        lambda one: (
            one.name,
            one.role,
            local_time(one.created_at),
            local_time(one.last_seen),
            "disabled" if one.disabled else "",
        ),
        empty=empty,
    )


@users.command("passwd")
def set_password(name: Name, from_stdin: Stdin = False) -> None:
    """Give a user another password; their browsers are signed out."""
    _book().change_user(name, password=_password(from_stdin))
    say(f"{name}: another password, signed out everywhere")


@users.command("role")
def set_role(name: Name, role: Annotated[Role, typer.Argument(metavar="ROLE")]) -> None:
    """Give a user another role, at once."""
    say(f"{name}: {_book().change_user(name, role).role}")


@users.command("disable")
def disable_user(name: Name) -> None:
    """Let a user in no more; their browsers are signed out."""
    _book().change_user(name, disabled=True)
    say(f"{name}: disabled, signed out everywhere")


@users.command("enable")
def enable_user(name: Name) -> None:
    """Let a user in again."""
    _book().change_user(name, disabled=False)
    say(f"{name}: enabled")


@users.command("rm")
def remove_user(
    name: Name, last: Annotated[bool, typer.Option("--last", help="Even the last admin: the owner remains.")] = False
) -> None:
    """Take a user away; their browsers are signed out."""
    _book().remove_user(name, last_too=last)
    say(f"{name}: gone, signed out everywhere")


@tokens.command("create")
def create_token(
    scope: Annotated[Scope, typer.Option("--scope", help="What it may do.")],
    name: Annotated[str, typer.Option("--name", help="How records call it.")],
    expires: Annotated[str, typer.Option("--expires", metavar="7d", help="30m, 12h, 7d, 4w or never.")] = "7d",
    as_json: Json = False,
) -> None:
    """Make a token and print it, this once: only its hash is kept."""
    secret, found = _book().create_token(name, SCOPES[scope], _seconds(expires))
    if as_json:
        print_json({**found.model_dump(), "token": secret})
    else:
        say(secret)


@tokens.command("list")
@tokens.command("ls", hidden=True)
def list_tokens(as_json: Json = False) -> None:
    """List the tokens that were not revoked."""
    columns = ("id", "name", "scope", "made", "ends", "last used")
    print_list(
        Seen(Home().seen).of_tokens(_book().tokens()), as_json, columns,
        lambda one: (
            one.id, one.name, _BY_ROLE[one.role],
            *(local_time(when) for when in (one.created_at, one.expires_at, one.last_used)),
        ),
        empty="No tokens but the home's own.",
    )  # fmt: skip


@tokens.command("revoke")
def revoke_token(token: Annotated[str, typer.Argument(metavar="ID", help="Its id or its name.")]) -> None:
    """Take a token away; what it holds open is cut."""
    say(f"{_book().revoke(token).name}: revoked")


def audit(
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="Only of this user or token.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many, the newest.")] = 50,
    as_json: Json = False,
) -> None:
    """Show who did what: writes, sign-ins and refusals."""
    found = read_audit(Home().audit, Wanted(user), limit)[::-1]
    if as_json:
        print_json(found)
        return
    rows = [
        (local_time(one.time), one.name or ("the owner" if one.role else "somebody"), one.caller, one.outcome,
         f"{one.method} {one.route}", one.run or one.about or "" or None, one.address)
        for one in found
    ]  # fmt: skip
    print_table(("time", "who", "by", "answer", "what", "of", "from"), rows, empty="Nobody did anything yet.")


def _book() -> Book:
    return Book(Home().users)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if not sys.stdin.isatty():
        raise ConfigError(
            "There is no terminal to ask for a password.", "--password-stdin reads it from standard input."
        )
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _seconds(text: str) -> float | None:
    """`7d` as seconds; None is for ever."""
    if text == "never":
        return None
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if match is None:
        raise ConfigError(f"'{text}' is no time to last.", "For example: --expires 7d, 12h, 30m or never.", "expires")
    return int(match[1]) * _UNITS[match[2]]
