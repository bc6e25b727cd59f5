"""One trainer of one program, in that program's own interpreter: standard library and the program, nothing of ours.

`python client.py ORDER` where ORDER is JSON: `peer`, `folder`, what to `do`, and where to put the answer (`out`).
Upstream: orders. Downstream: the program's files.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import signal
import sqlite3
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

NAMES = ("train/loss", "train/accuracy", "train/learning_rate", "train/grad_norm", "eval/loss", "eval/accuracy",
         "system/memory", "system/utilisation", "train/tokens_per_second", "train/step_seconds")  # fmt: skip
QUIET = {
    "AIM_UI_TELEMETRY_ENABLED": "0", "DO_NOT_TRACK": "1", "DVC_NO_ANALYTICS": "1", "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
    "SWANLAB_SKIP_LOGIN": "1", "WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB__DISABLE_STATS": "true",
}  # fmt: skip
Log = Callable[[dict[str, float], int], Any]
Client = tuple[Log, Callable[[], Any], str]


def main(order: dict[str, Any]) -> None:
    """Carry out one order; an order to `kill` ends this process by SIGKILL behind its last call."""
    os.environ.update(QUIET)
    folder = order["folder"]
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    answer = {"log": _log, "seed": _seed, "live": _live, "kept": _kept}[order["do"]](order)
    _answer(order, answer)
    if order.get("kill"):
        os.kill(os.getpid(), signal.SIGKILL)


def _answer(order: dict[str, Any], answer: Any) -> None:
    with open(order["out"], "w", encoding="utf-8") as file:
        json.dump(answer, file)


def _log(order: dict[str, Any]) -> dict[str, Any]:
    """So many calls of ten scalars, `hz` a second or as fast as they go: nanoseconds of each."""
    log, finish, _run = CLIENTS[order["peer"]](order["folder"])
    calls, pause = [], 1 / order["hz"] if order["hz"] else 0.0
    due = time.perf_counter()
    for step in range(order["calls"]):
        values = {name: (step * 0.001 + place * 0.37) % 3.1415926 for place, name in enumerate(NAMES)}
        if pause:
            due += pause
            time.sleep(max(0.0, due - time.perf_counter()))
        start = time.perf_counter_ns()
        log(values, step)
        calls.append(time.perf_counter_ns() - start)
    if not order.get("kill"):
        finish()
    return {"ns": calls}


def _seed(order: dict[str, Any]) -> dict[str, Any]:
    """A run of one metric, ended: what the servers are asked for."""
    points = order["points"]
    if order["peer"] == "mlflow":
        return _seed_mlflow(order["folder"], points)
    log, finish, name = CLIENTS[order["peer"]](order["folder"])
    for step in range(points):
        log({"train/loss": _loss(step)}, step)
    finish()
    return {"run": name}


def _live(order: dict[str, Any]) -> dict[str, Any]:
    """Log now and then, and tell when each call had returned; behind the first it waits for the server."""
    log, finish, name = CLIENTS[order["peer"]](order["folder"])
    returned = []
    for step in range(order["calls"]):
        log({"train/loss": _loss(step)}, step)
        returned.append(time.time())
        _answer(order, {"run": name, "returned": returned, "done": False})
        time.sleep(order["gap"])
        while not os.path.exists(order["out"] + ".up"):
            time.sleep(0.05)
    while not os.path.exists(order["out"] + ".seen"):
        time.sleep(0.05)
    finish()
    return {"run": name, "returned": returned, "done": True}


def _loss(step: int) -> float:
    return (step * 0.001) % 3.1415926


# What each program calls logging. A client is `log(values, step)`, what ends it, and the run's id where a reader needs it. Where the
# program's own function takes just that, it is called by itself, as the bare ones are: one more Python function around it is 2 to 4 us
# with cold caches.


def _json(folder: str) -> Client:
    descriptor = os.open(os.path.join(folder, "rows.jsonl"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def log(values: dict[str, float], step: int) -> None:
        os.write(descriptor, (json.dumps({"step": step, "time": time.time(), **values}) + "\n").encode())

    return log, lambda: os.close(descriptor), ""


def _msgspec(folder: str) -> Client:
    import msgspec

    descriptor = os.open(os.path.join(folder, "rows.jsonl"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    encode = msgspec.json.Encoder().encode

    def log(values: dict[str, float], step: int) -> None:
        os.write(descriptor, encode({"step": step, "time": time.time(), **values}) + b"\n")

    return log, lambda: os.close(descriptor), ""


def _gladius(folder: str) -> Client:
    os.environ["GLADIUS_HOME"] = folder
    os.environ.pop("GLADIUS_RUN_DIR", None)
    import gladius

    run = gladius.start(total_epochs=1)
    assert run.dir is not None
    return run.log, run.finish, run.dir.run_id


def _trackio(folder: str) -> Client:
    os.environ["TRACKIO_DIR"] = os.path.join(folder, "trackio")
    import trackio

    trackio.init(project="bench", name="r1", embed=False)
    return trackio.log, trackio.finish, ""


def _wandb(folder: str) -> Client:
    import wandb

    run = wandb.init(project="bench", mode="offline", dir=folder)
    return run.log, run.finish, ""


def _tensorboard(folder: str) -> Client:
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(os.path.join(folder, "tb", "r1"))

    def log(values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)

    return log, writer.close, ""


def _tensorboard_flushed(folder: str) -> Client:
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(os.path.join(folder, "tb", "r1"))

    def log(values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return log, writer.close, ""


def _mlflow_of(folder: str) -> Any:
    import mlflow

    mlflow.set_tracking_uri("sqlite:///" + os.path.join(folder, "mlflow.db"))
    mlflow.set_experiment("bench")
    return mlflow


def _mlflow(folder: str) -> Client:
    mlflow = _mlflow_of(folder)
    run = mlflow.start_run(run_name="r1")
    return mlflow.log_metrics, mlflow.end_run, run.info.run_id


def _mlflow_async(folder: str) -> Client:
    mlflow = _mlflow_of(folder)
    mlflow.start_run(run_name="r1")

    def finish() -> None:
        mlflow.flush_async_logging()
        mlflow.end_run()

    return lambda values, step: mlflow.log_metrics(values, step, synchronous=False), finish, ""


def _seed_mlflow(folder: str, points: int) -> dict[str, Any]:
    """In batches, for a hundred thousand calls would take a quarter of an hour."""
    mlflow = _mlflow_of(folder)
    from mlflow.entities import Metric

    run = mlflow.start_run(run_name="r1").info.run_id
    now = int(time.time() * 1000)
    for first in range(0, points, 1000):
        batch = [Metric("train/loss", _loss(step), now + step, step) for step in range(first, first + 1000)]
        mlflow.MlflowClient().log_batch(run, metrics=batch)
    mlflow.end_run()
    return {"run": run}


def _aim(folder: str) -> Client:
    run = _aim_run(folder)

    def log(values: dict[str, float], step: int) -> None:
        run.track(values, step=step)

    return log, run.close, run.hash


def _aim_run(folder: str, name: str | None = None) -> Any:
    import aim

    quiet: dict[str, Any] = {
        "system_tracking_interval": None, "log_system_params": False, "capture_terminal_logs": False
    }  # fmt: skip
    return aim.Run(run_hash=name, repo=folder, **quiet)


def _swanlab(folder: str) -> Client:
    import swanlab

    swanlab.init(project="bench", mode="local", log_dir=os.path.join(folder, "swanlog"))
    return swanlab.log, swanlab.finish, ""


def _dvclive(folder: str) -> Client:
    from dvclive import Live

    live = Live(os.path.join(folder, "dvclive"), save_dvc_exp=False, dvcyaml=None, report=None)

    def log(values: dict[str, float], _step: int) -> None:
        for name, value in values.items():
            live.log_metric(name, value)
        live.next_step()

    return log, live.end, ""


CLIENTS: dict[str, Callable[[str], Client]] = {
    "json": _json, "msgspec": _msgspec, "gladius": _gladius, "trackio": _trackio, "wandb": _wandb,
    "tensorboard": _tensorboard, "tensorboard flushed": _tensorboard_flushed, "mlflow": _mlflow,
    "mlflow async": _mlflow_async, "aim": _aim, "swanlab": _swanlab, "dvclive": _dvclive,
}  # fmt: skip


# What a reader still finds after the kill: whole rows, read from what the program itself reads.


def _kept(order: dict[str, Any]) -> dict[str, float]:
    """Rows that are readable in the folder of a killed trainer."""
    return {"rows": _KEPT[order["peer"].split()[0]](order["folder"])}


def _lines(pattern: str) -> Iterator[dict[str, Any]]:
    for path in glob.glob(pattern, recursive=True):
        with open(path, "rb") as file:
            for line in file:
                with contextlib.suppress(ValueError):
                    found = json.loads(line)
                    if isinstance(found, dict):
                        yield found


def _kept_gladius(folder: str) -> float:
    return float(sum(one.get("type") == "metrics" for one in _lines(f"{folder}/runs/*/events.jsonl")))


def _kept_in_table(pattern: str, question: str) -> float:
    paths = glob.glob(pattern, recursive=True)
    return float(sum(sqlite3.connect(path).execute(question).fetchone()[0] for path in paths))


def _kept_tensorboard(folder: str) -> float:
    """Whole records: length, check sum, event, check sum. Each scalar is one, and the first tells the version."""
    scalars = 0
    for path in glob.glob(f"{folder}/tb/**/events*", recursive=True):
        with open(path, "rb") as file:
            data = file.read()
        at = 0
        while at + 12 <= len(data):
            at += 16 + struct.unpack_from("<Q", data, at)[0]
            scalars += at <= len(data)
        scalars -= 1
    return scalars / len(NAMES)


def _kept_wandb(folder: str) -> float:
    """Records of LevelDB's log format (a header of seven bytes, blocks of 32 KiB), protocol buffers inside."""
    from wandb.proto import wandb_internal_pb2

    rows = 0
    for path in glob.glob(f"{folder}/wandb/offline-run-*/*.wandb"):
        with open(path, "rb") as file:
            data = file.read()
        for record in _leveldb(data):
            message = wandb_internal_pb2.Record.FromString(record)
            kind = message.WhichOneof("record_type")
            partial = kind == "request" and message.request.WhichOneof("request_type") == "partial_history"
            rows += kind == "history" or partial
    return rows


