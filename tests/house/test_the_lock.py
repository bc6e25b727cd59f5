"""The lock has a version with hashes for whatever the console asks for, and one that it can live with."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
ENTRY = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)[^\n]*\\\n(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}[ \\]*\n?)+)", re.M
)


def test_everything_that_is_asked_for_is_locked_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [Requirement(line) for line in (*project["dependencies"], *extras["tensorboard"], *extras["index"])]
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked: dict[str, list[str]] = {}
    for entry in ENTRY.finditer(text):
        locked.setdefault(canonicalize_name(entry["name"]), []).append(entry["version"])
    assert sum(map(len, locked.values())) == sum("==" in line for line in text.splitlines() if line[:1] not in "# "), (
        "an entry without hashes"
    )
    for one in wanted:
        versions = locked.get(canonicalize_name(one.name), [])
        assert versions, f"{one.name} is not locked: make lock"
        assert all(one.specifier.contains(Version(version), prereleases=True) for version in versions), one
