"""Turn values into the JSON of an event line. Upstream: events. Downstream: the file."""

from __future__ import annotations

import contextlib
import enum
import json
import math
from typing import Any, Callable, Mapping

_CONSTANTS = {None: "null", True: "true", False: "false"}

Speller = Callable[[Mapping[str, Any], bytearray], None]
"""Makes a line the JSON of an event."""


def encode(value: Mapping[str, Any]) -> str:
    """Return compact JSON; numbers that JSON cannot say become the strings "NaN", "Infinity" and "-Infinity".

    Raises ValueError for what cannot be said at all: a value that holds itself, or an object whose text cannot be had.
    """
    try:
        return _encode_plain(value)
    except RecursionError:
        raise ValueError("a value holds itself, or is nested too deeply") from None
    except Exception:  # noqa: BLE001
        pass  # no JSON as it stands, or a value's own method raised: spelled out it may be said
    try:
        return _encode_plain(_spelled(value))
    except Exception as error:  # noqa: BLE001
        # The methods of a script's own objects are called here, and may raise anything.
        raise ValueError(f"a value cannot be written as JSON: {error}") from None


def encode_into(event: Mapping[str, Any], line: bytearray) -> None:
    """Make `line` the JSON of a whole event, whatever its numbers are."""
    line[:] = encode(event).encode()


def quick_encoder() -> Speller:
    """Return what does as `encode_into` for finite numbers: where msgspec is installed, it spells a float in a fifth of the time.

    msgspec's makes null of NaN and infinity, and raises for integers beyond 64 bits.
    """
    try:
        import msgspec

        return msgspec.json.Encoder().encode_into
    except (ImportError, AttributeError):
        return encode_into


def _make_encoder() -> Callable[[Any], str]:
    """Build the encoder once: `JSONEncoder.encode` would build its C part anew for every event."""
    encoder = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=_plain)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    compiled = make(None, _plain, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, False)
    return lambda value: "".join(compiled(value, 0))


def _plain(value: Any) -> Any:
    """Turn what JSON does not know into what it does: arrays by `.item()` or `.tolist()`, the rest by `str`."""
    for method in ("item", "tolist"):
        convert = getattr(value, method, None)
        if convert is not None:
            with contextlib.suppress(Exception):  # a foreign object's method: what it raises tells nothing here
                return _spelled(convert())
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    return str(value)


def spelled_name(name: Any) -> str:
    """Return a mapping's key as JSON spells it: a member of an enumeration is its value, None is null."""
    if isinstance(name, str):
        return str.__str__(name)
    if isinstance(name, enum.Enum):
        return spelled_name(name.value)
    return _CONSTANTS[name] if name is None or name is True or name is False else str(name)


def _spelled(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {spelled_name(key): _spelled(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_spelled(item) for item in value]
    return value


_encode_plain = _make_encoder()
