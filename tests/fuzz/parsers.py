"""What reads text that somebody else wrote, each with a property that holds for any bytes. Upstream: none. Downstream: fuzzing, `make test`.

A parser may refuse, in the one way that it promises; whatever else it raises, and whatever it says that is not so, is a defect.
"""

from __future__ import annotations

import functools
import io
import json
import math
import os
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml.composer import ReusedAnchorWarning

from gladius.catalog import files
from gladius.errors import ConfigError, FieldErrors
from gladius.flows.command_text import read_command
from gladius.flows.flow import parse as parse_flow
from gladius.pulse.events import EventReader
from gladius.store.blocks import decode_block
from gladius.store.grep import Search, forwards
from gladius.supervise.scrape import Scraper
from pulse_wrapper import TrainingStatus, read_training_status

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
FIELDS = {"epoch", "total_epochs", "loss", "status", "message", "timestamp"}


@functools.cache
def desk() -> tempfile.TemporaryDirectory[str]:
    """Where a text lies while it is read; removed with this process, or by the one that started it (GLADIUS_FUZZ_DESK)."""
    return tempfile.TemporaryDirectory(prefix="gladius-fuzz-", dir=os.environ.get("GLADIUS_FUZZ_DESK", MEMORY))


def at_desk(name: str) -> Path:
    return Path(desk().name) / name


@dataclass(frozen=True)
class Parser:
    """`holds` raises when the property does not hold; `words` are what its language is made of; `found` once did not hold."""

    name: str
    holds: Callable[[bytes], None]
    words: tuple[bytes, ...]
    found: tuple[bytes, ...] = ()


def status(data: bytes) -> None:
    """A status is read whole, six fields and no more, or not at all."""
    path = at_desk("training_status.json")
    path.write_bytes(data)
    read = read_training_status(path)
    if read is not None:
        assert set(read) == FIELDS
        judged = TrainingStatus.judge(read, 0.0)
        assert 0 <= judged.progress <= 100
        assert all(math.isfinite(read[name]) for name in ("epoch", "total_epochs", "loss", "timestamp"))


