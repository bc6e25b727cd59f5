"""A flow's log that was torn or damaged is read as far as it can be, and says which of its lines were left out."""

from __future__ import annotations

import json
import random
from pathlib import Path

from gladius.errors import InvalidRun
from gladius.flows.history import load, records
from gladius.flows.log import FlowLog
from gladius.pulse.rundir import Home, new_run_id


def written(home: Home) -> tuple[str, Path]:
    flow_run = new_run_id("one", 1.0)
    log = FlowLog(home.flow_logs / f"{flow_run}.jsonl")
    steps = [{"id": name, "cmd": "COMMAND", "args": {"argv": ["true"]}} for name in ("a", "b")]
    log.append("begun", flow={"id": "one", "name": "one", "steps": steps}, args={}, asked_by="cli")
    for name in ("a", "b"):
        log.append("step_begun", step=name)
        log.append("step_told", step=name, result={"output": "x.log"})
        log.append("step_ended", step=name, state="done", result={"exit_code": 0})
    log.append("ended", state="done")
    return flow_run, log.path


def test_a_flows_log_cut_at_any_byte_keeps_its_whole_lines(home: Home) -> None:
    flow_run, path = written(home)
    data = path.read_bytes()
    first = data.index(b"\n")
    for size in range(first + 1, len(data)):
        path.write_bytes(data[:size])
        events = list(FlowLog(path).read())
        assert len(events) in (data[:size].count(b"\n"), data[:size].count(b"\n") + 1)
        assert load(home, flow_run).wire().trouble is None, "half a line is a line that is being written"
    FlowLog(path).append("ended", state="done")
    run = load(home, flow_run).wire()
    assert (run.state == "done" and run.trouble is None) or "left out" in str(run.trouble)


def test_any_flipped_bit_in_a_flows_log_is_survived_and_a_line_that_cannot_be_used_is_named(home: Home) -> None:
    flow_run, path = written(home)
    data, rng = path.read_bytes(), random.Random(2)
    for place in range(0, len(data), 2):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :])
        try:
            run = load(home, flow_run).wire()
        except InvalidRun:
            assert data[:place].count(b"\n") == 0 or data[place] == 0x0A, "only the line that says which flow it was"
            continue
        assert len(run.steps) == 2 or data[:place].count(b"\n") == 0
        list(records(home, 10))
    lines = data.split(b"\n")
    lines[3] = lines[3].replace(b'"done"', b'"dune"')
    lines[5] = b"\xff\xfe" + lines[5]
    path.write_bytes(b"\n".join(lines))
    run = load(home, flow_run).wire()
    assert run.trouble == "Damaged lines of its log are left out: 4, 6."
    assert json.loads(run.model_dump_json())["state"] == "done" and run.steps[1].state == "done"
