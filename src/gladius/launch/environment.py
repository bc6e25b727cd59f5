"""Make a trainer's environment: interpreter, packages, the part of Gladius it needs. Upstream: catalog. Downstream: `gladius env`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gladius.catalog.environments import STAMP, Environment, Environments, Recipe, Variant
from gladius.errors import EnvironmentFailed, LockHeld, RunBusy
from gladius.launch.trainer_path import build_trainer_path
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import Home
from pulse_wrapper import atomic_write_json

Tell = Callable[[str], None]
_OUR_PARTS = ("gladius", "pulse_wrapper.py")
_LAST_WORDS = 15


def create(home: Home, id_: str, variant: Variant | None, tell: Tell, base: str = sys.executable) -> Environment:
    """Make it, or complete one that was left half made; one that is whole only gets this Gladius' own part anew.

    `variant` None is that of the one that is there, else the CPU's; one of the other variant is made from nothing.
    Raises EnvironmentNotFound, EnvironmentFailed after pip's last words, RunBusy while somebody else makes it, OSError.
    """
    environments = Environments.of(home)
    found = environments.get(id_)
    before = found.stamp.get("variant")
    recipe = environments.recipe(id_, variant or before or "cpu")
    environments.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(environments.folder / f".{id_}.lock")
    try:
        lock.acquire(patience=0.0)
    except LockHeld as error:
        raise RunBusy(f"The environment '{id_}' is being made already.", "Wait for it.") from error
    try:
        if found.ready and found.stamp.get("recipe") == recipe.digest:
            tell(f"{recipe.name} is there: {found.root}")
        else:
            (found.root / STAMP).unlink(missing_ok=True)
            if before not in (None, recipe.variant):
                shutil.rmtree(found.root)
            _Making(recipe, found, base, tell).make()
        _install_our_part(home, found)
    finally:
        lock.release()
    return environments.get(id_)


class _Making:
    """One environment on its way."""

    def __init__(self, recipe: Recipe, place: Environment, base: str, tell: Tell) -> None:
        self._recipe, self._place, self._base, self._tell = recipe, place, base, tell
        self._log = place.root / "gladius-environment.log"
        self._began = time.monotonic()

    def make(self) -> None:
        recipe = self._recipe
        self._step(1, f"a Python environment in {self._place.root}")
        if not self._place.python.is_file():
            self._run([self._base, "-m", "venv", str(self._place.root)], "its Python cannot make environments")
        self._step(2, f"PyTorch for {recipe.variant}: {', '.join(recipe.torch)}")
        index = os.environ.get("TORCH_INDEX")
        self._pip(recipe.torch, *(["--index-url", index] if index else []))
        self._step(3, f"{len(recipe.packages)} packages and what they bring")
        self._pip([*recipe.torch, *recipe.packages])
        self._step(4, ", ".join(recipe.alone))
        self._pip(recipe.alone, "--no-deps")
        self._put_empty_modules()
        self._step(5, f"does it work? importing {recipe.check}")
        self._run([str(self._place.python), "-c", f"import {recipe.check}"], f"{recipe.check} cannot be imported")
        self._stamp()
        self._tell(f"made in {time.monotonic() - self._began:.0f} s; {self._place.python}")

    def _step(self, number: int, what: str) -> None:
        self._tell(f"{number}/5 {what}")

    def _pip(self, packages: Sequence[str], *options: str) -> None:
        if not packages:
            return
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as limits:
            limits.write("\n".join(self._recipe.limits))
            limits.flush()
            pip = [str(self._place.python), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=off"]
            self._run([*pip, "-c", limits.name, *options, *packages], "pip failed")

    def _run(self, argv: list[str], what: str) -> None:
        """Run it with its output in the log, and tell which package is on its way."""
        self._place.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
        lines: list[str] = []
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(argv)}\n")
            with subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
            ) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    log.write(line)
                    lines.append(line.rstrip())
                    self._tell_package(line)
        if process.returncode != 0:
            self._tell("\n".join(lines[-_LAST_WORDS:]))
            raise EnvironmentFailed(self._recipe.id, what, str(self._log))

    def _tell_package(self, line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        if word == "Downloading" or (word == "Installing" and rest.startswith("collected")):
            seconds = time.monotonic() - self._began
            told = rest if word == "Downloading" else f"installing {rest.count(',') + 1} packages"
            self._tell(f"    {seconds:4.0f} s  {told}")

    def _put_empty_modules(self) -> None:
        """Stand-ins for modules that are imported by name and then not used."""
        for name in self._recipe.empty:
            folder = _site_packages(self._place) / name
            if not (folder / "__init__.py").is_file():
                folder.mkdir(exist_ok=True)
                why = f'"""Empty: {self._recipe.name} imports {name} by name also where it does not use it."""\n'
                (folder / "__init__.py").write_text(why, encoding="utf-8")

    def _stamp(self) -> None:
        """Only now is it there: whatever ends before this is begun again."""
        argv = [str(self._place.python), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
        listed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        versions = {one["name"]: one["version"] for one in json.loads(listed[listed.index("[") :])}
        facts = {"recipe": self._recipe.digest, "variant": self._recipe.variant, "made_at": time.time()}
        atomic_write_json(self._place.root / STAMP, {**facts, "versions": versions})


def _install_our_part(home: Home, place: Environment) -> None:
    """Put what runs inside a trainer there, so that its Python knows `gladius.integrations` also without a launcher."""
    target = _site_packages(place)
    if any(target.glob("gladius_console-*.dist-info")):
        return  # installed there by its owner
    source = build_trainer_path(home)
    for name in _OUR_PARTS:
        old = target / name
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
        shutil.copytree(source / name, old) if (source / name).is_dir() else shutil.copyfile(source / name, old)


def _site_packages(place: Environment) -> Path:
    ask = [str(place.python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return Path(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip())
