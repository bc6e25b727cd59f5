"""The checkpoints that led to where a run is. Upstream: events. Downstream: start (in the trainer), launch (from outside)."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Optional, Sequence


def checkpoints_of_the_course(
    told: Sequence[Mapping[str, Any]], began: Mapping[int, Optional[int]]
) -> Iterator[Mapping[str, Any]]:
    """Yield the `checkpoint` events that published a folder, those of the newest attempt first, each attempt's newest first.

    `told` has them as written, oldest first; `began` maps each attempt to the step that it went on from, None where it
    began anew. What an attempt left behind when it went back to an earlier step is none of the course.
    """
    bound: Optional[int] = None
    for attempt in sorted(began, reverse=True):
        for event in reversed(told):
            if event.get("attempt") == attempt and _published(event) and not _is_beyond(event, bound):
                yield event
        origin = began[attempt]
        if origin is not None:
            bound = origin if bound is None else min(bound, origin)


def _published(event: Mapping[str, Any]) -> bool:
    return not event.get("failed") and isinstance(event.get("path"), str)


def _is_beyond(event: Mapping[str, Any], bound: Optional[int]) -> bool:
    step = event.get("step")
    return bound is not None and isinstance(step, int) and step > bound
