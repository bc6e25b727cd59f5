"""Alerts from the file to the socket: a real server, runs written event by event, restarts between, two clients."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
from alert_story import LOST, Told, gpu
from console_server import ConsoleServer, Listener

from gladius.pulse.control import Command, Mailbox, new_command_id
from gladius.pulse.identity import Identity
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import Home

Serve = Callable[..., ConsoleServer]
Listen = Callable[..., Listener]
Until = Callable[..., Any]

UNEVEN_AND_DEAD = (0.5, 0.3, 0.2, 0.0)
EVEN = (0.25, 0.25, 0.25, 0.25)


class Now(Told):
    """A run whose events carry the time at which they are written, unless the test says another."""

    def clock(self) -> float:
        return self.now if self.now > 0 else time.time()


@pytest.fixture
def run(home: Home, spawn: Callable[..., Any]) -> Any:
    """Its process lives and its supervisor's lock is held, so that no server attaches one of its own."""
    me = Identity.of(spawn("sleep", "600").pid)
    assert me is not None
    told = Now(home, me, 0.0)
    lock = FileLock(told.directory.supervisor_lock)
    lock.acquire()
    yield told
    lock.release()


def heard(listener: Listener) -> list[tuple[str, bool]]:
    """The alerts heard of, in order: the code, and whether it lasted then."""
    return [(one["alert"]["code"], one["alert"]["ended_at"] is None) for one in listener.of("alert")]


def test_an_alert_is_told_within_a_tenth_of_a_second(run: Now, serve: Serve, listen: Listen, until: Until) -> None:
    server = serve()
    listener = listen(server, ["*"], ["alerts"])
    until(lambda: server.get("/runs")["runs"] and listener.of("hello"))
    delays = []
    for count in range(20):
        hot = count % 2 == 0
        written = time.time()
        run.sample(gpu(temperature=90 if hot else 50))
        until(lambda: len(listener.of("alert")) == count + 1, every=0.002)  # noqa: B023
        delays.append(time.time() - written)
    assert heard(listener) == [("gpu_temperature", True), ("gpu_temperature", False)] * 10
    assert median(delays) < 0.1


def test_every_condition_of_the_list_rings_and_ends_for_everybody(
    run: Now, serve: Serve, listen: Listen, until: Until
) -> None:
    server = serve()
    quick = {"expert_imbalance_seconds": 0, "dead_experts_seconds": 0, "slow_throughput_seconds": 1}
    assert server.http.put("/settings", json={"alerts": quick}).status_code == 200
    both = [listen(server, ["*"], ["alerts"]), listen(server, [run.directory.run_id], ["alerts"])]
    until(lambda: all(one.of("hello") for one in both) and server.get("/runs")["runs"])

    def rings(*codes: str, lasts: bool) -> None:
        for listener in both:
            until(lambda: {(code, lasts) for code in codes} <= set(heard(listener)))  # noqa: B023

    run.sample(gpu(0), gpu(1))
    run.sample(
        gpu(0, temperature=91, throttling="thermal", memory_run=79 * 10**9), {**LOST, "index": 1}, ram=0.95, free=0.02,
        console=2 << 30,
    )  # fmt: skip
    rings("gpu_temperature", "thermal_throttling", "gpu_memory", "gpu_lost", "memory_pressure", "disk_nearly_full",
          "console_log_large", lasts=True)  # fmt: skip
    for step in range(6):
        run.experts(step, UNEVEN_AND_DEAD)
    rings("expert_imbalance", "dead_experts", lasts=True)
    run.metrics(7, train__loss=float("nan"))
    run.trainer.write("checkpoint", {"step": 7, "kind": "auto", "failed": "No space left on device"})
    run.supervisor.write("stall", {"event": "began", "seconds": 61.0, "limit": 60.0})
    rings("non_finite_loss", "checkpoint_failed", "stalled", lasts=True)
    now = time.time()
    for second in range(100):
        run.now = now - 100 + second
        run.metrics(10 + second, train__tokens_per_second=1000.0 if second < 90 else 100.0, train__loss=1.0)
    run.now = 0.0
    rings("slow_throughput", lasts=True)

    run.supervisor.write("stall", {"event": "ended", "seconds": 0.0, "limit": 60.0})
    run.trainer.write("checkpoint", {"step": 200, "path": "checkpoints/200", "kind": "auto"})
    run.experts(201, EVEN)
    run.metrics(202, train__loss=1.0)
    run.now = time.time() + 11
    run.sample(gpu(0), gpu(1))
    run.now = time.time() + 23
    run.sample(gpu(0), gpu(1))
    run.now = 0.0
    run.state("validating")
    rings("gpu_temperature", "thermal_throttling", "gpu_memory", "gpu_lost", "memory_pressure", "disk_nearly_full",
          "console_log_large", "expert_imbalance", "dead_experts", "non_finite_loss", "checkpoint_failed", "stalled",
          "slow_throughput", lasts=False)  # fmt: skip
    command = Command(new_command_id(), "reload_config", 1, {"keys": ["lr"]}, time.time(), "cli")
    Mailbox(run.directory.control).post(command)
    run.trainer.write("ack", {"command_id": command.id, "state": "applied", "step": 203})
    run.metrics(204, epoch=10.0, eval__loss=0.5)
    rings("checkpoint_verified", "validation_completed", "config_reloaded", "epoch_milestone", lasts=False)
    assert server.get("/alerts", active=True) == {"alerts": []}
    run.state("error", error={"code": "cuda_out_of_memory", "message": "CUDA out of memory"})
    rings("run_failed", lasts=True)
    (failed,) = server.get("/alerts", run_id=run.directory.run_id, active=True)["alerts"]
    assert failed["data"]["kind"] == "out_of_memory" and failed["level"] == "critical"


