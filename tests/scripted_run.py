"""A plain trainer process that writes a run with nothing but the protocol's writers, one order at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from gladius.pulse.rundir import Home

_SCRIPT = """
import json, sys, time
from gladius.pulse.control import Mailbox
from gladius.pulse.events import EventWriter
from gladius.pulse.identity import Identity
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import Home
from pulse_wrapper import write_running_status, write_done_status

home, name, hello = Home(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
run = home.new_run(name, {"source": "script", "engine": "script"})
run.write_attempt(1, {"argv": sys.argv, "env": [], "launcher": None})
lock = FileLock(run.trainer_lock)
lock.acquire()
writer, log, me = EventWriter(run.events, 1), open(run.console_log, "ab", buffering=0), Identity.current()
write_running_status(run.status, 0.0, 3.0, 0.0, "Preparing")
writer.write("hello", {"run_id": run.run_id, "pid": me.pid, "host": me.host, **hello}, durable=True)
writer.write("state", {"state": "running"}, durable=True)
mailbox, step = Mailbox(run.control), 0
print(run.run_id, flush=True)
for line in sys.stdin:
    order = json.loads(line)
    for values in order.get("metrics", []):
        writer.metrics({key: float(value) for key, value in values.items()}, step, step / 100, None)
        step += 1
    for _ in range(order.get("steps", 0)):
        writer.metrics({"train/loss": 5.0 / (step + 1)}, step, step / 100, None)
        log.write(b"step %d\\n" % step)
        step += 1
        time.sleep(order.get("every", 0))
    for type_, fields in order.get("events", []):
        writer.write(type_, fields, durable=True)
    if "print" in order:
        log.write(order["print"].encode("utf-8", "surrogateescape"))
    if "status" in order:
        write_running_status(run.status, *order["status"])
    if order.get("obey"):
        for command in mailbox.scan():
            writer.write("ack", {"command_id": command.id, "state": "accepted"}, durable=True)
            writer.write("ack", {"command_id": command.id, "state": "applied", "step": step}, durable=True)
    if order.get("finish"):
        writer.write("state", {"state": "done"}, durable=True)
        write_done_status(run.status, 3.0, 3.0, 0.5)
    print("done", flush=True)
"""


class ScriptedRun:
    """The process and its run. `order` returns when the process did what was asked."""

    def __init__(self, spawn: Callable[..., Any], home: Home, name: str = "scripted", **hello: Any) -> None:
        facts = {
            "total_epochs": 3,
            "total_steps": 300,
            "steps_per_epoch": 100,
            "capabilities": ["pause", "resume", "stop"],
        }
        argv = [sys.executable, "-c", _SCRIPT, home.root, name, json.dumps({**facts, **hello})]
        self.process: subprocess.Popen[str] = spawn(*argv, stdin=subprocess.PIPE, stderr=None)
        assert self.process.stdout is not None
        self.run_id = self.process.stdout.readline().strip()
        assert self.run_id, "the trainer did not start"
        self.directory = home.run(self.run_id)

    def order(self, order: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Do as asked: metrics, steps (+ every), events, print, status, obey, finish."""
        self.begin(order, **more)
        self.wait()

    def begin(self, order: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Ask, and do not wait."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({**(order or {}), **more}) + "\n")
        self.process.stdin.flush()

    def wait(self) -> None:
        """Wait until what was asked last is done."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == "done"

    def end(self) -> None:
        """Finish and leave."""
        self.order(finish=True)
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.stdin = None
        self.process.wait(10)
