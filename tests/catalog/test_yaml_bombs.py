"""YAML that is small to write and huge to read is refused before it is made into anything."""

from __future__ import annotations

import time

import pytest

from gladius.yaml_text import TooMuch, load


def grown(first: str, line: str) -> str:
    """Nine levels, each ten times the one before."""
    return first + "".join(line.format(n=n, ten=",".join([f"*a{n - 1}"] * 10)) for n in range(1, 9))


BOMBS = {
    "size": "a: " + "x" * 300_000,
    "values": "a: [" + "1," * 100_000 + "1]",
    "aliases": grown("a0: &a0 [x]\n", "a{n}: &a{n} [{ten}]\n"),
    "merges": grown("a0: &a0 {k: 1}\n", "a{n}: &a{n}\n  <<: [{ten}]\n  k{n}: 1\n"),
    "itself": "a: &a {b: *a}",
    "lists": "a: " + "[" * 100_000,
    "closed lists": "a: " + "[" * 5000 + "]" * 5000,
    "mappings": "a: " + "{a: " * 50_000,
    "dashes": "- " * 100_000,
    "indents": "\n".join(" " * n + f"k{n}:" for n in range(600)),
}


@pytest.mark.parametrize("kind", ["safe", "rt"])
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_at_once(name: str, kind: str) -> None:
    # Processor time, and three times what it takes at most (32 ms, measured): a machine that is busy must not fail it.
    began = time.process_time()
    with pytest.raises(TooMuch):
        load(BOMBS[name], kind)  # type: ignore[arg-type]
    assert time.process_time() - began < 0.1


def test_what_people_write_is_read() -> None:
    text = "base: &base {rate: 1e-4, on: true}\nmine:\n  <<: *base\n  list: [1, 2, {a: b}]\n"
    assert load(text)["mine"] == {"rate": 1e-4, "on": True, "list": [1, 2, {"a": "b"}]}
    assert load("") is None and load("plain") == "plain"
