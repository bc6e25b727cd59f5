"""COMMAND: run a program, without a shell, and wait for its exit code. Upstream: runner. Downstream: warden.

A warden of its own stands beside the program, outlives the server and keeps the exit code. It runs a try once: when
nobody can say any more how it ended, the step says so and nothing is repeated.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gladius.errors import StepFailed
from gladius.flows.job import Job
from gladius.flows.warden import Papers
from gladius.pulse.identity import Identity
from gladius.pulse.signals import send, send_group
from pulse_wrapper import atomic_write_json, safe_read_json

_LOOK_S = 0.1
_START_PATIENCE_S = 60.0
_LAST_WORDS = 200


async def run(job: Job) -> dict[str, Any]:
    """Return exit code 0 and where the output is; raises StepFailed for any other end."""
    papers = Papers(job.folder, f"{job.token.step}-{job.token.number}")
    await job.tell(output=str(papers.output))
    warden: subprocess.Popen[bytes] | None = None
    if not papers.begun.exists():
        if job.cancelled.is_set():
            raise StepFailed("The command was not started: the flow was cancelled.")
        warden = await asyncio.to_thread(_start, job, papers)
    since = time.monotonic()
    while (end := safe_read_json(papers.ended)) is None:
        if warden is not None:
            warden.poll()
        if job.cancelled.is_set():
            _stop(papers, signal.SIGTERM)
        if papers.begun.exists():
            if not _lives(papers.begun) and not papers.ended.exists():
                await _orphaned(job, papers)
        elif (warden is not None and warden.returncode is not None) or time.monotonic() - since > _START_PATIENCE_S:
            raise StepFailed("The command could not be started.", f"What was said: {papers.output}")
        await job.nap(_LOOK_S)
    if warden is not None:
        await asyncio.to_thread(warden.wait)
    return await _judge(job, papers, end)


def _start(job: Job, papers: Papers) -> subprocess.Popen[bytes]:
    argv = job.args["argv"]
    if os.sep not in argv[0] and shutil.which(argv[0]) is None:
        raise StepFailed(f"There is no program '{argv[0]}'.", "Give its whole path, beginning with /.")
    papers.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    extra = {
        "GLADIUS_HOME": str(job.home), "GLADIUS_FLOW_RUN": job.token.flow_run_id, "GLADIUS_FLOW_STEP": job.token.step,
    }  # fmt: skip
    atomic_write_json(papers.order, {"argv": argv, "timeout_s": job.args.get("timeout_s")})
    output = os.open(papers.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "gladius.flows.warden", str(papers.folder), papers.name],
            cwd=papers.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            env={**os.environ, **extra},
        )  # fmt: skip
    finally:
        os.close(output)


def _lives(path: Path) -> bool:
    """Whether the very process that a paper names lives."""
    told = safe_read_json(path)
    identity = Identity.from_dict(told) if told is not None else None
    return identity is not None and bool(identity.alive())


def _stop(papers: Papers, number: int) -> None:
    """Tell the warden, which ends the whole group; where it is gone, the group itself."""
    for path, whole in ((papers.begun, False), (papers.child, True)):
        identity = Identity.from_dict(safe_read_json(path) or {})
        if identity is not None and identity.alive():
            (send_group if whole else send)(identity, number)
            return


async def _orphaned(job: Job, papers: Papers) -> None:
    """The warden was killed and cannot tell the exit code: wait until the program has gone, and say what is not known."""
    while _lives(papers.child):
        if job.cancelled.is_set():
            _stop(papers, signal.SIGKILL)
        await job.nap(_LOOK_S)
    if papers.ended.exists():
        return
    raise StepFailed(
        "The outcome of the command is unknown, and it was not repeated: what watched over it was killed.",
        f"Its output: {papers.output}. 'gladius flow retry' runs it again.",
    )


async def _judge(job: Job, papers: Papers, end: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {"exit_code": end.get("code"), "output": str(papers.output)}
    if end.get("code") == 0 and not end.get("timed_out"):
        return result
    await job.tell(**result)
    program, hint = Path(job.args["argv"][0]).name, f"Its output: {papers.output}"
    if end.get("problem"):
        raise StepFailed(f"'{program}' could not be started: {end['problem']}.", "Give the whole path of a program.")
    if end.get("timed_out"):
        raise StepFailed(f"'{program}' took longer than {job.args['timeout_s']:g} s and was ended.", hint)
    if end.get("stopped"):
        raise StepFailed(f"'{program}' was ended.", hint)
    words = _last_words(papers.output)
    said = f": {words}" if words else ""
    if end.get("signal"):
        raise StepFailed(f"'{program}' was ended by {end['signal']}{said}.", hint)
    raise StepFailed(f"'{program}' ended with exit code {end.get('code')}{said}.", hint)


def _last_words(output: Path) -> str:
    """The last line that the program printed."""
    try:
        with output.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return ""
    return lines[-1][:_LAST_WORDS].rstrip(".") if lines else ""