def events(data: bytes) -> None:
    """However the bytes arrive, the same events are read and the same lines called damaged."""
    path = at_desk("events.jsonl")
    path.write_bytes(data)
    whole = EventReader(path)
    read = list(whole)
    path.write_bytes(data[: len(data) // 2])
    parts = EventReader(path)
    first = list(parts)
    with path.open("ab") as file:
        file.write(data[len(data) // 2 :])
    assert repr(first + list(parts)) == repr(read)
    assert parts.damaged == whole.damaged


def blocks(data: bytes) -> None:
    """What is decoded in bulk is what each line says by itself."""
    lines = [line for line in data.split(b"\n") if line]
    block = decode_block(lines, -1) if lines else None
    if block is None:
        return
    told = [json.loads(line) for line in lines]
    assert block.seqs.tolist() == [event["seq"] for event in told]
    assert {event["attempt"] for event in told} == {block.attempt}
    for column in block.columns:
        assert [float(told[row]["values"][column.name]) for row in column.rows] == column.values().tolist()
    assert sum(len(column.rows) for column in block.columns) == sum(len(event["values"]) for event in told)


def yaml(data: bytes) -> None:
    """A mapping whose keys have lines, or a ConfigError that names one."""
    path = at_desk("profile.yaml")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            read = files.parse(path, data, ("name", "engine"), "Write it as YAML.")
    except ConfigError as error:
        assert error.line is not None
        assert str(path) in str(error)
        return
    for error in files.unknown_keys(path, read, ("name", "engine")):
        assert error.line is not None
    files.plain(read)


def text_command(data: bytes) -> None:
    """An order, or mistakes that each name a line which is there."""
    text = data.decode("utf-8", "replace")
    try:
        order = read_command(text)
    except FieldErrors as error:
        assert error.errors
        assert all(1 <= one["line"] <= text.count("\n") + 1 for one in error.errors)
        return
    assert set(order.values) == set(order.lines)
    assert order.epochs is None or order.epochs > 0


def flow(data: bytes) -> None:
    """A flow that can be run, or problems."""
    read = parse_flow(data, at_desk("mine.json"))
    assert read.steps or read.problems
    assert all((one.line or 1) >= 1 and one.message for one in read.problems)
    read.model_dump_json()


def printed(data: bytes) -> None:
    """What a program prints never stops its supervisor, and cut anywhere it says the same."""
    whole = Scraper()
    read = whole.feed(data) + whole.finish()
    parts = Scraper()
    again = parts.feed(data[: len(data) // 3]) + parts.feed(data[len(data) // 3 :]) + parts.finish()
    assert repr(read) == repr(again)
    assert all(0 <= one.offset <= len(data) for one in read)


def search(data: bytes) -> None:
    """A plain search finds the lines that hold the words, no more and no fewer."""
    query, _, log = data.partition(b"\n")
    words = query.decode("utf-8", "replace")
    if not words or "\x1b" in words or "\r" in words or b"\x1b" in log:
        return
    request = {"q": words, "regex": False, "word": False, "case": True, "newest": False, "limit": 1 << 20}
    found = Search(request)
    assert found.run(forwards(io.BytesIO(log), 0, 1))
    lines = log.decode("utf-8", "replace").split("\n")
    if not lines[-1]:
        lines.pop()
    expected = [number for number, line in enumerate(lines, 1) if words in line.rstrip("\r")]
    assert [hit["line"] for hit in found.hits] == expected


_JSON = (b"{", b"}", b"[", b"]", b'"', b":", b",", b"\n", b"1e999", b"NaN", b"-1", b"0", b"true", b"null", b'"\\ud800"')
_EVENT = b'{"seq":0,"time":1.5,"attempt":1,"type":"metrics","step":3,"epoch":0.5,"values":{"train/loss":2.5}}\n'
_STATUS = b'{"epoch":1.5,"total_epochs":3,"loss":0.25,"status":"running","message":"at work","timestamp":1700000000}'
_FLOW = b'{"id":"mine","steps":[{"id":"a","cmd":"STATUS"},{"id":"b","cmd":"TRAIN","args":{"profile":"${steps.a.x}"}}]}'
PARSERS = (
    Parser("status", status, (_STATUS, *_JSON, b'"status":', b'"error"', b'"loss":', b'"timestamp":')),
    Parser("events", events, (_EVENT, *_JSON, b'"seq":1', b'"type":"ack"', b'"attempt":2', b'"time":', b"\r\n", b"\x00")),
    Parser("blocks", blocks, (_EVENT, _EVENT.replace(b'"seq":0', b'"seq":1'), *_JSON, b'"seq":7', b'"values":{', b'"a":1'),
           (_EVENT.replace(b'"step"', b'"s\xe0tep"'),)),
    Parser(
        "yaml",
        yaml,
        (b"name: x\n", b"engine: script\n", b"  ", b"- ", b"&a ", b"*a", b"<<: ", b"!!python/object", b"? ", b"|\n", b">\n",
         b"\t", b"{", b"}", b"[", b"]", b"'", b'"', b"#", b"%YAML 1.1\n", b"---\n", b"!!timestamp ", b"0b1", b"1:30", b"\n"),
        (b"<<:\n  ::",),
    ),
    Parser(
        "text command",
        text_command,
        (b"TRAIN AGENT\n", b"INDEX KNOWLEDGE\n", b'PROFILE="tiny"\n', b'DATA_PATH="a\\"b"\n', b'EPOCHS="1e9"\n',
         b'EPOCHS="nan"\n', b'MODE="x"\n', b'PATH="/"\n', b"=", b'"', b"\\", b"\r", b"\xef\xbb\xbf", b" ", b"\n"),
    ),
    Parser("flow", flow, (_FLOW, *_JSON, b'"on_failure":', b'"retry"', b'"args":', b'"TRAIN"', b"${args.x}", b"${", b'"id":')),
    Parser(
        "printed",
        printed,
        (b"loss: 0.5", b"Epoch ", b"step ", b"batch ", b" loss ", b"{'loss': ", b"Step [1/9] ", b"{'loss': 1.5, 'epoch': 0.5}", b"12%|##| 3/9 [00:01<00:02, loss=1]", b"9" * 400,
         b"\r", b"\n", b"nan", b"inf", b"1,2", b"\x1b[0m", b"expert 3 loss", b"1e5", b"[1]", b"()", b"{'loss': 1, ", b"}", b" lr "),
        (b"step " + b"9" * 400 + b" loss 1\n", b"{'loss': 1, {1, 2}}\n", b"{'loss': 1, {[1]}}\n"),
    ),
    Parser("search", search, (b"loss", b"\n", b"\r", b"a", b"A", b"\xc3\xa9", b"\xc4\xb0", b"\xff", b"ss", b"\xc3\x9f", b"0.5")),
)  # fmt: skip
