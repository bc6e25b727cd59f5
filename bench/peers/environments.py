"""An environment of its own for each peer, made once and kept. Upstream: pip. Downstream: whatever runs a peer.

They lie in `.bench/` of the repository, or where GLADIUS_BENCH_ENVIRONMENTS says. A peer that cannot be installed is left out
with its cause; the next run tries again.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
ROOT = Path(os.environ.get("GLADIUS_BENCH_ENVIRONMENTS") or REPOSITORY / ".bench")
INSTALL_S = 900
PINS: dict[str, tuple[str, ...]] = {
    "gladius": (str(REPOSITORY),),
    "trackio": ("trackio==0.43.0",),
    "wandb": ("wandb==0.31.0",),
    "tensorboard": ("tensorboard==2.21.0", "tensorboardX==2.6.5", "setuptools<81"),
    "mlflow": ("mlflow==3.17.2",),
    "aim": ("aim==3.29.1",),
    "swanlab": ("swanlab[dashboard]==0.10.3",),
    "dvclive": ("dvclive==3.49.1",),
}


@dataclass(frozen=True)
class Environment:
    """An installed peer: its interpreter, what is in it and how much room that takes."""

    name: str
    folder: Path
    packages: dict[str, str]

    @property
    def python(self) -> str:
        """The interpreter to run the peer with."""
        return str(self.folder / "bin" / "python")

    def program(self, name: str) -> str:
        """A command that the peer has installed."""
        return str(self.folder / "bin" / name)

    @property
    def version(self) -> str:
        """The peer's own packages with their versions."""
        own = [pin.split("==")[0].split("[")[0] for pin in PINS[self.name] if "==" in pin] or ["gladius-console"]
        return ", ".join(f"{name} {self.packages[name.lower()]}" for name in own)

    @property
    def installed_mb(self) -> float:
        """Megabytes that its packages take on the disk, byte code included; neither pip nor the interpreter is among them."""
        return sum(_blocks(self.folder / "lib")) / 1e6


class Refused(RuntimeError):
    """pip could not make the environment; the message is pip's own last word."""


def environment(name: str) -> Environment:
    """Return the peer's environment, installed when it is not there yet or its pins have changed. Raises `Refused`."""
    folder = ROOT / name
    made_of = {"pins": list(PINS[name]), "python": platform.python_version(), "needs": _needs(name)}
    record = folder / "made-of.json"
    if not record.exists() or json.loads(record.read_text(encoding="utf-8")) != made_of:
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
        _run([*_pip(folder), "install", "--quiet", "--disable-pip-version-check", *PINS[name]])
        record.write_text(json.dumps(made_of), encoding="utf-8")
    listed = json.loads(_run([*_pip(folder), "list", "--format", "json", "--disable-pip-version-check"]))
    return Environment(name, folder, {one["name"].lower(): one["version"] for one in listed})


def _needs(name: str) -> list[str]:
    """What Gladius asks for may change without a pin that says so."""
    if name != "gladius":
        return []
    told = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return [str(one) for one in told["project"]["dependencies"]]


def _pip(folder: Path) -> list[str]:
    return [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]


def _run(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=INSTALL_S, check=False, cwd="/")
    except subprocess.TimeoutExpired:
        raise Refused(f"not installed within {INSTALL_S} s") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise Refused(last)
    return done.stdout


def _blocks(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        if not path.is_symlink() and path.is_file():
            yield path.stat().st_blocks * 512
