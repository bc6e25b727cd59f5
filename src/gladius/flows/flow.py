"""Read a flow's file and name everything that is wrong with it. Upstream: flow files, places, commands. Downstream: shelf, runner."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, get_args

from gladius.flows.commands import COMMANDS, guess, mistakes
from gladius.flows.places import Place, Places, places_in
from gladius.flows.values import Reference, references
from gladius.pulse.plain_file import within
from gladius.wire.flows import ArgKind, FlowArg, FlowInfo, FlowProblem, FlowRetry, FlowStep, OnFailure

LARGEST = 256 * 1024
MOST_STEPS = 100
_DEEPEST = 50
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_ARG = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}\Z")
_KEYS = ("id", "name", "description", "args", "steps")
_STEP_KEYS = ("id", "cmd", "args", "on_failure", "retry")
_ARG_KEYS = ("kind", "default", "description")
_ID_MEND = "Take letters, digits, - and _, and begin with a letter or a digit."
_FLOW_MEND = 'A flow is an object: {"id": "mine", "steps": [{"id": "check", "cmd": "STATUS"}]}.'


class Flow(FlowInfo):
    """A flow as it was read; one with a `problem` cannot be run."""


def read(path: Path, builtin: bool = False) -> Flow:
    """Read a file; whatever is wrong is in the flow's `problems`."""
    try:
        with within(path, path.parent) as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        return _broken(path, builtin, f"it cannot be read: {error.strerror}", "Look at its place and its permissions.")
    return parse(raw, path, builtin)


