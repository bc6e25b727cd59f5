"""A flow's file: what it says, and every way in which it can be wrong, named by file, line and mend."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gladius.errors import FlowNotFound, StepFailed
from gladius.flows.flow import Flow, parse, read
from gladius.flows.places import places_in
from gladius.flows.shelf import BUILTIN, Flows
from gladius.flows.values import resolve


def flow(*steps: Any, **more: Any) -> str:
    return json.dumps({"id": "mine", "steps": list(steps), **more}, indent=1)


def step(cmd: Any = "STATUS", **more: Any) -> dict[str, Any]:
    return {"id": "one", "cmd": cmd, **more}


TRAIN = {"id": "train", "cmd": "TRAIN", "args": {"profile": "tiny-moe"}}
MALFORMED: dict[str, tuple[str | bytes, int, str]] = {
    "an empty file": ("", 1, '{"id": "mine"'),
    "white space": ("  \n \n", 3, '{"id": "mine"'),
    "no JSON": ("steps: 3\n", 1, "Mend the JSON"),
    "a list": ("[]", 1, "it is no object"),
    "a number": ("3", 1, "it is no object"),
    "null": ("null", 1, "it is no object"),
    "half of it": ('{\n"steps": [\n', 3, "line 3"),
    "a comma too many": ('{"id": "mine",\n"steps": [],\n}', 3, "no comma after the last one"),
    "a comma missing": ('{"id": "mine"\n"steps": []}', 2, "expecting ',' delimiter"),
    "single quotes": ("{'id': 'mine'}", 1, "double quotes only"),
    "a comment": ('{"id": "mine",\n// training\n"steps": []}', 2, "JSON has no comments"),
    "a text without an end": ('{"id": "mine\n}', 1, "invalid control character"),
    "no UTF-8": (b'{"id": "mine",\n"name": "\xff"}', 2, "no UTF-8"),
    "UTF-16": ('{"id": "mine"}'.encode("utf-16"), 1, "no UTF-8"),
    "a zero byte": ('{"id": "mi\0ne"}', 1, "invalid control character"),
    "NaN": ('{"steps": [NaN]}', 1, "'NaN' is no JSON"),
    "a number beyond all bounds": (flow(step(args={"min_free_gb": 1})).replace(": 1", ": 1e999"), 8, "beyond all bounds"),
    "half of a character": (flow(step(), name="\ud800"), 9, "half of a character"),
    "half of a character in a key": (flow(step(args={"\ud800": 1})), 7, "no argument"),
    "nested for ever": ("[" * 100_000, 1, "nested too deeply"),
    "nested sixty deep": (flow(step("TRAIN", args={"profile": "x", "overrides": json.loads("[" * 60 + "]" * 60)})), 1, "nested too"),
    "too large": ('{"id": "' + "x" * 300_000 + '"}', 1, "larger than 256 KiB"),
    "a key twice": ('{"id": "mine",\n"id": "other",\n"steps": [{"id": "a", "cmd": "STATUS"}]}', 2, "stands there twice"),
    "an unknown key": (flow(step(), stepps=[]), 9, "Did you mean 'steps'?"),
    "an id with a slash": (flow(step(), id="../mine"), 2, "is no id of a flow"),
    "an id that is no text": (flow(step(), id=3), 2, "is no id of a flow"),
    "a name that is no text": (flow(step(), name=["a"]), 9, "'name' must be a text"),
    "a description that is no text": (flow(step(), description=7), 9, "'description' must be a text"),
    "no steps": ('{"id": "mine"}', 1, "it has no 'steps'"),
    "steps that are no list": (flow(id="mine", steps="STATUS"), 3, "must be a list"),
    "an empty list of steps": (flow(), 3, "at least one step"),
    "101 steps": (flow(*({"id": f"s{i}", "cmd": "STATUS"} for i in range(101))), 404, "at most 100"),
    "a step that is a text": (flow("STATUS"), 4, "must be an object"),
    "a step without an id": (flow({"cmd": "STATUS"}), 4, "a step has no 'id'"),
    "two steps of one id": (flow(step(), step()), 9, "two steps are called 'one'"),
    "a step without a command": (flow({"id": "one"}), 4, "a step has no 'cmd'"),
    "an unknown command": (flow(step("TRIAN")), 6, "Did you mean 'TRAIN'?"),
    "a command in small letters": (flow(step("train")), 6, "Did you mean 'TRAIN'?"),
    "a command that is no text": (flow(step({})), 6, "is no command"),
    "an unknown key of a step": (flow(step(arg={})), 7, "Did you mean 'args'?"),
    "args that are no object": (flow(step(args=["a"])), 7, "'args' of a step must be an object"),
    "an unknown argument": (flow(step("TRAIN", args={"profil": "x"})), 8, "Did you mean 'profile'?"),
    "an argument missing": (flow(step("TRAIN", args={})), 7, "TRAIN needs 'profile'"),
    "an argument of another kind": (flow(step("TRAIN", args={"profile": "x", "epochs": "3"})), 9, "must be a number"),
    "a truth for a number": (flow(step(args={"gpus": True})), 8, "must be a number"),
    "less than nothing": (flow(step(args={"min_free_gb": -1})), 8, "must be at least 0"),
    "an empty text": (flow(step("TRAIN", args={"profile": " "})), 8, "is empty"),
    "argv that is a line": (flow(step("COMMAND", args={"argv": "ls -l"})), 8, "must be a list of texts"),
    "argv of nothing": (flow(step("COMMAND", args={"argv": []})), 8, '["program", "argument"]'),
    "argv with a zero byte": (flow(step("COMMAND", args={"argv": ["a\0b"]})), 8, "must be a list of texts"),
    "a format that is none": (flow(step("EXPORT", args={"run": "a", "format": "cvs"})), 9, "Did you mean 'csv'?"),
    "VALIDATE of nothing": (flow(step("VALIDATE")), 4, "one of run and dataset"),
    "VALIDATE of both": (flow(step("VALIDATE", args={"run": "a", "dataset": "b"})), 7, "and not both"),
    "a gate for a dataset": (flow(step("VALIDATE", args={"dataset": "b", "max": 1})), 9, "not of a dataset"),
    "a metric without a bound": (flow(step("VALIDATE", args={"run": "b", "metric": "x"})), 9, "'max', which is missing"),
    "an unknown way to go on": (flow(step(on_failure="ignore")), 7, "is no way to go on"),
    "retry without its way": (flow(step(on_failure="abort", retry={"times": 2})), 8, "Say on_failure 'retry'"),
    "retry that is a number": (flow(step(on_failure="retry", retry=3)), 8, '{"times": 3'),
    "retry half a time": (flow(step(on_failure="retry", retry={"times": 0.5})), 9, "whole number from 1 to 100"),
    "retry before now": (flow(step(on_failure="retry", retry={"delay_s": -1})), 9, "seconds from 0"),
    "a reference to no argument": (flow({**TRAIN, "args": {"profile": "${args.profile}"}}), 8, "no argument 'profile'"),
    "a reference that is misspelt": (flow({**TRAIN, "args": {"profile": "${args.profil}"}}, args={"profile": "x"}), 8, "Did you mean 'profile'"),
    "a reference to a later step": (flow({**TRAIN, "args": {"profile": "${steps.b.path}"}}), 8, "no step before this one"),
    "a reference to itself": (flow({**TRAIN, "args": {"profile": "${steps.train.loss}"}}), 8, "no step before this one"),
    "a result that there is not": (flow(step(), {**TRAIN, "args": {"profile": "${steps.one.path}"}}), 12, "STATUS gives no 'path'"),
    "a reference to nothing": (flow(step("COMMAND", args={"argv": ["echo", "${HOME}"]})), 10, "${HOME} names nothing"),
    "arguments that are a list": (flow(step(), args=["epochs"]), 9, '{"epochs": 3}'),
    "an argument's name with a blank": (flow(step(), args={"my epochs": 3}), 10, "is no name of an argument"),
    "an argument of no kind": (flow(step(), args={"p": {"kind": "profiles"}}), 11, "Did you mean 'profile'"),
    "a default of another kind": (flow(step(), args={"p": {"kind": "number", "default": "x"}}), 12, "fit together"),
    "a default that is a list": (flow(step(), args={"p": [1]}), 10, "is a list"),
}  # fmt: skip


def test_each_malformed_flow_is_named_by_file_line_and_mend_and_stops_no_other(tmp_path: Path) -> None:
    assert len(MALFORMED) >= 50
    for name, (text, line, words) in MALFORMED.items():
        path = tmp_path / f"{name}.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        found = read(path)
        assert found.problem is not None, name
        problem = next((one for one in found.problems if words in one.message), None)
        assert problem is not None, (name, [one.message for one in found.problems])
        assert problem.line == line, (name, problem.message)
        assert problem.message.startswith(f"{path}, line {line}: "), name
        assert problem.message.endswith((".", "}.", '"}].')) or ". " in problem.message, name
        found.model_dump_json()
    (tmp_path / "good.json").write_text(flow(step(), id="good"))
    shelf = Flows(tmp_path)
    assert len(shelf.all()) >= len(MALFORMED)
    assert shelf.get("good").problem is None
    assert shelf.get("train_default").problem is None


def test_every_mistake_of_a_file_is_told_in_the_order_of_its_lines(tmp_path: Path) -> None:
    text = flow(step("TRIAN"), step(args={"a": 1, "b": 2}), nam="x")
    lines = [problem.line or 0 for problem in parse(text.encode(), tmp_path / "a.json").problems]
    assert len(lines) == 5 and lines == sorted(lines)


def test_files_that_cannot_be_read_or_are_of_another_kind_are_listed_with_their_reason(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "train.yaml").write_text("id: train")
    (tmp_path / "a.json").write_text(flow(step(), id="same"))
    (tmp_path / "b.json").write_text(flow(step(), id="same"))
    (tmp_path / ".hidden.json").write_text("{")
    (tmp_path / "notes.md").write_text("# notes")
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff.json", os.O_CREAT | os.O_WRONLY))
    found = [one for one in Flows(tmp_path).all() if not one.builtin]
    assert len(found) == 6
    told = " ".join(one.problem or "" for one in found)
    for words in ("It is no plain file", "No such file", "in train.json", "the id 'same' is that of"):
        assert words in told
    assert next(one for one in found if one.id == "same").problem is None
    assert all(one.model_dump_json() for one in found)


def test_a_persons_flow_goes_before_the_built_in_one(tmp_path: Path) -> None:
    shelf = Flows(tmp_path)
    assert [one.id for one in shelf.all()] == ["index_and_train", "train_default"]
    (tmp_path / "mine.json").write_text(flow(step(), id="train_default", name="My own"))
    assert shelf.get("train_default").name == "My own"
    assert len(shelf.all()) == 2
    with pytest.raises(FlowNotFound, match="'gladius flow ls'"):
        shelf.get("train")


@pytest.mark.parametrize("path", sorted(BUILTIN.glob("*.json")), ids=lambda path: path.stem)
def test_the_built_in_flows_are_whole(path: Path) -> None:
    found = read(path, builtin=True)
    assert found.problems == []
    assert found.id == path.stem
    assert {"profile", "epochs"} <= {arg.name for arg in found.args}


def test_arguments_have_kinds_defaults_or_must_be_given() -> None:
    args = {"path": {"kind": "path"}, "epochs": 3, "name": None, "profile": {"kind": "profile", "default": "tiny-moe"}}
    found: Flow = parse(flow(step(), args=args).encode(), Path("a.json"))
    assert [(arg.name, arg.kind, arg.required, arg.default) for arg in found.args] == [
        ("path", "path", True, None), ("epochs", "number", False, 3), ("name", "text", False, None),
        ("profile", "profile", False, "tiny-moe"),
    ]  # fmt: skip


def test_a_reference_alone_keeps_its_kind_and_within_a_text_becomes_words() -> None:
    args, results = {"epochs": 2.0, "none": None}, {"index": {"dataset_id": "docs"}}
    given = ["${args.epochs}", "${args.none}", "e-${args.epochs}-${steps.index.dataset_id}", {"a": "$${HOME}"}]
    assert resolve(given, args, results.__getitem__) == [2.0, None, "e-2-docs", {"a": "${HOME}"}]
    with pytest.raises(StepFailed, match=r"steps\.index\.records"):
        resolve("${steps.index.records}", args, results.__getitem__)


def test_the_line_of_every_value_is_known() -> None:
    text = '{"a": [1,\n {"b": "}, {\\"",\n  "c": {}}],\n"d": "x"}'
    lines = places_in(text)
    assert [lines.line(place) for place in (("a", 0), ("a", 1, "b"), ("a", 1, "c"), ("d",), ("a", 1, "zzz"))] == [
        1,
        2,
        3,
        4,
        2,
    ]
