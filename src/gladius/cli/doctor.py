"""`gladius doctor`: what works here, and how to mend what does not. Upstream: the person. Downstream: this machine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import typer

from gladius.cli.output import Json, console, print_json
from gladius.pulse.lock import is_held
from gladius.pulse.rundir import Home
from gladius.store.soundness import all_problems
from gladius.store.watch import is_shared
from gladius.supervise.machine import NoGpus, find_gpus

_LEAST_FREE_BYTES = 5 * 10**9
_MARKS = {
    "works": "[green]✓ works  [/green]",
    "limited": "[yellow]! limited[/yellow]",
    "broken": "[red]✗ broken [/red]",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `mend` says what to do where it is not well."""

    name: str
    state: Literal["works", "limited", "broken"]
    detail: str
    mend: str = ""


def add_to(app: typer.Typer) -> None:
    """Add the verb `doctor`."""
    app.command()(doctor)


def doctor(as_json: Json = False) -> int:
    """Say what works here, each problem with its mend; exit 1 when something is broken."""
    home = Home()
    checks: tuple[Callable[[Home], Iterator[Finding]], ...] = (
        _python,
        _platform,
        _home,
        _files,
        _port,
        _trainers,
        _gpus,
        _page,
    )
    findings = [finding for check in checks for finding in check(home)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            console.print(f"{_MARKS[finding.state]}  {finding.name}: {finding.detail}")
            if finding.mend:
                console.print(f"            {finding.mend}", style="dim")
    return 1 if any(finding.state == "broken" for finding in findings) else 0


def _python(_: Home) -> Iterator[Finding]:
    yield Finding("Python", "works", f"{platform.python_version()} at {sys.executable}")


def _platform(_: Home) -> Iterator[Finding]:
    name = f"{platform.system()} {platform.release()} {platform.machine()}"
    if sys.platform == "linux":
        yield Finding("Platform", "works", name)
    elif sys.platform == "darwin":
        unproved = "file changes are polled, and process identity goes by pid alone"
        yield Finding(
            "Platform", "limited", f"{name}: {unproved}", "Everything else is meant to work; it is not tested here."
        )
    else:
        unproved = "launching and steering processes needs POSIX process groups"
        yield Finding(
            "Platform", "limited", f"{name}: {unproved}", "Start trainings on Linux; the server and its readers work."
        )


def _home(home: Home) -> Iterator[Finding]:
    try:
        home.create()
        with tempfile.TemporaryFile(dir=home.root):
            pass
    except OSError as error:
        yield Finding("Home", "broken", f"{home.root}: {error.strerror}", "Set GLADIUS_HOME to a folder you may write.")
        return
    if is_shared(home.root):
        mend = "Changes are polled there; a local disk shows them at once."
        yield Finding("Home", "limited", f"{home.root}, which other machines may share", mend)
    else:
        yield Finding("Home", "works", str(home.root))
    free = shutil.disk_usage(home.root).free
    detail = f"{free / 1e9:.1f} GB free"
    if free < _LEAST_FREE_BYTES:
        yield Finding("Disk", "limited", detail, "Checkpoints need room: free some, or move GLADIUS_HOME.")
    else:
        yield Finding("Disk", "works", detail)


def _files(home: Home) -> Iterator[Finding]:
    """The home's own files: what the console leaves out because it cannot be read."""
    try:
        found = [one for one in all_problems(home) if one.level == "attention"]
    except OSError as error:
        yield Finding("Files", "broken", str(error), "Look at the disk.")
        return
    for one in found:
        yield Finding("Files", "limited", one.message, one.hint)
    if not found:
        yield Finding("Files", "works", "history, runs and commands can be read")


def _port(home: Home) -> Iterator[Finding]:
    if is_held(home.server_lock):
        yield Finding("Server", "works", f"one runs for this home, see {home.server_json}")
        return
    from gladius.server.serve import DEFAULT_PORT

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", DEFAULT_PORT))
        except OSError as error:
            mend = "'gladius up --port 0' takes a free one."
            yield Finding("Port", "limited", f"{DEFAULT_PORT} cannot be used: {error.strerror}", mend)
            return
    yield Finding("Port", "works", f"{DEFAULT_PORT} is free")


def _trainers(_: Home) -> Iterator[Finding]:
    for name in ("torch", "transformers", "datasets", "peft"):
        if importlib.util.find_spec(name) is None:
            mend = "pip install 'gladius-console[recipe]' brings what the built-in recipe needs."
            yield Finding(name, "limited", "not installed beside Gladius", mend)
        else:
            yield Finding(name, "works", importlib.metadata.version(name))


def _gpus(_: Home) -> Iterator[Finding]:
    gpus = find_gpus()
    if isinstance(gpus, NoGpus):
        yield Finding(
            "GPU", "limited", "no NVIDIA driver answers", "Training runs on the CPU; GPU figures stay a dash."
        )
    for gpu in gpus.sample(set()):
        yield Finding(f"GPU {gpu['index']}", "works", str(gpu["name"]))


def _page(_: Home) -> Iterator[Finding]:
    from gladius.server.pages import ASSETS

    if (ASSETS / "index.html").exists():
        yield Finding("Page", "works", "built into this installation")
    else:
        yield Finding(
            "Page", "broken", "the browser page is not built", "In a checkout: make demo. Else install the wheel again."
        )