def parse(raw: bytes, path: Path, builtin: bool = False) -> Flow:
    """Read a file's contents as those of `path`."""
    if len(raw) > LARGEST:
        return _broken(path, builtin, f"it is larger than {LARGEST // 1024} KiB", "Make several flows of it.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        return _broken(path, builtin, f"byte {error.start} is no UTF-8", "Save the file as UTF-8.", line)
    try:
        data = json.loads(text, parse_constant=_refuse)
        deep = _depth(data) > _DEEPEST
    except json.JSONDecodeError as error:
        return _broken(path, builtin, _json_problem(error), _json_mend(text, error), error.lineno)
    except RecursionError:
        deep = True
    except ValueError as error:
        return _broken(path, builtin, f"it cannot be read: {error}", "Write a number that JSON knows.")
    if deep:
        return _broken(path, builtin, "it is nested too deeply", _FLOW_MEND)
    if not isinstance(data, dict):
        return _broken(path, builtin, "it is no object", _FLOW_MEND)
    return _Reader(path, places_in(text)).flow(data, builtin)


class _Reader:
    """Goes through one file; every mistake is kept, none ends the reading."""

    def __init__(self, path: Path, places: Places) -> None:
        self._path = path
        self._places = places
        self._problems: list[FlowProblem] = []
        self._before: dict[str, str | None] = {}
        """The steps that were read already, and their commands; None is one that nobody knows."""

    def say(self, place: Place, problem: str, mend: str) -> None:
        self._problems.append(_problem(self._path, self._places.line(place), problem, mend, _dotted(place)))

    def flow(self, data: dict[str, Any], builtin: bool) -> Flow:
        if self._places.repeated is not None:
            place, line = self._places.repeated
            twice = f"'{place[-1]}' stands there twice"
            self._problems.append(_problem(self._path, line, twice, "Keep one of the two.", _dotted(place)))
        self._unknown((), data, _KEYS)
        id_ = data.get("id", self._path.stem)
        if not _good_id(id_):
            self.say(("id",), f"{id_!r:.80} is no id of a flow", _ID_MEND)
            id_ = sayable(self._path.stem)
        args = self._args(data.get("args"))
        steps = self._steps(data, {arg.name for arg in args})
        name, description = self._text((), data, "name") or id_, self._text((), data, "description")
        found = sorted(self._problems, key=lambda one: one.line or 0)
        return Flow(
            id=id_, name=name, description=description, args=args,
            steps=steps, builtin=builtin, file=None if builtin else sayable(str(self._path)),
            problem=found[0].message if found else None, problems=found,
        )  # fmt: skip

    def _args(self, raw: Any) -> list[FlowArg]:
        if raw is None:
            return []
        if not isinstance(raw, dict):
            self.say(("args",), "'args' must be an object", 'Write it as {"epochs": 3}: each name with its default.')
            return []
        return [self._arg(name, one) for name, one in raw.items() if self._named(name)]

    def _named(self, name: str) -> bool:
        if _ARG.match(name):
            return True
        self.say(("args", name), f"{name!r:.80} is no name of an argument", "Take letters, digits and _.")
        return False

    def _arg(self, name: str, raw: Any) -> FlowArg:
        place: Place = ("args", name)
        if not isinstance(raw, dict):
            if isinstance(raw, list):
                self.say(place, f"the default of '{name}' is a list", "Give one text or number.")
                raw = None
            return FlowArg(name=name, kind="number" if _is_number(raw) else "text", default=self._clean(place, raw))
        self._unknown(place, raw, _ARG_KEYS)
        kind = raw.get("kind", "number" if _is_number(raw.get("default")) else "text")
        if kind not in get_args(ArgKind):
            self.say((*place, "kind"), f"{kind!r:.80} is no kind of argument", guess(kind, get_args(ArgKind)))
            kind = "text"
        default = raw.get("default")
        if isinstance(default, (dict, list)) or (default is not None and _is_number(default) != (kind == "number")):
            self.say((*place, "default"), f"the default of '{name}' is no {kind}", "Let the two fit together.")
            default = None
        described = self._text(place, raw, "description")
        default = self._clean((*place, "default"), default)
        return FlowArg(name=name, kind=kind, description=described, required="default" not in raw, default=default)

    def _steps(self, data: dict[str, Any], args: set[str]) -> list[FlowStep]:
        raw = data.get("steps")
        if not isinstance(raw, list) or not raw:
            problem = "'steps' must be a list of at least one step" if "steps" in data else "it has no 'steps'"
            self.say(("steps",), problem, 'Write them as "steps": [{"id": "check", "cmd": "STATUS"}].')
            return []
        if len(raw) > MOST_STEPS:
            self.say(("steps", MOST_STEPS), f"it has {len(raw)} steps", f"A flow has at most {MOST_STEPS}.")
            raw = raw[:MOST_STEPS]
        steps: list[FlowStep] = []
        for index, one in enumerate(raw):
            step = self._step(("steps", index), one, args)
            if step is not None:
                steps.append(step)
        return steps

    def _step(self, place: Place, raw: Any, args: set[str]) -> FlowStep | None:
        if not isinstance(raw, dict):
            self.say(place, "a step must be an object", 'Write it as {"id": "check", "cmd": "STATUS"}.')
            return None
        self._unknown(place, raw, _STEP_KEYS)
        id_: Any = raw.get("id")
        if not _good_id(id_):
            problem = f"{id_!r:.80} is no id of a step" if "id" in raw else "a step has no 'id'"
            self.say((*place, "id"), problem, _ID_MEND)
            id_ = f"step-{len(self._before) + 1}"
        elif id_ in self._before:
            self.say((*place, "id"), f"two steps are called '{id_}'", "Give each its own id.")
        on_failure, retry = self._on_failure(place, raw)
        given = raw.get("args", {})
        if not isinstance(given, dict):
            self.say((*place, "args"), "'args' of a step must be an object", 'Write it as {"min_free_gb": 1}.')
            given = {}
        given = self._clean((*place, "args"), given)
        cmd = raw.get("cmd")
        if not isinstance(cmd, str) or cmd not in COMMANDS:
            problem = f"{cmd!r:.80} is no command" if "cmd" in raw else "a step has no 'cmd'"
            self.say((*place, "cmd"), problem, guess(cmd, COMMANDS))
            self._before[id_] = None
            return None
        for one in mistakes(cmd, given):
            self.say((*place, "args", one.key) if one.key is not None else (*place, "args"), one.problem, one.mend)
        for where, reference in references(given):
            self._reference((*place, "args", *where), reference, args)
        self._before[id_] = cmd
        return FlowStep.model_validate(
            {"id": id_, "cmd": cmd, "args": given, "on_failure": on_failure, "retry": retry}
        )  # fmt: skip

    def _on_failure(self, place: Place, raw: Mapping[str, Any]) -> tuple[OnFailure, FlowRetry | None]:
        wanted = raw.get("on_failure", "abort")
        if not isinstance(wanted, str) or wanted not in get_args(OnFailure):
            self.say((*place, "on_failure"), f"{wanted!r:.80} is no way to go on", guess(wanted, get_args(OnFailure)))
            return "abort", None
        if "retry" not in raw:
            return wanted, FlowRetry() if wanted == "retry" else None  # type: ignore[return-value]
        if wanted != "retry":
            self.say((*place, "retry"), f"'retry' has no meaning with on_failure '{wanted}'", "Say on_failure 'retry'.")
        return wanted, self._retry((*place, "retry"), raw["retry"])  # type: ignore[return-value]

    def _retry(self, place: Place, raw: Any) -> FlowRetry:
        if not isinstance(raw, dict):
            self.say(place, "'retry' must be an object", 'Write it as {"times": 3, "delay_s": 30}.')
            return FlowRetry()
        self._unknown(place, raw, ("times", "delay_s"))
        times, delay = raw.get("times", 1), raw.get("delay_s", 10.0)
        if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= 100:
            self.say((*place, "times"), f"'times' is {times!r:.40}", "Give a whole number from 1 to 100.")
            times = 1
        if not _is_number(delay) or not 0 <= delay <= 86_400:
            self.say((*place, "delay_s"), f"'delay_s' is {delay!r:.40}", "Give seconds from 0 to 86400.")
            delay = 10.0
        return FlowRetry(times=times, delay_s=float(delay))

    def _reference(self, place: Place, one: Reference, args: set[str]) -> None:
        if one.arg is not None:
            if one.arg not in args:
                known = guess(one.arg, sorted(args)) if args else "Add it to 'args' of the flow."
                self.say(place, f"${{{one.text}}}: this flow has no argument '{one.arg}'", known)
        elif one.step is not None:
            cmd = self._before.get(one.step)
            if one.step not in self._before:
                mend = guess(one.step, self._before) if self._before else "The first step has none before it."
                self.say(place, f"${{{one.text}}}: no step before this one is called '{one.step}'", mend)
            elif cmd is not None and one.result not in COMMANDS[cmd].results:
                known = guess(one.result, COMMANDS[cmd].results)
                self.say(place, f"${{{one.text}}}: {cmd} gives no '{one.result}'", known)
        else:
            mend = "Write ${args.NAME} or ${steps.ID.RESULT}, and $${ for a plain ${."
            self.say(place, f"${{{one.text}}} names nothing", mend)

    def _unknown(self, place: Place, data: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for key in data:
            if key not in known:
                self.say((*place, key), f"unknown key {key!r:.80}", guess(key, known))

    def _text(self, place: Place, data: Mapping[str, Any], key: str) -> str:
        value = data.get(key, "")
        if not isinstance(value, str):
            self.say((*place, key), f"'{key}' must be a text", f"It is {value!r:.40} now.")
            return ""
        return str(self._clean((*place, key), value)).strip()

    def _clean(self, place: Place, value: Any) -> Any:
        """A value that can be written again: no half of a character, no number beyond all bounds."""
        if isinstance(value, dict):
            return {self._clean(place, key): self._clean((*place, key), item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._clean((*place, index), item) for index, item in enumerate(value)]
        if isinstance(value, float) and not math.isfinite(value):
            self.say(place, "the number is beyond all bounds", "Write a smaller one.")
            return 0.0
        if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
            self.say(place, "the text holds half of a character (\\ud800 to \\udfff)", "Take it away.")
            return value.encode("utf-8", "replace").decode()
        return value


def _broken(path: Path, builtin: bool, problem: str, mend: str, line: int = 1) -> Flow:
    """A flow of which nothing is known but why."""
    told = _problem(path, line, problem, mend)
    file, name = None if builtin else sayable(str(path)), sayable(path.stem)
    return Flow(id=name, name=name, builtin=builtin, file=file, problem=told.message, problems=[told])


def refused(path: Path, problem: str, mend: str) -> Flow:
    """A file that is not taken as a flow, for another reason than its contents."""
    return _broken(path, False, problem, mend)


def _problem(path: Path, line: int, problem: str, mend: str, field: str | None = None) -> FlowProblem:
    message = sayable(f"{path}, line {line}: {problem}. {mend}")
    return FlowProblem(message=message, line=line, field=sayable(field) if field else None)


def sayable(text: str) -> str:
    """A text that can be sent: bytes of a file name that are no UTF-8, and halves of characters, are written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _dotted(place: Place) -> str:
    return ".".join(map(str, place))


def _good_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.match(value) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"'{word}' is no JSON")


def _depth(value: Any) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        one, depth = waiting.pop()
        deepest = max(deepest, depth)
        items = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        waiting += [(item, depth + 1) for item in items]
    return deepest


def _json_problem(error: json.JSONDecodeError) -> str:
    return f"column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}"


def _json_mend(text: str, error: json.JSONDecodeError) -> str:
    if not text.strip():
        return _FLOW_MEND
    here = text[error.pos : error.pos + 2]
    if here[:1] == "'":
        return "JSON takes double quotes only."
    if here in ("//", "/*") or here[:1] == "#":
        return "JSON has no comments: say it in 'description'."
    if "property name" in error.msg or here[:1] in ("]", "}"):
        return "Put the name into double quotes, and no comma after the last one."
    return "Mend the JSON there."
