"""Start the ranks of a small job, and steer them from outside. For tests of several processes."""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gladius.pulse.control import Command, Mailbox, new_command_id
from gladius.pulse.events import EventReader
from gladius.pulse.rundir import RunDir

HERE = Path(__file__).parent
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")


_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "torch",
        "torch.distributed",
        "torch.nn.parallel",
        "torch.distributed.fsdp",
        "torch.distributed.checkpoint",
        "gladius.integrations.torch_loop",
        "transformers.trainer",
    ]
)


class Job:
    """Two processes that train together in one run directory."""

    def __init__(self, folder: Path, spawn: Callable[..., Any], until: Callable[..., Any]) -> None:
        self.folder, self.until, self._spawn = folder, until, spawn
        folder.mkdir(parents=True, exist_ok=True)
        self.dir = RunDir(folder / "run")
        self.plan = folder / "plan.json"
        self.ranks: list[Any] = []
        self.launcher: Any = None

    def planned(self, **plan: Any) -> Job:
        self.plan.write_text(json.dumps({"folder": str(self.folder), **plan}))
        return self

    def environment(self, **more: str) -> dict[str, str]:
        source = str(HERE.parents[1] / "src")
        path = os.pathsep.join([source, str(HERE)])
        return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "GLADIUS_RUN_DIR": str(self.dir.root), **more}

    def start(self, module: str = "ranks_training", **more: str) -> Job:
        """Start both ranks as torchrun would, forked from a process that has loaded torch already."""
        port = _free_port()
        for rank in "01":
            env = self.environment(
                RANK=rank, LOCAL_RANK=rank, WORLD_SIZE="2", LOCAL_WORLD_SIZE="2", MASTER_ADDR="127.0.0.1",
                MASTER_PORT=port, **more,
            )  # fmt: skip
            log = str(self.folder / f"output-{rank}")
            child = _FORKS.Process(target=_be_a_rank, args=(module, str(self.plan), env, log), daemon=True)
            child.start()
            self.ranks.append(child)
        return self

    def launch(self, *command: Any) -> Job:
        """Start them by a launcher."""
        self.launcher = self._spawn(*command, env=self.environment())
        return self

    def end(self, code: int | None = 0) -> list[dict[str, Any]]:
        """Wait until all have ended, and return what each rank tells."""
        if self.launcher is not None:
            output, errors = self.launcher.communicate(timeout=90)
            assert code is None or self.launcher.returncode == code, errors[-3000:] + output
        for child in self.ranks:
            child.join(60)
            assert child.exitcode is not None
            assert code is None or child.exitcode == code, self._output()
        self.ranks, self.launcher = [], None
        return self.told() if code == 0 else []

    def told(self) -> list[dict[str, Any]]:
        """What each rank tells in the end."""
        return [json.loads((self.folder / f"rank-{rank}.json").read_text()) for rank in range(2)]

    def clear_away(self) -> None:
        """A launcher's processes are in sessions of their own, and hold its pipes for as long as they live."""
        for child in self.ranks:
            child.kill()
        if self.launcher is not None and self.launcher.poll() is None:
            for rank in (0, 1):
                with contextlib.suppress(OSError):
                    self.kill(rank)

    def _output(self) -> str:
        return "".join(path.read_text()[-2000:] for path in sorted(self.folder.glob("output-*")))

    # Ranks that wait in the body of a step

    def hold_back(self, step: int, *ranks: int) -> None:
        for rank in ranks:
            (self.folder / f"wait-{step}-{rank}").touch()

    def reached(self, step: int, *ranks: int) -> None:
        for rank in ranks:
            self.until(lambda rank=rank: (self.folder / f"at-{step}-{rank}").exists() or self._failed(), 60)

    def let_go(self, step: int, *ranks: int) -> None:
        for rank in ranks:
            (self.folder / f"wait-{step}-{rank}").unlink()

    def _failed(self) -> bool:
        """Fails the test where a rank ended that should not have."""
        assert all(child.exitcode in (None, 0) for child in self.ranks), self._output()
        assert self.launcher is None or self.launcher.poll() in (None, 0), self.launcher.communicate()[1][-3000:]
        return False

    # A person

    def order(self, command: str, **args: Any) -> Command:
        """Post a command and wait until it was accepted."""
        posted = Command(new_command_id(), command, 1, args, issued_by="a test")
        posted = posted._replace(attempt=self.events("hello")[-1]["attempt"])
        Mailbox(self.dir.control).post(posted)
        self.until(lambda: self.acks(posted) or self._failed())
        return posted

    def ask(self, command: str, **args: Any) -> dict[str, Any]:
        """Post a command and wait for its last answer."""
        posted = self.order(command, **args)
        return self.until(lambda: [ack for ack in self.acks(posted) if ack["state"] != "accepted"] or self._failed())[0]

    def answer(self, command: Command) -> dict[str, Any]:
        """The last answer to a command, once it is there."""
        return self.until(lambda: [ack for ack in self.acks(command) if ack["state"] != "accepted"] or self._failed())[
            0
        ]

    def kill(self, rank: int, number: int = signal.SIGKILL) -> int:
        pid = int((self.folder / f"pid-{rank}").read_text())
        os.kill(pid, number)
        return pid

    def acks(self, command: Command) -> list[dict[str, Any]]:
        return [ack for ack in self.events("ack") if ack["command_id"] == command.id]

    def events(self, type_: str) -> list[dict[str, Any]]:
        return [event for event in EventReader(self.dir.events).read_all() if event["type"] == type_]

    def states(self) -> list[str]:
        return [event["state"] for event in self.events("state")]

    def steps(self) -> list[int]:
        return [event["step"] for event in self.events("metrics") if "train/loss" in event["values"]]


def _be_a_rank(module: str, plan: str, env: dict[str, str], log: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.argv = [module, plan]
    sys.path.insert(0, str(HERE))
    importlib.import_module(module).main()


def _free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])
