"""What logging costs a trainer, what a SIGKILL takes, what an import and an install cost. Upstream: client.py. Downstream: rows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import gladius
from bench.peers import client
from bench.peers.environments import Environment
from bench.rows import Row, idle_share

REPEATS, HZ, PACED = 5, 200, 400
LIMITS = ("json", "msgspec")
# As many calls as take a second or two.
CALLS = {
    "json": 10_000, "msgspec": 10_000, "gladius": 10_000, "trackio": 10_000, "wandb": 5_000, "tensorboard": 1_500,
    "mlflow": 200, "mlflow async": 500, "aim": 1_000, "swanlab": 500, "dvclive": 300,
}  # fmt: skip
MODULES = {
    "json": "json", "msgspec": "msgspec", "tensorboard": "tensorboardX", "gladius": "gladius; gladius.start",
    "dvclive": "dvclive", "trackio": "trackio", "wandb": "wandb", "mlflow": "mlflow", "aim": "aim", "swanlab": "swanlab",
}  # fmt: skip


class Writers:
    """Runs the clients, each in its own interpreter and an empty folder."""

    def __init__(self, environments: dict[str, Environment], work: Path) -> None:
        self._environments = environments
        self._work = work
        self._template = work / "mlflow-template.db"

    @property
    def names(self) -> list[str]:
        """Everybody who can be measured: the bare limits, Gladius, and the peers that are installed, in both their modes."""
        peers = [name for name in CALLS if name.split()[0] in self._environments]
        return [*LIMITS, *(["gladius"] if "gladius" not in peers else []), *peers]

    def measure(self, names: Iterable[str] | None = None, repeats: int = REPEATS) -> list[Row]:
        """Calls and kills, everybody in turn within each repeat, so that the machine's noise falls on all of them."""
        wanted = list(names or self.names)
        found: dict[tuple[str, str], list[float]] = {}
        for _ in range(repeats):
            for name in wanted:
                for pace, hz, calls in (("in a tight loop", 0, CALLS[name]), (f"at {HZ} Hz", HZ, PACED)):
                    us, lost, idle = self._killed(name, hz, calls)
                    found.setdefault((f"log call {pace}", name), []).append(us)
                    found.setdefault((f"rows lost by SIGKILL {pace}", name), []).append(lost)
                    found.setdefault((f"idle before, log call {pace}", name), []).append(idle)
        return [_row(figure, name, samples, found) for (figure, name), samples in found.items() if "idle" not in figure]

    def _killed(self, name: str, hz: int, calls: int) -> tuple[float, float, float]:
        """Microseconds of the median call, percent of the rows lost, and percent idle before."""
        folder = self.fresh(name)
        idle = idle_share()
        order = {"peer": name, "folder": str(folder), "do": "log", "calls": calls, "hz": hz, "kill": True}
        ns = self.run(name, order)["ns"]
        kept = self.run(name, {"peer": name, "folder": str(folder), "do": "kept"})["rows"]
        return median(ns) / 1000, 100 * max(0.0, calls - kept) / calls, idle

    def fresh(self, name: str) -> Path:
        """An empty folder; MLflow's has the tables that its first start of all makes, which takes seconds."""
        folder = self._work / name.replace(" ", "-")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if name.startswith("mlflow"):
            if not self._template.exists():
                self.run("mlflow", {"peer": "mlflow", "folder": str(folder), "do": "log", "calls": 1, "hz": 0})
                with_tables = folder / "mlflow.db"
                self._empty(with_tables)
                shutil.move(with_tables, self._template)
            shutil.copy(self._template, folder / "mlflow.db")
        return folder

    @staticmethod
    def _empty(database: Path) -> None:
        import sqlite3

        with sqlite3.connect(database) as open_one:
            for table in ("metrics", "latest_metrics"):
                open_one.execute(f"delete from {table}")

    def run(self, name: str, order: dict[str, Any], within_s: float = 600.0) -> dict[str, Any]:
        """Carry out an order and return its answer. Raises RuntimeError with the program's last words, TimeoutExpired."""
        out = self._work / f"{name.replace(' ', '-')}-{order['do']}.json"
        out.unlink(missing_ok=True)
        done = subprocess.run(
            self.command(name, {**order, "out": str(out)}),
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
        if not out.exists():
            raise RuntimeError((done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1])
        answer: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return answer

    def command(self, name: str, order: dict[str, Any]) -> list[str]:
        """The command that carries out an order in the peer's interpreter."""
        return [self.python(name), client.__file__, json.dumps(order)]

    def python(self, name: str) -> str:
        """The peer's interpreter; ours for Gladius and for the bare limits."""
        peer = name.split(maxsplit=1)[0]
        return sys.executable if peer in (*LIMITS, "gladius") else self._environments[peer].python

    def imports(self, names: Iterable[str] | None = None, repeats: int = 7) -> list[Row]:
        """Milliseconds of the import in fresh interpreters, byte code cached, one after the other in turn."""
        wanted = [name for name in names or self.names if name in MODULES]
        found: dict[str, list[float]] = {name: [] for name in wanted}
        idle = idle_share()
        env = {**os.environ, **client.QUIET, "PYTHONPATH": str(Path(gladius.__file__).parent.parent)}
        for _ in range(repeats + 1):
            for name in wanted:
                code = f"import time; t = time.perf_counter(); import {MODULES[name]}; print('took', time.perf_counter() - t)"
                told = subprocess.run(
                    [self.python(name), "-c", code], capture_output=True, text=True, check=False, env=env, cwd="/"
                )
                took = [line for line in told.stdout.splitlines() if line.startswith("took ")]
                if took:
                    found[name].append(1000 * float(took[-1].split()[1]))
        how = f"{repeats} fresh interpreters, byte code cached; {idle:.0f} % idle before"
        limit = {"gladius": 15.0}
        return [
            Row("import of the client", "ms", samples[1:], limit.get(name), subject=name, how=how)
            for name, samples in found.items()
            if len(samples) > 1
        ]

    def first_rows(self, names: Iterable[str] | None = None, repeats: int = 7) -> list[Row]:
        """Milliseconds of a process that imports, starts and logs one row, less those of a bare interpreter, in turn."""
        wanted = list(names or self.names)
        found: dict[str, list[float]] = {name: [] for name in wanted}
        idle = idle_share()
        for _ in range(repeats + 1):
            for name in wanted:
                order = {"peer": name, "folder": str(self.fresh(name)), "do": "log", "calls": 1, "hz": 0, "kill": True}
                began = time.perf_counter()
                self.run(name, order)
                logged = time.perf_counter()
                subprocess.run([self.python(name), "-c", ""], check=True)
                found[name].append(1000 * (2 * logged - began - time.perf_counter()))
        how = f"{repeats} processes, what they share ({', '.join(LIMITS)} show it) included; {idle:.0f} % idle before"
        return [
            Row("import, start and first row", "ms", samples[1:], None, subject=name, how=how)
            for name, samples in found.items()
        ]


def sizes(environments: dict[str, Environment]) -> list[Row]:
    """Megabytes on the disk of each environment."""
    limit = {"gladius": 120.0}
    return [
        Row(
            "installed, without trainers", "MB", [one.installed_mb], limit.get(name), subject=name, how=one.version,
            extra={"packages": one.packages},
        )
        for name, one in environments.items()
    ]  # fmt: skip


def ratios(rows: list[Row]) -> list[Row]:
    """Gladius over the bare json and write of the same repeats."""
    known = {(row.name, row.subject): row.samples for row in rows}
    found = []
    for pace in ("in a tight loop", f"at {HZ} Hz"):
        ours, bare = known[f"log call {pace}", "gladius"], known[f"log call {pace}", "json"]
        samples = [mine / limit for mine, limit in zip(ours, bare, strict=True)]
        found.append(
            Row(f"run.log {pace} / bare json + write", "x", samples, 1.5, how="medians of each repeat, in turn")
        )
    return found


def _row(figure: str, name: str, samples: list[float], found: dict[tuple[str, str], list[float]]) -> Row:
    unit = "%" if "lost" in figure else "us"
    limits = {"log call in a tight loop": 8.0, f"log call at {HZ} Hz": 50.0}
    limit = limits.get(figure, 0.0) if name == "gladius" else None
    pace = figure.rsplit(" SIGKILL ", maxsplit=1)[-1].removeprefix("log call ")
    idle = found[f"idle before, log call {pace}", name]
    calls = CALLS[name] if "tight" in pace else PACED
    how = f"{len(samples)} times {calls} calls of 10 scalars; {min(idle):.0f} to {max(idle):.0f} % idle before"
    return Row(figure, unit, samples, limit, subject=name, how=how, extra={"idle_percent": idle, "at": time.time()})
