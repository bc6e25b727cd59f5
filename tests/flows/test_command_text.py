"""Commands as text: what is understood, and how each mistake is named by its line."""

from __future__ import annotations

import pytest

from gladius.errors import FieldErrors
from gladius.flows.command_text import read_command

GOOD = 'TRAIN AGENT\nPROFILE="tiny-moe"\nDATA_PATH="/data/a b.jsonl"\n'


def test_a_training_is_understood_with_blanks_escapes_and_windows_lines() -> None:
    order = read_command(
        '\n  TRAIN   AGENT \r\n PROFILE = "a \\"b\\" C:\\new\\\\" \r\n\r\nDATA_PATH="x.jsonl"\r\nEPOCHS="2.5"\r\n'
    )
    assert order.command == "TRAIN AGENT"
    assert order.values["PROFILE"] == 'a "b" C:\\new\\'
    assert order.lines == {"PROFILE": 3, "DATA_PATH": 5, "EPOCHS": 6}
    assert order.epochs == 2.5


def test_indexing_is_understood() -> None:
    order = read_command('INDEX KNOWLEDGE\nPATH="manuals"\nNAME="Manuals"')
    assert (order.command, order.values) == ("INDEX KNOWLEDGE", {"PATH": "manuals", "NAME": "Manuals"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["line 1: it is empty"]),
        ("\n\ntrain agent\n", ["line 3: 'train agent' is no command. Did you mean 'TRAIN AGENT'?"]),
        ("TRAIN MODEL", ["line 1: 'TRAIN MODEL' is no command"]),
        ("TRAIN AGENT", ["line 1: TRAIN AGENT needs PROFILE", "line 1: TRAIN AGENT needs DATA_PATH"]),
        (GOOD + 'PROFILE="b"', ["line 4: PROFILE stands in line 2 already"]),
        (GOOD + 'EPOCH="3"', ["line 4: TRAIN AGENT has no key 'EPOCH'. Did you mean 'EPOCHS'?"]),
        (GOOD + 'epochs="3"', ["line 4: TRAIN AGENT has no key 'epochs'. Did you mean 'EPOCHS'?"]),
        (GOOD + "EPOCHS=3", ["line 4: 'EPOCHS=3' is not KEY=\"VALUE\""]),
        (GOOD + 'EPOCHS="3', ["line 4: 'EPOCHS=\"3' is not"]),
        (GOOD + 'EPOCHS="3" # three', ["line 4: "]),
        (GOOD + 'EPOCHS="three"', ["line 4: EPOCHS is 'three'"]),
        (GOOD + 'EPOCHS="nan"', ["line 4: EPOCHS is 'nan'"]),
        (GOOD + 'EPOCHS="0"', ["line 4: EPOCHS is '0'"]),
        (GOOD + 'MODE=""', ["line 4: the value of MODE is empty"]),
        (GOOD + "and soon", ["line 4: 'and soon' is not"]),
        (GOOD + "INDEX KNOWLEDGE", ["line 4: 'INDEX KNOWLEDGE' is not"]),
        (
            'INDEX KNOWLEDGE\nNAME="a"\nX="b"',
            ["line 3: INDEX KNOWLEDGE has no key 'X'", "line 1: INDEX KNOWLEDGE needs PATH"],
        ),
    ],
)
def test_whatever_is_wrong_is_named_by_its_line(text: str, told: list[str]) -> None:
    with pytest.raises(FieldErrors) as caught:
        read_command(text)
    messages = [one["message"] for one in caught.value.errors]
    assert len(messages) == len(told)
    for message, begins in zip(messages, told, strict=True):
        assert message.startswith(begins)
