"""`gladius ls`, `tag`, `note`, `rename`, `rm`, `trash`: called within this process, which spares twenty interpreters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ended_run import ended_run
from typer.testing import CliRunner

from gladius.cli.verbs import tree
from gladius.errors import ConfigError, RequestRejected
from gladius.pulse.rundir import Home


def gladius(*words: str) -> str:
    """What a verb prints; what it raises is raised."""
    answer = CliRunner().invoke(tree(), list(words), catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def parsed(*words: str) -> Any:
    return json.loads(gladius(*words, "--json"))


def test_runs_are_tagged_described_deleted_and_restored(server_home: Home) -> None:
    run, other = ended_run(server_home, "alpha", [2.0, 0.25]), ended_run(server_home, "beta", [2.0, 0.75])
    assert gladius("tag", "alpha", "+good", "-bad", "-hot") == "good\n"
    assert parsed("tag", "alpha", "worth it")["tags"] == ["good", "worth it"]
    assert [one["name"] for one in parsed("ls", "--tag", "good", "--search", "alpha")] == ["alpha"]
    assert [one["name"] for one in parsed("ls", "--sort", "loss")] == ["alpha", "beta"]
    assert [one["name"] for one in parsed("ls", "--sort", "-loss")] == ["beta", "alpha"]
    with pytest.raises(ConfigError, match="duration"):
        gladius("ls", "--sort", "colour")
    assert "No run fits" in gladius("ls", "--tag", "x")
    gladius("note", "alpha", "The first that worked.")
    gladius("note", "alpha", "--add", "[red]Again[/red].")
    assert gladius("note", "alpha") == "The first that worked.\n[red]Again[/red].\n"
    assert gladius("rename", "alpha", "the good one") == f"{run.run_id} is 'the good one'\n"
    assert len(gladius("rm", "the good one", "beta").split()) == 2 and parsed("ls") == []
    with pytest.raises(RequestRejected, match="No run 'beta'"):
        gladius("rm", "beta")
    assert {one["run_id"] for one in parsed("trash", "ls")} == {run.run_id, other.run_id}
    assert gladius("trash", "restore", run.run_id).strip() == run.run_id
    assert gladius("trash", "empty", "--yes") == "1 removed\n" and gladius("trash", "ls") == "The trash is empty.\n"
    assert [one["name"] for one in parsed("ls")] == ["the good one"]