def _leveldb(data: bytes) -> Iterator[bytes]:
    full, first, last = 1, 2, 4
    at, record = 7, b""
    while at + 7 <= len(data):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        body = data[at + 7 : at + 7 + length]
        if not kind or len(body) < length:
            return
        record = body if kind in (full, first) else record + body
        at += 7 + length
        if kind in (full, last):
            yield record


def _kept_aim(folder: str) -> float:
    import aim

    names = aim.Repo(folder).list_all_runs()
    return sum(
        len(metric.values.sparse_list()[0]) for name in names for metric in _aim_run(folder, name).metrics()
    ) / len(NAMES)


def _kept_swanlab(folder: str) -> float:
    return sum("index" in one for one in _lines(f"{folder}/swanlog/run-*/logs/*/*.log")) / len(NAMES)


def _kept_dvclive(folder: str) -> float:
    rows = 0
    for path in glob.glob(f"{folder}/dvclive/plots/metrics/**/*.tsv", recursive=True):
        with open(path, encoding="utf-8") as file:
            rows += max(0, sum(line.endswith("\n") for line in file) - 1)
    return rows / len(NAMES)


_KEPT: dict[str, Callable[[str], float]] = {
    "json": lambda folder: sum(1 for _ in _lines(f"{folder}/rows.jsonl")),
    "msgspec": lambda folder: sum(1 for _ in _lines(f"{folder}/rows.jsonl")),
    "gladius": _kept_gladius,
    "trackio": lambda folder: _kept_in_table(f"{folder}/trackio/**/*.db", "select count(*) from metrics"),
    "wandb": _kept_wandb,
    "tensorboard": _kept_tensorboard,
    "mlflow": lambda folder: _kept_in_table(f"{folder}/mlflow.db", "select count(*) / 10.0 from metrics"),
    "aim": _kept_aim,
    "swanlab": _kept_swanlab,
    "dvclive": _kept_dvclive,
}

if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
