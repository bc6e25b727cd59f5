"""Each parser, for a quarter of a minute, on texts made of the words of its language and of any bytes: two minutes in all."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parsers import PARSERS, Parser

SECONDS = float(os.environ.get("GLADIUS_FUZZ_SECONDS", "15"))
_AT_ONCE = 500


@pytest.fixture(autouse=True)
def without_warnings() -> Iterator[None]:
    """A broken file is remarked on once for each change of it: here that would be thousands of lines."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_whatever_the_bytes_a_parser_keeps_its_word(parser: Parser) -> None:
    word = st.one_of(st.sampled_from(parser.words), st.sampled_from(parser.words), st.binary(max_size=6))

    @settings(max_examples=_AT_ONCE, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(word, max_size=12))
    def holds(words: list[bytes]) -> None:
        parser.holds(b"".join(words))

    for text in parser.found:
        parser.holds(text)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        holds()
