"""What may help a run that ran out of memory, computed from its own settings. Upstream: view. Downstream: record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gladius.store.view import RunView
from gladius.wire.events import Adjustable
from gladius.wire.steering import Suggestion

OUT_OF_MEMORY = frozenset({"cuda_out_of_memory", "out_of_memory"})
_BATCH = ("train.batch_size", "batch_size", "per_device_train_batch_size")
_ACCUMULATION = ("train.gradient_accumulation", "gradient_accumulation", "gradient_accumulation_steps")
_CHECKPOINTING = ("train.gradient_checkpointing", "gradient_checkpointing")
_LENGTH = ("data.max_length", "max_length", "max_seq_length")
_SHORTEST = 64


def suggestions(view: RunView, config: Mapping[str, Any], adjustable: Mapping[str, Adjustable]) -> list[Suggestion]:
    """For a run that ended for want of memory: what its own settings leave to try, gentlest first; else nothing."""
    code = (view.current.error or {}).get("code")
    if not view.ended or (code not in OUT_OF_MEMORY and view.state != "out_of_memory"):
        return []
    settings = _flat(config)
    for name, one in adjustable.items():
        # What was set while it trained counts, not what it was launched with.
        settings[one.key if one.key in settings else name] = one.value
    return [*_smaller_batch(settings), *_recompute(settings), *_shorter(settings)]


def _smaller_batch(settings: Mapping[str, Any]) -> Iterator[Suggestion]:
    """The same samples in each optimizer step, fewer of them at a time."""
    batch_key, batch = _find(settings, _BATCH)
    accumulation_key, accumulation = _find(settings, _ACCUMULATION)
    if not _is_count(batch) or batch < 2 or batch_key is None:
        return
    parts = next(divisor for divisor in range(2, batch + 1) if batch % divisor == 0)
    smaller = batch // parts
    if accumulation_key is None or not _is_count(accumulation):
        text = f"Batches of {smaller} instead of {batch}; each step then averages over fewer samples."
        yield Suggestion(code="smaller_batch", text=text, overrides={batch_key: smaller})
        return
    more = accumulation * parts
    text = f"Batches of {smaller} instead of {batch}, {more} of them a step instead of {accumulation}: as many samples a step."
    yield Suggestion(code="smaller_batch", text=text, overrides={batch_key: smaller, accumulation_key: more})


def _recompute(settings: Mapping[str, Any]) -> Iterator[Suggestion]:
    key, value = _find(settings, _CHECKPOINTING)
    if key is not None and value is False:
        text = "Gradient checkpointing: activations are computed again instead of kept: less memory for more time."
        yield Suggestion(code="gradient_checkpointing", text=text, overrides={key: True})


def _shorter(settings: Mapping[str, Any]) -> Iterator[Suggestion]:
    key, value = _find(settings, _LENGTH)
    if key is None or not _is_count(value) or value // 2 < _SHORTEST:
        return
    text = f"At most {value // 2} tokens of a record instead of {value}: longer ones are cut."
    yield Suggestion(code="shorter_sequences", text=text, overrides={key: value // 2})


def _find(settings: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str | None, Any]:
    return next(((key, settings[key]) for key in keys if key in settings), (None, None))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value})
    return flat
