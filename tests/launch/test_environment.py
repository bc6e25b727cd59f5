"""Environments of trainers: made from a recipe, whole or not at all, and with the part of Gladius that runs inside a trainer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from gladius.catalog import environments as catalog
from gladius.catalog.environments import Environments
from gladius.cli.env import list_environments
from gladius.errors import EnvironmentFailed, EnvironmentMissing, EnvironmentNotFound
from gladius.launch.environment import create

RECIPE = """
name: Nothing
description: An environment with nothing in it, so that no package index is asked.
check: {check}
cpu: {{torch: [{torch}], empty: [torchaudio]}}
cuda: {{torch: [], empty: [torchaudio]}}
packages: []
alone: []
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Write the one recipe that there is."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    monkeypatch.setattr(catalog, "RECIPES", folder)
    monkeypatch.setenv("GLADIUS_ENVIRONMENTS", str(tmp_path / "environments"))

    def write(check="torchaudio", torch=""):
        (folder / "nothing.yaml").write_text(RECIPE.format(check=check, torch=torch))
        (folder / "nothing.txt").write_text("# no limits\n")

    write()
    return write


def test_an_environment_is_made_whole_or_not_at_all_and_its_python_knows_the_integrations(home, recipe, tmp_path):
    said = []
    recipe(check="no_such_module")
    with pytest.raises(EnvironmentFailed, match="no_such_module cannot be imported"):
        create(home, "nothing", "cpu", said.append)
    assert [line[:3] for line in said if line[1] == "/"] == ["1/5", "2/5", "3/5", "4/5", "5/5"]
    assert "No module named 'no_such_module'" in said[-1]
    with pytest.raises(EnvironmentMissing, match="gladius env create nothing"):
        Environments.of(home).interpreter("nothing")
    recipe(torch=f"'{tmp_path / 'none.whl'}'")
    with pytest.raises(EnvironmentFailed, match="pip failed"):
        create(home, "nothing", "cpu", said.append)
    assert "none.whl" in (tmp_path / "environments/nothing/gladius-environment.log").read_text()

    recipe()
    made = create(home, "nothing", "cpu", said.append)
    assert Environments.of(home).interpreter("nothing") == made.python == tmp_path / "environments/nothing/bin/python"
    assert (made.stamp["variant"], "pip" in made.stamp["versions"]) == ("cpu", True)
    words = "import gladius.pulse.start, gladius.integrations.llama_factory, pulse_wrapper, torchaudio; print(gladius.__file__)"
    there = subprocess.run([made.python, "-c", words], capture_output=True, text=True, check=True, cwd=tmp_path, env={})
    assert Path(there.stdout.strip()).is_relative_to(made.root)

    again = []
    assert create(home, "nothing", "cpu", again.append).stamp == made.stamp
    assert again == [f"Nothing is there: {made.root}"]
    (made.root / "of-the-cpu").touch()
    create(home, "nothing", "cuda", again.append)
    assert not (made.root / "of-the-cpu").exists(), "the other variant is made from nothing"
    assert create(home, "nothing", None, again.append).stamp["variant"] == "cuda"
    with pytest.raises(EnvironmentNotFound, match="gladius env list"):
        create(home, "other", "cpu", said.append)


def test_the_built_in_recipe_pins_all_that_it_names(home):
    for variant in ("cpu", "cuda"):
        recipe = Environments.of(home).recipe("llama-factory", variant)
        named = [*recipe.torch, *recipe.packages, *recipe.alone]
        assert all(one.count("==") == 1 for one in (*named, *recipe.limits))
        limits = {one.lower() for one in recipe.limits}
        assert {one for one in recipe.packages if one.lower() not in limits} == set()


def test_the_verb_lists_what_can_be_made(home, capsys):
    list_environments(as_json=True)
    assert json.loads(capsys.readouterr().out) == [{"id": "llama-factory", "ready": False, "python": None}]
