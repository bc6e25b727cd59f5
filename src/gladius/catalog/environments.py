"""Python environments of trainers that cannot share ours. Upstream: recipes, the home. Downstream: profiles, launch, cli."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gladius.errors import EnvironmentMissing, EnvironmentNotFound
from gladius.pulse.rundir import Home
from pulse_wrapper import safe_read_json

RECIPES = Path(__file__).with_name("environment_recipes")
STAMP = "gladius-environment.json"
Variant = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Recipe:
    """What an environment holds; `check` is the module whose import proves that it works.

    `torch` is installed first, `packages` then, `alone` last and without dependencies; `empty` are modules that must only
    be there. `limits` hold what all these bring to the releases that were tested.
    """

    id: str
    name: str
    description: str
    check: str
    variant: Variant
    torch: tuple[str, ...]
    packages: tuple[str, ...]
    alone: tuple[str, ...]
    empty: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """A name for exactly these contents."""
        told = [self.variant, self.torch, self.packages, self.alone, self.empty, self.limits]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Environment:
    """One environment's place, and what its stamp says of it; without a stamp it is not there, or half made."""

    id: str
    root: Path
    stamp: dict[str, Any] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.root / "bin" / "python"

    @property
    def ready(self) -> bool:
        """Whether it was made to the end and its interpreter still runs."""
        return bool(self.stamp) and self.python.is_file()


class Environments:
    """The environments that there are recipes for, under one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, home: Home) -> Environments:
        """Those of a home; GLADIUS_ENVIRONMENTS names another folder for them, since they are large."""
        named = os.environ.get("GLADIUS_ENVIRONMENTS")
        return cls(Path(named).expanduser() if named else home.root / "environments")

    def ids(self) -> list[str]:
        """What there are recipes for."""
        return sorted(path.stem for path in RECIPES.glob("*.yaml"))

    def all(self) -> Iterator[Environment]:
        """Each, whether it is there or not."""
        for id_ in self.ids():
            yield self.get(id_)

    def get(self, id_: str) -> Environment:
        """One environment, there or not. Raises EnvironmentNotFound."""
        if id_ not in self.ids():
            raise EnvironmentNotFound(id_)
        root = self.folder / id_
        return Environment(id_, root, safe_read_json(root / STAMP) or {})

    def interpreter(self, id_: str) -> Path:
        """The Python of an environment. Raises EnvironmentNotFound, and EnvironmentMissing for one that is not made."""
        found = self.get(id_)
        if not found.ready:
            raise EnvironmentMissing(id_)
        return found.python

    def recipe(self, id_: str, variant: Variant) -> Recipe:
        """What belongs into it. Raises EnvironmentNotFound."""
        from gladius import yaml_text

        self.get(id_)
        told = yaml_text.load((RECIPES / f"{id_}.yaml").read_text(encoding="utf-8"))
        limits = RECIPES / f"{id_}.txt"
        lines = limits.read_text(encoding="utf-8").splitlines()
        return Recipe(
            id=id_, name=told["name"], description=told["description"], check=told["check"], variant=variant,
            torch=tuple(told[variant]["torch"]), packages=tuple(told["packages"]), alone=tuple(told["alone"]),
            empty=tuple(told[variant].get("empty", ())), limits=tuple(line for line in lines if "==" in line),
        )  # fmt: skip
