"""How an attempt ended, with evidence. Upstream: the exit status. Downstream: `process` event, report, history, PULSE v1."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass, replace
from pathlib import Path

from gladius.pulse.plain_file import open_plain
from gladius.pulse.states import TERMINAL

_LAST_WORDS = 20_000
_TORCHRUN = re.compile(r"rank\s*: (\d+) \(local_rank: \d+\)\s+exitcode\s*: (-?\d+) \(pid: (\d+)\)")
"""How torchrun, and accelerate through it, reports each process that failed."""


@dataclass(frozen=True)
class Verdict:
    """What can be said of an end and why; `verdict` is one of the protocol's five."""

    verdict: str
    evidence: str
    code: int | None = None
    signal: str | None = None


def judge_exit(code: int, memory_kills: int | None, asked: bool = False) -> Verdict:
    """Judge the exit code of a child; negative is a signal.

    `memory_kills`: by how much the cgroup's counter of kills for lack of memory has just risen, None where there is none;
    `asked`: a person wanted the end, so that a SIGKILL is the console's own.
    """
    if code > 0 and memory_kills:
        # A worker that was killed makes the program fail.
        evidence = f"exit code {code}, and the cgroup counted {memory_kills} out-of-memory kill(s)"
        return Verdict("failed", evidence, code=code)
    if code >= 0:
        return Verdict("finished" if code == 0 else "failed", f"exit code {code}", code=code)
    name = signal_name(-code)
    if name == "SIGKILL" and not asked:
        if memory_kills:
            evidence = f"SIGKILL, and the cgroup counted {memory_kills} out-of-memory kill(s)"
            return Verdict("out_of_memory", evidence, signal=name)
        return Verdict("killed", "ended by SIGKILL of unknown origin", signal=name)
    return Verdict("killed", f"ended by {name}", signal=name)


def name_rank(verdict: Verdict, console: Path) -> Verdict:
    """Add the rank that ended first, where a launcher of several processes failed and its last words tell."""
    if verdict.verdict != "failed":
        return verdict
    try:
        with open_plain(console) as file:
            file.seek(max(0, console.stat().st_size - _LAST_WORDS))
            text = file.read(_LAST_WORDS).decode("utf-8", "replace")
    except OSError:
        return verdict
    ended = [(int(rank), int(code), int(pid)) for rank, code, pid in _TORCHRUN.findall(text)]
    if not ended:
        return verdict
    # The others failed because of the one that was killed, or got torchrun's SIGTERM; else it names the first one last.
    rank, code, pid = next((one for one in ended if one[1] < 0 and one[1] != -signal.SIGTERM), ended[-1])
    how = f"rank {rank} was ended by {signal_name(-code)} (pid {pid})"
    if code >= 0:
        how = f"rank {rank} ended with exit code {code} (pid {pid})"
    return replace(verdict, evidence=f"{verdict.evidence}: {how}")


def judge_unobserved(trainer_state: str | None, by_request: bool = False) -> Verdict:
    """Judge an end that nobody's wait call saw: only the trainer's own last word counts, nothing is guessed.

    `by_request`: a person's `terminate` of this attempt had been accepted, which is on record.
    """
    if trainer_state in TERMINAL or trainer_state == "released":
        said = f"the trainer's own final state, {trainer_state}; exit code not known"
        return Verdict("failed" if trainer_state == "error" else "finished", said)
    if by_request:
        return Verdict("unknown", "ended unobserved after a terminate that was accepted, exit code not known")
    return Verdict("unknown", "ended unobserved, exit code not known")


def judge_not_started(error: OSError) -> Verdict:
    """The command could not be started at all; the code is what a shell would give."""
    code = 127 if isinstance(error, FileNotFoundError) else 126
    what = error.filename or "the command"
    return Verdict("failed", f"could not start {what}: {error.strerror}", code=code)


def signal_name(number: int) -> str:
    """Return SIGKILL for 9; a number without a name is itself."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
