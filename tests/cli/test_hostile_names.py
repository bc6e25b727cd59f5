"""A name is text: what it holds of commands to a terminal is printed as letters, in tables, plain lines, JSON and errors."""

from __future__ import annotations

import json
import re
from typing import Any

from typer.testing import CliRunner

from gladius.cli.say import visible
from gladius.cli.verbs import tree
from gladius.pulse.rundir import Home

COMMANDS = {
    "clipboard": "\x1b]52;c;cm0gLXJm\x07", "link": "\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "question": "\x1b[6n", "screen": "\x1b[2J\x1b[H", "one byte": "\x9b31mred\x9d0;title\x9c", "line": "old\rnew\b\x7f",
    "turned": "photo\u202egnp.exe\u2069",
}  # fmt: skip
ANY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def test_names_with_commands_are_printed_as_letters(home: Home) -> None:
    for command in COMMANDS.values():
        run = home.new_run("little", {"source": "api", "name": f"[red]<{command}>"})
    for words in (("ls",), ("ls", "--json"), ("show", run.run_id)):
        answer: Any = CliRunner().invoke(tree(), list(words))
        assert answer.exit_code == 0 and ANY.search(answer.output) is None, (words, answer.output)
        assert answer.output.count("[red]<") == (1 if words[0] == "show" else len(COMMANDS)), answer.output
        assert "\\u202egnp.exe" in answer.output
    names = [one["name"] for one in json.loads(CliRunner().invoke(tree(), ["ls", "--json"]).output)]
    assert {name[6:-1] for name in names} == set(COMMANDS.values()), "JSON says the same to a program"


def test_what_is_text_in_any_script_stays() -> None:
    for text in ("потеря 損失 🙂 e\u0301", "שלום\u200f", "a\tb\n", "[bold]"):
        assert visible(text) == text
