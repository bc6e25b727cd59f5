"""One run in memory, built from its files and kept true while they grow. Upstream: stream, poller. Downstream: summary, hub, desk."""

from __future__ import annotations

import contextlib
import math
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Set
from pathlib import Path
from typing import Any, cast

from gladius.errors import InvalidRun
from gladius.pulse.control import Command, Mailbox
from gladius.pulse.identity import Identity, boot_id, process_state, this_host
from gladius.pulse.lock import is_held, read_holder
from gladius.pulse.plain_file import small
from gladius.pulse.poller import StatusPoller
from gladius.pulse.rundir import RunDir
from gladius.pulse.states import effective_state
from gladius.store.attached import SOURCE, watched_state
from gladius.store.attempt import AttemptFacts
from gladius.store.blocks import MetricBlock
from gladius.store.facts import RunFacts
from gladius.store.stream import EventStream, Piece
from gladius.store.tolerance import is_event
from gladius.store.unfit import unfit
from gladius.wire.base import TERMINAL_STATES, State
from gladius.wire.runs import Health

_LAUNCH_PATIENCE_S = 30.0
_AT_ONCE_BYTES = 1 << 19
"""Read of a run that is opened: what is decoded at once takes ten times as much memory, and stays the server's."""


class RunView(RunFacts):
    """What is known of one run. Only the thread that owns it may call its methods.

    `refresh` reads what is new; everything else answers from memory.
    """

    def __init__(self, directory: RunDir) -> None:
        self.directory = directory
        self.run_id = directory.run_id
        self.poller = StatusPoller(directory.status, opener=small)
        self.run: dict[str, Any] = {}
        self.annotations: dict[str, Any] = {}
        self.read_facts()
        self.console_size = 0
        self.console_time: float | None = None
        self.config_time: float | None = None
        self.alive: bool | None = None
        self.suspended = False
        self.unfit: str | None = None
        """A file of its directory that is none, and so is not read."""
        self.concern: Health | None = None
        """What a room above found wrong with the machine; the store itself judges what the files tell."""
        self._forget()

    def _forget(self) -> None:
        """Begin anew: a stream was replaced under us."""
        RunFacts.__init__(self)
        self.trainer = EventStream(self.directory.events)
        self.supervisor = EventStream(self.directory.supervisor_events)
        self.launched: list[int] = []
        self._attempt_seen_at = time.monotonic()
        self.command_seen_at: dict[str, float] = {}
        """By this process's steady clock: when it saw each command come; those that were there before are not here."""
        self._mail_read = False
        self.commands: dict[str, Command] = {}
        self._mail = (Mailbox(self.directory.control), Mailbox(self.directory.supervisor_control))

    # Reading

    def read_facts(self) -> None:
        """Read run.json and annotations.json; raises InvalidRun when there is no run.json."""
        self.run = self.directory.read_run()
        self.annotations = self.directory.read_annotations()

    def refresh(self, names: Set[str] | None = None, limit: int = 1 << 18) -> set[str]:
        """Read what is new in the files called `names`, or in all, about `limit` bytes a stream.

        Returns what changed: `status`, `trainer`, `supervisor`, `console`, `config`, `commands`, `facts`, and `more` when a stream
        has more to read at once.
        """
        everything = names is None
        names = names or frozenset()
        changed: set[str] = set()
        if everything or "run.json" in names or "annotations.json" in names:
            changed |= self._refresh_facts()
        if everything or "events.jsonl" in names or "supervisor.jsonl" in names:
            changed |= self._refresh_streams(limit, None if everything else names)
        if (everything or "training_status.json" in names) and self.poller.poll() is not None:
            changed.add("status")
        if everything or "console.log" in names:
            changed |= self._refresh_console()
        if everything or ((path := self.config_path) is not None and path.name in names):
            changed |= self._refresh_config()
        if everything:
            self.unfit = unfit(self.directory)
        if everything or not names.isdisjoint(("control", "supervisor")):
            changed |= self._refresh_commands()
        if everything or "attempts" in names or "supervisor" in changed:
            self._refresh_attempts()
        return changed

    def load(self, pieces: Iterable[Piece] = ()) -> RunView:
        """Read everything there is; `pieces` are the beginning of the trainer's stream from its columnar copy."""
        for piece in pieces:
            events = self.trainer.restore(piece)
            if events is None:
                self._forget()
                break
            _take(self.trainer, events, self.take_trainer, self.take_block)
        while "more" in self.refresh(limit=_AT_ONCE_BYTES):
            pass
        self.judge_process()
        return self

    def _refresh_facts(self) -> set[str]:
        before = (self.run, self.annotations)
        with contextlib.suppress(InvalidRun):
            self.read_facts()
        return {"facts"} if before != (self.run, self.annotations) else set()

    @property
    def damaged_commands(self) -> list[str]:
        """The files of the mailbox that are no commands, below the run's folder."""
        folders = zip(("control", "control/supervisor"), self._mail, strict=True)
        return [f"{folder}/{name}" for folder, mail in folders for name in mail.damaged]

    def _refresh_commands(self) -> set[str]:
        new = [command for mailbox in self._mail for command in mailbox.scan()]
        self.commands.update((command.id, command) for command in new)
        if self._mail_read:
            self.command_seen_at.update((command.id, time.monotonic()) for command in new)
        self._mail_read = True
        return {"commands"} if new else set()

    def _refresh_attempts(self) -> None:
        known, self.launched = self.launched, self.directory.attempt_numbers()
        if known != self.launched:
            self._attempt_seen_at = time.monotonic()

    def _refresh_streams(self, limit: int, names: Set[str] | None) -> set[str]:
        changed: set[str] = set()
        restarts = (self.trainer.restarted, self.supervisor.restarted)
        for name, stream, take, take_block in (
            ("trainer", self.trainer, self.take_trainer, self.take_block),
            ("supervisor", self.supervisor, self.take_supervisor, self.take_parsed_block),
        ):
            if names is not None and stream.path.name not in names:
                continue
            before = stream.offset
            events = stream.read_new(limit)
            if (self.trainer.restarted, self.supervisor.restarted) != restarts:
                self._forget()
                return {"trainer", "supervisor", "more"}
            _take(stream, events, take, take_block)
            if events:
                changed.add(name)
            if stream.offset > before and stream.behind:
                changed.add("more")
        return changed

    def _refresh_console(self) -> set[str]:
        try:
            info = self.directory.console_log.lstat()
        except OSError:
            return set()
        if info.st_size == self.console_size or not stat.S_ISREG(info.st_mode):
            return set()
        self.console_size, self.console_time = info.st_size, info.st_mtime
        return {"console"}

    def _refresh_config(self) -> set[str]:
        """When the editable file was last written; what stands in it is read when somebody asks."""
        before, path = self.config_time, self.config_path
        try:
            self.config_time = path.stat().st_mtime if path is not None else None
        except OSError:
            self.config_time = None
        return {"config"} if self.config_time != before else set()

    @property
    def config_path(self) -> Path | None:
        """The editable file that run.json names, else the one that the trainer reads; None where neither is known."""
        source = self.run.get("config_source")
        if source:
            # run.json may come from anywhere: what it names lies in the run's own folder, or nowhere.
            named = isinstance(source, str) and source not in (".", "..") and "/" not in source and "\0" not in source
            return self.directory.root / source if named else None
        own = self.hello.get("config_file")
        # Its own word leads anywhere, so it counts where the trainer ran here: another machine's run cannot know this boot.
        told = isinstance(own, str) and "\0" not in own and self._ran_here
        return self.directory.root / str(own) if told else None

    @property
    def _ran_here(self) -> bool:
        said = (self.hello, self.current.started or {}, read_holder(self.directory.trainer_lock) or {})
        known = (who for who in map(Identity.from_dict, said) if who is not None and who.host == this_host())
        return any(who.boot_id == boot_id() if boot_id() is not None else who.alive() is True for who in known)

    # Judging

    @property
    def attempt(self) -> int:
        """The newest attempt, 0 before the first."""
        launched = self.launched[-1] if self.launched else 0
        return max(launched, self.newest_told)

    @property
    def current(self) -> AttemptFacts:
        """The facts of the newest attempt."""
        return self.attempt_facts(self.attempt)

    @property
    def attached(self) -> bool:
        """Whether this is a status file that another program writes: all that is known of it is PULSE v1."""
        return self.run.get("source") == SOURCE

    @property
    def state(self) -> State:
        """The effective state."""
        facts = self.current
        if self.attached:
            return watched_state(self.status, facts.exited is not None)
        state = effective_state(self.attempt, facts.trainer_state, facts.verdict, self.alive)
        if state in ("killed", "unknown") and self._ended_by_request:
            return "cancelled"
        return cast(State, state)

    @property
    def _ended_by_request(self) -> bool:
        """Whether a person had the process terminated: a wish that was carried out is no kill, as history says too.

        An end that nobody saw counts as well: that it was asked for, and that it came, are both on record.
        """
        exited = self.current.exited or {}
        if self.current.verdict != "unknown" and exited.get("signal") not in ("SIGTERM", "SIGKILL"):
            return False
        obeyed = (
            ack.get("state") in ("accepted", "applied")
            for id_, command in self.commands.items()
            if command.command == "terminate" and command.attempt == self.attempt
            for ack in self.acks.get(id_, ())
        )
        return any(obeyed)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come unless somebody starts a new attempt; a watched file may always go on."""
        if self.attached:
            return self.current.exited is not None
        return self.state in TERMINAL_STATES or self.state == "released"

    @property
    def stalled(self) -> bool:
        """Whether steps stopped coming while the process lives; one that a person suspended is not called so."""
        return self.current.stall is not None and not self.ended and not self.suspended

    @property
    def status(self) -> dict[str, Any] | None:
        """PULSE v1: the six fields as written."""
        update = self.poller.current
        return None if update is None else update.status

    @property
    def stale(self) -> bool:
        """Whether v1 says running and gave no sign for a minute; a run that ended or was suspended is not stale."""
        update = self.poller.current
        return update is not None and update.stale and not self.ended and not self.suspended

    @property
    def progress(self) -> float:
        """Percent, by v1."""
        update = self.poller.current
        return 0.0 if update is None else update.progress

    @property
    def supervised(self) -> bool:
        """Whether a supervisor holds this run now."""
        return is_held(self.directory.supervisor_lock)

    def trainer_identity(self) -> Identity | None:
        """Who the trainer is: by the supervisor's word, else by the lock that it holds or held."""
        facts = self.current
        if facts.identity is not None:
            return facts.identity
        holder = read_holder(self.directory.trainer_lock)
        identity = None if holder is None else Identity.from_dict(holder)
        if identity is None or (facts.hello is not None and facts.hello.get("pid") != identity.pid):
            return None
        if facts.hello is None and not is_held(self.directory.trainer_lock):
            return None
        return identity

    def judge_process(self) -> bool:
        """Look whether the trainer lives; return whether that changed anything."""
        before = (self.alive, self.suspended)
        identity = None if self.current.exited is not None else self.trainer_identity()
        self.alive = self._alive_without_identity() if identity is None else identity.alive()
        self.suspended = identity is not None and bool(self.alive) and _stopped(identity)
        return before != (self.alive, self.suspended)

    def suspended_now(self) -> bool:
        """Whether a signal has stopped the trainer at this instant; `suspended` is as of the last look."""
        identity = None if self.current.exited is not None else self.trainer_identity()
        return identity is not None and bool(identity.alive()) and _stopped(identity)

    def _alive_without_identity(self) -> bool | None:
        """Nobody named the process: it is gone when nobody who could have started it is there any more."""
        facts = self.current
        if self.attempt == 0 or facts.exited is not None or self.supervised:
            return None
        if facts.hello is not None:
            identity = Identity.from_dict(facts.hello)
            return None if identity is None else identity.alive()
        return False if self.attempt_age() > _LAUNCH_PATIENCE_S else None

    def attempt_age(self) -> float:
        """Seconds since the newest attempt was launched: by its file, or as long as it was seen here where a clock was put back."""
        try:
            told = time.time() - self.directory.attempt_json(self.attempt).stat().st_mtime
        except OSError:
            return math.inf
        return max(told, time.monotonic() - self._attempt_seen_at)

    @property
    def hello(self) -> Mapping[str, Any]:
        """The trainer's introduction; empty where there was none."""
        return self.current.hello or {}

    @property
    def last_sign(self) -> float | None:
        """Unix seconds, on our clock, of the trainer's last sign of life: an event, a fresh v1 status, or output."""
        signs = [self.current.last_time, None if self.current.instrumented else self.console_time]
        if self.attached:
            signs = []  # what we saw and when is no sign of the trainer's
        status = self.status
        if status is not None and status["status"] == "running":
            signs.append(float(status["timestamp"]))
        newest = max((sign for sign in signs if sign is not None), default=None)
        return None if newest is None else newest + self.poller.skew

    def silent_for(self, now: float) -> float | None:
        """Seconds since the last sign of life: counted here where one was seen to come, else by the times that are told."""
        if self.poller.silence is not None and self.stale:
            return self.poller.silence
        sign = self.last_sign
        return None if sign is None else max(0.0, now - sign)


def _stopped(identity: Identity) -> bool:
    return process_state(identity.pid) in ("T", "t")


def _take(
    stream: EventStream,
    events: Iterable[dict[str, Any] | MetricBlock],
    take: Callable[[dict[str, Any]], None],
    take_block: Callable[[MetricBlock], None],
) -> None:
    for event in events:
        if isinstance(event, MetricBlock):
            take_block(event)
        elif not is_event(event):
            stream.reject(event)
        else:
            # A field that is missing or of another type costs its event, never the run.
            try:
                take(event)
            except (KeyError, TypeError, ValueError, AttributeError):
                stream.reject(event)
