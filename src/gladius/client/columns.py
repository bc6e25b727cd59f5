"""Metrics as a script wants them, from the columns that the server sent. Upstream: wire. Downstream: run."""

from __future__ import annotations

import importlib
import math
from array import array
from collections.abc import Mapping
from typing import Any, TypeAlias

from gladius.wire.tensors import read_tensors

_PLACES = ("step", "epoch", "time", "log_offset")
_BOUNDS = ("min", "max")

Series: TypeAlias = "Mapping[str, Mapping[str, array[Any]]]"
"""Columns by metric; one that would say nothing is not there."""


def series_of(content: bytes) -> Series:
    """The metrics of an answer in the safetensors format: what stands behind the last slash of a name is the column."""
    found: dict[str, dict[str, array[Any]]] = {}
    for key, numbers in read_tensors(content)[0].items():
        name, _, column = key.rpartition("/")
        found.setdefault(name, {})[column] = numbers
    return found


def as_lists(series: Series) -> dict[str, dict[str, list[Any]]]:
    """Lists of one length for each metric; a place that is not known is None."""
    return {name: _lists(columns) for name, columns in series.items()}


def _lists(columns: Mapping[str, array[Any]]) -> dict[str, list[Any]]:
    values = columns["value"].tolist()
    places = {key: _known(columns[key]) if key in columns else [None] * len(values) for key in _PLACES}
    return {**places, "value": values, **{key: columns[key].tolist() if key in columns else values for key in _BOUNDS}}


def _known(numbers: array[Any]) -> list[Any]:
    if numbers.typecode == "q":
        return [one if one >= 0 else None for one in numbers]
    return [one if one == one else None for one in numbers]


def as_frame(series: Series) -> Any:
    """A pandas DataFrame in long form; a place that is not known is NaN. Raises ImportError where pandas is not."""
    pandas, numpy = importlib.import_module("pandas"), importlib.import_module("numpy")
    frames = []
    for name, columns in series.items():
        told = {**dict.fromkeys(_BOUNDS, columns["value"]), **columns}
        frame = pandas.DataFrame({key: numpy.asarray(numbers) for key, numbers in told.items()})
        for key in _PLACES:
            if key not in told:
                frame[key] = math.nan
            elif told[key].typecode == "q":
                frame[key] = frame[key].where(frame[key] >= 0)
        frames.append(frame.assign(name=name))
    ordered = ["name", *_PLACES, "value", *_BOUNDS]
    return pandas.concat(frames, ignore_index=True)[ordered] if frames else pandas.DataFrame()
