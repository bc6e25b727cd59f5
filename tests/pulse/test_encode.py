"""Values become JSON that every reader takes, and come back as the numbers they were."""

from __future__ import annotations

import json
import pathlib
import struct

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gladius.pulse.encode import encode, encode_into, quick_encoder

NAN, INF = float("nan"), float("inf")


def test_numbers_that_json_cannot_say_are_spelled() -> None:
    assert json.loads(encode({"a": NAN, "b": INF, "c": -INF, "d": 1.5})) == {
        "a": "NaN",
        "b": "Infinity",
        "c": "-Infinity",
        "d": 1.5,
    }
    assert json.loads(encode({"deep": [{"x": (NAN,)}]})) == {"deep": [{"x": ["NaN"]}]}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_keeps_every_bit(number: float) -> None:
    assert struct.pack("d", json.loads(encode({"x": number}))["x"]) == struct.pack("d", number)


FINITE = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64 - 1)


@given(st.dictionaries(st.text(), FINITE))
def test_numbers_that_msgspec_writes_are_read_as_those_that_json_writes(numbers: dict[str, float]) -> None:
    quick, line, plain = quick_encoder(), bytearray(b"what was written before"), bytearray()
    assert quick is not encode_into
    quick({"seq": 1, "values": numbers}, line)
    encode_into({"seq": 1, "values": numbers}, plain)
    assert b"\n" not in line
    assert json.loads(line) == json.loads(plain) == {"seq": 1, "values": numbers}


@given(st.dictionaries(st.text(), st.text()))
def test_any_text_comes_back(texts: dict[str, str]) -> None:
    line = encode(texts)
    line.encode("ascii")
    assert "\n" not in line
    assert json.loads(line) == texts


def test_arrays_sets_and_objects_are_said_as_well_as_they_can_be() -> None:
    said = json.loads(
        encode(
            {
                "scalar": numpy.float32(0.5), "nan": numpy.float32("nan"), "array": numpy.arange(3),
                "set": {2, 1}, "path": pathlib.PurePosixPath("a/b"),
            }
        )
    )  # fmt: skip
    assert said == {"scalar": 0.5, "nan": "NaN", "array": [0, 1, 2], "set": ["1", "2"], "path": "a/b"}


def test_keys_that_json_does_not_have_become_text() -> None:
    assert json.loads(encode({("a", 1): 1.0})) == {"('a', 1)": 1.0}


def test_what_cannot_be_said_is_a_value_error() -> None:
    circular: dict[str, object] = {}
    circular["me"] = circular
    with pytest.raises(ValueError, match="itself"):
        encode(circular)
