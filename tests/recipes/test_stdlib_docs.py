"""The built-in dataset: real documentation of this Python, built once."""

import importlib
import json
import platform

import pytest

from gladius.integrations.records import read_conversations
from gladius.recipes import stdlib_docs


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    return stdlib_docs.build(folder, progress=False)


@pytest.mark.slow
def test_its_answers_are_the_documentation_of_this_python(built):
    records = [json.loads(line) for line in built.read_text(encoding="utf-8").splitlines()]
    assert len(records) > 3000
    answers = {record["instruction"]: record["output"] for record in records}
    for module, name in (("json", "dumps"), ("os.path", "commonpath"), ("textwrap", "dedent")):
        module = module.replace("os.path", "posixpath")
        documented = getattr(importlib.import_module(module), name).__doc__
        assert answers[f"What does {module}.{name} do?"][:400] in " ".join(documented.split())
    assert len(list(read_conversations(built, "alpaca"))) == len(records)


@pytest.mark.slow
def test_it_is_named_after_this_python_and_not_built_twice(built):
    assert built.name == f"stdlib-docs-{platform.python_version()}.jsonl"
    before = built.stat()
    assert stdlib_docs.build(built.parent, progress=False) == built
    assert built.stat().st_mtime_ns == before.st_mtime_ns
    assert [path.name for path in built.parent.iterdir()] == [built.name]  # no unfinished file is left
