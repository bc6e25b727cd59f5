"""What a step can do, which arguments it takes, and what it hands on. Upstream: nothing. Downstream: flow, runner."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gladius.exchange.export import export_formats
from gladius.flows.values import has_reference

Kind = Literal["text", "number", "words", "object"]
_NAMES: dict[str, str] = {
    "text": "a text",
    "number": "a number",
    "words": "a list of texts",
    "object": "an object",
}


@dataclass(frozen=True)
class Argument:
    """One argument: its kind, whether a step needs it, the least number, and the words that it may be."""

    kind: Kind = "text"
    required: bool = False
    least: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """One kind of step; `one_of` are arguments of which exactly one is given."""

    args: Mapping[str, Argument]
    results: tuple[str, ...]
    one_of: tuple[str, ...] = field(default=())


COMMANDS: dict[str, Command] = {
    "STATUS": Command(
        {"min_free_gb": Argument("number", least=0), "gpus": Argument("number", least=0)}, ("free_gb", "gpus")
    ),
    "INDEX": Command(
        {"path": Argument(required=True), "name": Argument()}, ("index_id", "dataset_id", "documents", "records")
    ),
    "TRAIN": Command(
        {
            "profile": Argument(required=True), "dataset": Argument(), "epochs": Argument("number"), "preset": Argument(),
            "overrides": Argument("object"), "name": Argument(), "tags": Argument("words"),
        },
        ("training_id", "state", "loss", "eval_loss", "checkpoint"),
    ),
    "VALIDATE": Command(
        {
            "run": Argument(), "dataset": Argument(), "metric": Argument(), "max": Argument("number"),
            "checkpoint": Argument(choices=("if_any", "required")),
        },
        ("checkpoint", "value", "records"),
        one_of=("run", "dataset"),
    ),
    "EXPORT": Command(
        {"run": Argument(required=True), "format": Argument(choices=export_formats()), "output": Argument()},
        ("path", "bytes"),
    ),
    "COMMAND": Command(
        {"argv": Argument("words", required=True), "timeout_s": Argument("number", least=0.001)},
        ("exit_code", "output"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Mistake:
    """What is wrong with a step's arguments: at which of them (None: all), what, and the mend."""

    key: str | None
    problem: str
    mend: str


def guess(word: Any, known: Collection[str]) -> str:
    """What was probably meant, and what there is."""
    near = difflib.get_close_matches(str(word), known, 1, 0.6) or [
        one for one in known if one.lower() == str(word).lower()
    ]
    meant = f"Did you mean '{near[0]}'? " if near else ""
    return f"{meant}Known: {', '.join(known)}."


def mistakes(cmd: str, args: Mapping[str, Any]) -> Iterator[Mistake]:
    """Everything that is wrong with the arguments of a step; what is known only later is looked at then."""
    command = COMMANDS[cmd]
    for key in args:
        if key not in command.args:
            yield Mistake(key, f"{cmd} has no argument '{key}'", guess(key, command.args))
    for key, argument in command.args.items():
        value = args.get(key)
        if value is None:
            if argument.required:
                yield Mistake(key if key in args else None, f"{cmd} needs '{key}'", f"Give it {_NAMES[argument.kind]}.")
        elif not (isinstance(value, str) and has_reference(value)):
            yield from _of_value(cmd, key, argument, value)
    given = [key for key in command.one_of if args.get(key) is not None]
    if command.one_of and len(given) != 1:
        yield Mistake(None, f"{cmd} needs one of {' and '.join(command.one_of)}, and not both", "Give exactly one.")
    if cmd == "VALIDATE" and args.get("dataset") is not None:
        for key in ("metric", "max", "checkpoint"):
            if args.get(key) is not None:
                yield Mistake(key, f"'{key}' is asked of a run, not of a dataset", "Leave it out, or give 'run'.")
    if cmd == "VALIDATE" and args.get("metric") is not None and args.get("max") is None:
        yield Mistake("metric", "'metric' is looked at against 'max', which is missing", "Give 'max' a number.")


def _of_value(cmd: str, key: str, argument: Argument, value: Any) -> Iterator[Mistake]:
    if not _fits(argument.kind, value):
        yield Mistake(key, f"'{key}' of {cmd} must be {_NAMES[argument.kind]}", f"It is {_shown(value)} now.")
    elif argument.choices and value not in argument.choices:
        yield Mistake(key, f"'{key}' of {cmd} cannot be '{value}'", guess(value, argument.choices))
    elif argument.least is not None and value < argument.least:
        yield Mistake(key, f"'{key}' of {cmd} must be at least {argument.least:g}", f"It is {value:g} now.")
    elif argument.kind == "text" and not value.strip():
        yield Mistake(key, f"'{key}' of {cmd} is empty", "Say something, or leave it out.")
    elif argument.kind == "words" and argument.required and (not value or not value[0].strip()):
        yield Mistake(key, f"'{key}' of {cmd} names no program", 'Write it as ["program", "argument"].')


def _fits(kind: Kind, value: Any) -> bool:
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if kind == "words":
        return isinstance(value, list) and all(isinstance(word, str) and "\0" not in word for word in value)
    if kind == "object":
        return isinstance(value, dict)
    return isinstance(value, str) and "\0" not in value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
