"""The mailbox: one new file per command. Upstream: whoever steers. Downstream: reporter, supervisor."""

from __future__ import annotations

import errno
import json
import os
import re
import threading
import time
from types import MappingProxyType
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Set, Tuple, Union

from gladius.errors import CommandInvalid
from gladius.pulse.plain_file import names_in, small
from gladius.pulse.warn import warn
from pulse_wrapper import atomic_write_json

TRAINER_COMMANDS: Dict[str, FrozenSet[str]] = {
    "pause": frozenset({"mode"}),
    "resume": frozenset(),
    "stop": frozenset({"checkpoint"}),
    "checkpoint": frozenset(),
    "validate": frozenset({"split"}),
    "set": frozenset({"name", "value"}),
    "reload_config": frozenset({"keys"}),
}
"""The closed list for `control/`, with the arguments each may have."""

SUPERVISOR_COMMANDS: Dict[str, FrozenSet[str]] = {
    "terminate": frozenset({"grace_s"}),
    "suspend": frozenset(),
    "continue": frozenset(),
}
"""The closed list for `control/supervisor/`."""

_CHOICES: Dict[Tuple[str, str], Tuple[Any, ...]] = {
    ("pause", "mode"): ("hold", "release"),
    ("stop", "checkpoint"): (True, False),
    ("validate", "split"): ("eval", "test"),
}
_LONGEST_GRACE_S = 86_400.0
_SAFE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}\Z")
_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE, errno.ETIMEDOUT)
"""What keeps a file from being read for a while only."""
_COARSEST_TICK_S = 2.0
"""How far apart two changes must be for every file system to give them different time stamps."""


class Command(NamedTuple):
    """One command as its file holds it."""

    id: str
    command: str
    attempt: int
    args: Mapping[str, Any] = MappingProxyType({})
    issued_at: float = 0.0
    issued_by: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Command":
        """Read a command file; raises ValueError when it is none."""
        id_, name, attempt, args = data.get("id"), data.get("command"), data.get("attempt"), data.get("args", {})
        if not isinstance(id_, str) or not isinstance(name, str) or not isinstance(args, dict):
            raise ValueError("id, command and args")
        if isinstance(attempt, bool) or not isinstance(attempt, int):
            raise ValueError("attempt")
        issued_at = data.get("issued_at")
        return cls(
            id_, name, attempt, args,
            float(issued_at) if isinstance(issued_at, (int, float)) else 0.0,
            str(data.get("issued_by", "")),
        )  # fmt: skip


def check_command(name: str, args: Mapping[str, Any], known: Mapping[str, FrozenSet[str]] = TRAINER_COMMANDS) -> None:
    """Raise CommandInvalid, naming what is wrong, unless `name` with `args` is of the closed list."""
    if name not in known:
        raise CommandInvalid(f"There is no command '{name}'.", f"Commands: {', '.join(known)}.")
    unknown = sorted(set(args) - known[name])
    if unknown:
        allowed = ", ".join(sorted(known[name])) or "none"
        raise CommandInvalid(f"'{name}' takes no argument '{unknown[0]}'.", f"Its arguments: {allowed}.")
    for key, value in args.items():
        choices = _CHOICES.get((name, key))
        if choices is not None and value not in choices:
            raise CommandInvalid(f"'{name}' has no {key} {value!r}.", f"Choose one of {', '.join(map(str, choices))}.")
    grace = args.get("grace_s", 0)
    if isinstance(grace, bool) or not isinstance(grace, (int, float)) or not 0 <= grace < _LONGEST_GRACE_S:
        raise CommandInvalid(f"'{name}' has no grace_s {grace!r}.", "Give seconds, 0 or more.")
    missing = sorted(known[name] - set(args)) if name in ("set", "reload_config") else []
    if missing:
        raise CommandInvalid(f"'{name}' needs {' and '.join(missing)}.")
    if name == "set" and (not isinstance(args["name"], str) or isinstance(args["value"], (dict, list))):
        raise CommandInvalid("'set' takes the name of a hyperparameter and one value.")
    keys = args.get("keys", ["one"])
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
        raise CommandInvalid(f"'{name}' has no keys {keys!r}.", "Give a list of the configuration's dotted keys.")


