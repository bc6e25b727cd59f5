"""`gladius user`, `gladius token` and `gladius audit`: on the files of the home, with or without a server."""

from __future__ import annotations

import stat
import subprocess
from typing import Any

import pytest
from terminal import ARGV, gladius
from typer.testing import CliRunner

from gladius.cli.verbs import tree
from gladius.pulse.rundir import Home
from gladius.users.audit import Audit
from gladius.users.book import Book


def verb(*words: str, given: str = "") -> Any:
    """Call a verb within this process: a process of its own takes most of a second."""
    return CliRunner().invoke(tree(), list(words), input=given)


def test_a_user_is_made_changed_and_removed(home: Home) -> None:
    made = verb("user", "add", "anna", "--role", "operator", "--password-stdin", given="four small words\n")
    assert (made.exit_code, made.output) == (0, "anna: operator\n")
    assert stat.S_IMODE(home.users.stat().st_mode) == 0o600
    kept = home.users.read_text()
    assert "$argon2id$" in kept and "four small words" not in kept
    assert "anna" in verb("user", "list").output
    assert verb("user", "role", "anna", "viewer").output == "anna: viewer\n"
    assert verb("user", "passwd", "anna", "--password-stdin", given="other small words\n").exit_code == 0
    assert home.users.read_text() != kept
    assert verb("user", "rm", "anna").exit_code == 0
    assert Book(home.users).users() == []


@pytest.mark.parametrize(
    ("words", "given", "told"),
    [
        (("add", "Anna Smith"), "four small words", "cannot be a name"),
        (("add", "browser"), "four small words", "cannot be a name"),
        (("add", "anna"), "short", "at least 8"),
        (("rm", "nobody"), "", "gladius user list"),
    ],
)
def test_what_cannot_be_is_said(home: Home, words: tuple[str, ...], given: str, told: str) -> None:
    more = ("--password-stdin",) if words[0] == "add" else ()
    answer = verb("user", *words, *more, given=given)
    assert answer.exit_code != 0 and told in str(answer.exception)
    assert Book(home.users).users() == []


def test_a_token_is_shown_once_and_revoked(home: Home) -> None:
    made = verb("token", "create", "--scope", "operate", "--name", "ci", "--expires", "7d")
    secret = made.output.strip()
    assert secret.startswith("gladius_") and secret not in home.users.read_text()
    (told,) = Book(home.users).tokens()
    assert told.role == "operator" and told.expires_at == pytest.approx(told.created_at + 7 * 86400)
    shown = verb("token", "list").output
    assert "operate" in shown and secret not in shown
    assert "already" in str(verb("token", "create", "--scope", "read", "--name", "ci").exception)
    assert "no time to last" in str(
        verb("token", "create", "--scope", "read", "--name", "x", "--expires", "soon").exception
    )
    assert verb("token", "revoke", "ci").output == "ci: revoked\n"
    assert Book(home.users).tokens() == []


def test_the_audit_is_read_without_its_damaged_lines(home: Home) -> None:
    Audit(home.audit).note(None, "browser", "POST", "/login", None, 401, "10.0.0.9")
    with home.audit.open("ab") as file:
        file.write(b'{"time": 1, "na\n')
    shown = gladius("audit")
    assert shown.code == 0 and "somebody" in shown.out and "401" in shown.out and "10.0.0.9" in shown.out


def test_a_password_is_asked_for_at_a_terminal_alone(home: Home) -> None:
    ended = subprocess.run(
        [*ARGV, "user", "add", "anna"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2 and "--password-stdin" in ended.stderr