def test_a_restart_neither_doubles_nor_rings_nor_loses_and_acknowledged_stays(
    run: Now, serve: Serve, listen: Listen, until: Until
) -> None:
    first = serve()
    until(lambda: first.get("/runs")["runs"])
    run.sample(gpu(0), gpu(1))
    run.sample(gpu(0, temperature=95), gpu(1))
    run.alert("odd", "look at this")
    alerts = until(lambda: len(found := first.get("/alerts")["alerts"]) == 2 and found)
    hot = next(one for one in alerts if one["code"] == "gpu_temperature")
    assert first.http.post(f"/alerts/{hot['id']}/ack").status_code == 200
    first.kill()
    run.sample(gpu(0, temperature=96), {**LOST, "index": 1})
    run.sample(gpu(0, temperature=96), {**LOST, "index": 1})
    second = serve()
    listener = listen(second, ["*"], ["alerts"])
    until(lambda: len(second.get("/alerts")["alerts"]) == 3)
    after = {one["code"]: one for one in second.get("/alerts", run_id=run.directory.run_id)["alerts"]}
    assert after["gpu_temperature"]["id"] == hot["id"] and after["gpu_temperature"]["acknowledged_by"] == "api"
    assert after["gpu_lost"]["ended_at"] is None and after["gpu_temperature"]["ended_at"] is None
    run.sample(gpu(0), gpu(1))
    until(lambda: len(heard(listener)) == 2)
    assert set(heard(listener)) == {("gpu_temperature", False), ("gpu_lost", False)}, "nothing of the past rang"
    assert len(second.get("/alerts")["alerts"]) == 3


def test_an_acknowledgement_is_told_to_the_other_client(run: Now, serve: Serve, listen: Listen, until: Until) -> None:
    server = serve()
    other = listen(server, ["*"], ["alerts"])
    until(lambda: other.of("hello") and server.get("/runs")["runs"])
    run.sample(ram=0.99)
    (told,) = until(lambda: other.of("alert"))
    server.http.post(f"/alerts/{told['alert']['id']}/ack")
    until(lambda: len(other.of("alert")) == 2)
    assert other.of("alert")[1]["alert"]["acknowledged_by"] == "api"
    elsewhere = listen(server, ["nobody"], ["alerts"])
    until(lambda: elsewhere.of("error"))
    run.sample(ram=0.5)
    until(lambda: len(other.of("alert")) == 3)
    assert elsewhere.of("alert") == [], "who asked for another run hears nothing of this one"


def test_a_run_that_ended_while_no_server_ran_is_in_the_list(run: Now, serve: Serve, until: Until, home: Home) -> None:
    first = serve()
    until(lambda: first.get("/runs")["runs"])
    first.terminate()
    run.state("error", error={"code": "x", "message": "it broke"}).exited("failed", code=1)
    run.directory.report_json.write_text(json.dumps({"attempt": 1}))
    second = serve()
    (found,) = until(lambda: second.get("/alerts")["alerts"])
    assert (found["code"], found["message"]) == ("run_failed", "Training failed: it broke")


def test_a_deleted_run_takes_its_alerts_along(run: Now, serve: Serve, until: Until, home: Home) -> None:
    import shutil

    server = serve()
    run.sample(ram=0.99)
    until(lambda: server.get("/alerts")["alerts"])
    shutil.rmtree(run.directory.root)
    until(lambda: server.get("/alerts") == {"alerts": []})
