"""At once, then at most thirty times a second."""

from __future__ import annotations

from gladius.hub.pacing import Bucket


def test_the_first_passes_at_once_and_no_second_has_more_than_thirty() -> None:
    bucket, passed, now = Bucket(), [], 1000.0
    while now < 1010.0:
        if bucket.take(now):
            passed.append(now)
        now += 0.001
    assert passed[0] == 1000.0
    for start in passed:
        assert sum(start <= one < start + 1.0 for one in passed) <= 30
    assert len(passed) > 270


def test_a_refusal_says_when_to_come_again() -> None:
    bucket = Bucket()
    while bucket.take(5.0):
        pass
    assert not bucket.take(bucket.not_before - 0.001)
    assert bucket.take(bucket.not_before)
