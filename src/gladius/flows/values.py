"""`${args.path}` and `${steps.index.dataset_id}`: what one part of a flow takes from another. Upstream: flow. Downstream: runner.

`$${` is a plain `${`. A text that is one reference and nothing else becomes the value itself, with its kind; within a
longer text it becomes words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gladius.errors import StepFailed

_REFERENCE = re.compile(r"\$(\$)?\{([^{}]*)\}")
_NAME = re.compile(r"args\.([A-Za-z][A-Za-z0-9_]*)\Z|steps\.([A-Za-z0-9][A-Za-z0-9_-]*)\.([a-z_]+)\Z")


@dataclass(frozen=True)
class Reference:
    """One reference: to an argument of the flow, or to a result of a step. Neither: nobody knows what is meant."""

    text: str
    arg: str | None = None
    step: str | None = None
    result: str | None = None


def references(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Reference]]:
    """Every reference within a value, with its place."""
    if isinstance(value, str):
        for found in _REFERENCE.finditer(value):
            if not found[1]:
                yield place, _read(found[2])
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from references(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from references(item, (*place, index))


def has_reference(value: Any) -> bool:
    """Whether anything within a value is known only while the flow runs."""
    return next(references(value), None) is not None


def resolve(value: Any, args: dict[str, Any], results: Callable[[str], dict[str, Any]]) -> Any:
    """The value with each reference filled in; `results` gives those of a step. Raises StepFailed for one that is not there."""
    if isinstance(value, dict):
        return {key: resolve(item, args, results) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, args, results) for item in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole is not None and not whole[1]:
        return _value(_read(whole[2]), args, results)
    return _REFERENCE.sub(
        lambda found: f"${{{found[2]}}}" if found[1] else _as_text(_value(_read(found[2]), args, results)), value
    )


def _read(text: str) -> Reference:
    found = _NAME.match(text)
    if found is None:
        return Reference(text)
    return Reference(text, found[1], found[2], found[3])


def _value(reference: Reference, args: dict[str, Any], results: Callable[[str], dict[str, Any]]) -> Any:
    if reference.arg is not None and reference.arg in args:
        return args[reference.arg]
    if reference.step is not None:
        found = results(reference.step)
        if reference.result in found:
            return found[reference.result]
    raise StepFailed(
        f"Nothing stands behind ${{{reference.text}}}: that step gave no such result.", "Look at that step."
    )


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