class Mailbox:
    """A folder of command files. Anyone may post; one reader scans."""

    def __init__(self, folder: Union[str, "os.PathLike[str]"]) -> None:
        self.folder = os.fspath(folder)
        self._seen: Set[str] = set()
        self._changed: Optional[int] = None
        self._look_until = 0.0
        self.damaged: List[str] = []
        """The files that were no commands, as far as they were scanned."""

    def post(self, command: Command) -> None:
        """Publish a command by rename, the same id once.

        Raises CommandInvalid for an id that is no file name, OSError when the folder cannot be written.
        """
        if not _SAFE_ID.match(command.id):
            raise CommandInvalid(f"'{command.id}' cannot be a command's id.", "Use letters, digits, '-', '_' and '.'.")
        # `control/supervisor` lies in the other mailbox, which may be the link.
        if os.path.islink(self.folder) or os.path.islink(os.path.dirname(self.folder)):
            raise CommandInvalid(
                "The mailbox of this run is a link that leads elsewhere.", "Put a folder in its place."
            )
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        path = os.path.join(self.folder, f"{command.id}.json")
        if os.path.exists(path):
            return
        fields = {
            "id": command.id, "attempt": command.attempt, "command": command.command, "args": dict(command.args),
            "issued_at": command.issued_at, "issued_by": command.issued_by,
        }  # fmt: skip
        try:
            atomic_write_json(path, fields)
        except OSError as error:
            # The last thing that may fail is the folder's sync: the command is given then, and will be obeyed.
            if not os.path.exists(path):
                raise
            warn("%s", error)

    def scan(self) -> List[Command]:
        """Return the commands that appeared since the last scan, by id."""
        try:
            changed = os.stat(self.folder).st_mtime_ns
            now = time.monotonic()
            # Within one tick of the file system's clock a second file may come under the same time stamp, and that
            # clock may be another machine's: so what counts is how long ago *we* saw the stamp change.
            if changed != self._changed:
                self._changed, self._look_until = changed, now + _COARSEST_TICK_S
            elif now > self._look_until:
                return []
            names = names_in(self.folder)
        except OSError:
            # A folder that could not be read (no descriptors left, say) was not looked at.
            self._changed = None
            return []
        new = sorted(
            name for name in names if name.endswith(".json") and not name.startswith(".") and name not in self._seen
        )
        return [command for command in map(self._read, new) if command is not None]

    def all(self) -> List[Command]:
        """Return every command ever posted, by id."""
        return Mailbox(self.folder).scan()

    def _read(self, name: str) -> Optional[Command]:
        try:
            with open(os.path.join(self.folder, name), "rb", opener=small) as file:
                text = file.read()
        except OSError as error:
            if error.errno in _PASSING:
                # Not read is not seen: the next scan tries again.
                self._changed = None
                return None
            text = b""
        self._seen.add(name)
        try:
            data = json.loads(text.decode("utf-8"))
            return Command.from_dict(data if isinstance(data, dict) else {})
        except (ValueError, OverflowError, RecursionError) as error:
            warn("%s is not a command: %s", os.path.join(self.folder, name), error)
            self.damaged.append(name)
            return None


_last_id = (0, 0)
_id_lock = threading.Lock()


def new_command_id() -> str:
    """Return a UUIDv7 (RFC 9562): ids sort by time, and within a millisecond by their order in this process."""
    global _last_id  # noqa: PLW0603
    with _id_lock:
        now = time.time_ns() // 1_000_000
        millis, count = _last_id
        count = count + 1 if now <= millis else _random_bits(10)
        millis = max(now, millis)
        if count > 0xFFF:
            millis, count = millis + 1, 0
        _last_id = (millis, count)
    tail = _random_bits(62) | (0b10 << 62)
    value = f"{millis:012x}7{count:03x}{tail:016x}"
    return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


def _random_bits(count: int) -> int:
    """Return random bits; the module `secrets` would do, and costs a trainer's import 8 ms."""
    return int.from_bytes(os.urandom(8), "big") >> (64 - count)
