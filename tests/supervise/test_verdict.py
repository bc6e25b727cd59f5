"""How an end is judged: by what was seen, and never by a guess."""

from __future__ import annotations

import errno
import signal

import pytest

from gladius.pulse.states import TRANSITIONS, effective_state, may_move
from gladius.supervise.verdict import judge_exit, judge_not_started, judge_unobserved, signal_name


@pytest.mark.parametrize(
    ("code", "verdict", "evidence"),
    [(0, "finished", "exit code 0"), (1, "failed", "exit code 1"), (255, "failed", "exit code 255")],
)
def test_an_exit_code_is_the_evidence(code: int, verdict: str, evidence: str) -> None:
    judged = judge_exit(code, None)
    assert (judged.verdict, judged.evidence, judged.code, judged.signal) == (verdict, evidence, code, None)


def test_a_signal_is_named() -> None:
    judged = judge_exit(-signal.SIGSEGV, 5)
    assert (judged.verdict, judged.signal, judged.code) == ("killed", "SIGSEGV", None)
    assert signal_name(200) == "signal 200"


@pytest.mark.parametrize(
    ("kills", "asked", "verdict", "evidence"),
    [(1, False, "out_of_memory", "SIGKILL, and the cgroup counted 1 out-of-memory kill(s)"),
     (0, False, "killed", "ended by SIGKILL of unknown origin"), (None, False, "killed", "ended by SIGKILL of unknown origin"),
     (1, True, "killed", "ended by SIGKILL"), (None, True, "killed", "ended by SIGKILL")],
)  # fmt: skip
def test_out_of_memory_needs_the_kernels_own_count(kills: int | None, asked: bool, verdict: str, evidence: str) -> None:
    judged = judge_exit(-signal.SIGKILL, kills, asked)
    assert (judged.verdict, judged.evidence) == (verdict, evidence)


def test_a_failure_beside_a_kill_for_memory_says_so() -> None:
    assert judge_exit(1, 2).evidence == "exit code 1, and the cgroup counted 2 out-of-memory kill(s)"
    assert judge_exit(0, 2).evidence == "exit code 0"


@pytest.mark.parametrize(
    ("state", "verdict"),
    [("done", "finished"), ("cancelled", "finished"), ("released", "finished"), ("error", "failed"), ("running", "unknown"),
     ("paused", "unknown"), (None, "unknown")],
)  # fmt: skip
def test_an_end_that_nobody_saw_is_the_trainers_word_or_unknown(state: str | None, verdict: str) -> None:
    judged = judge_unobserved(state)
    assert (judged.verdict, judged.code, judged.signal) == (verdict, None, None)


@pytest.mark.parametrize(("number", "code"), [(errno.ENOENT, 127), (errno.EACCES, 126), (errno.ENOEXEC, 126)])
def test_a_command_that_cannot_start_has_the_shells_code(number: int, code: int) -> None:
    judged = judge_not_started(OSError(number, "why", "prog"))
    assert (judged.verdict, judged.code, judged.evidence) == ("failed", code, "could not start prog: why")


# What follows from a verdict


@pytest.mark.parametrize(
    ("attempts", "trainer", "verdict", "alive", "state"),
    [
        (0, None, None, None, "queued"),
        (1, None, None, True, "preparing"),
        (1, "running", None, True, "running"),
        (1, "paused", None, None, "paused"),
        (1, "running", None, False, "lost"),
        (1, "running", "killed", False, "killed"),
        (1, "running", "unknown", False, "unknown"),
        (1, "running", "finished", False, "done"),
        (1, None, "failed", False, "error"),
        (1, "running", "out_of_memory", False, "out_of_memory"),
        (1, "done", "killed", False, "done"),
        (1, "error", "finished", False, "error"),
        (1, "released", "finished", False, "released"),
        (2, "cancelled", None, False, "cancelled"),
    ],
)
def test_the_effective_state_follows_the_protocol(
    attempts: int, trainer: str | None, verdict: str | None, alive: bool | None, state: str
) -> None:
    assert effective_state(attempts, trainer, verdict, alive) == state


def test_the_trainers_moves_are_the_protocols() -> None:
    moves = {
        "preparing": "running stopping", "running": "paused validating checkpointing stopping done",
        "paused": "running validating checkpointing stopping released", "validating": "running paused",
        "checkpointing": "running paused released stopping", "stopping": "checkpointing cancelled done",
        "released": "", "done": "", "error": "", "cancelled": "",
    }  # fmt: skip
    assert {old: set(new.split()) for old, new in moves.items()} == {old: set(new) for old, new in TRANSITIONS.items()}
    for old in moves:
        assert may_move(old, "error") is (old not in ("done", "error", "cancelled", "released"))
