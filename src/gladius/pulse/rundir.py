"""The objects that own every path: a run's directory and the home of all runs. Upstream: nothing. Downstream: all."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Union

from gladius.errors import InvalidRun
from gladius.pulse.plain_file import names_in, read_object
from pulse_wrapper import atomic_write_json, write_idle_status

PROTOCOL_VERSION = 2
RUN_ID = re.compile(r"\d{8}-\d{6}-[a-z0-9-]+-[0-9a-f]{4}\Z")
_SLUG_LENGTH = 40


class _Part:
    """A path inside a run's directory, made when it is asked for: a list of 10,000 runs needs two of them each, not twenty."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, run: Any, owner: Optional[type] = None) -> Path:
        path: Path = run.root.joinpath(*self._names)
        run.__dict__[self._name] = path
        return path


class RunDir:
    """One run's directory. Paths are names only: nothing is created until a writer asks for it."""

    run_json = _Part("run.json")
    status = _Part("training_status.json")
    events = _Part("events.jsonl")
    supervisor_events = _Part("supervisor.jsonl")
    console_log = _Part("console.log")
    control = _Part("control")
    supervisor_control = _Part("control", "supervisor")
    checkpoints = _Part("checkpoints")
    tensorboard = _Part("tensorboard")
    report_json = _Part("report.json")
    report_md = _Part("report.md")
    annotations = _Part("annotations.json")
    supervisor_lock = _Part("supervisor.lock")
    trainer_lock = _Part("trainer.lock")
    attempts = _Part("attempts")
    launch_lock = _Part("attempts", "launch.lock")

    def __init__(self, root: Union[str, "os.PathLike[str]"]) -> None:
        self.root = Path(root)

    def __repr__(self) -> str:
        return f"RunDir({str(self.root)!r})"

    @property
    def run_id(self) -> str:
        """The directory's name; a folder that a user named is its own id."""
        return self.root.name

    def attempt_json(self, attempt: int) -> Path:
        """The launch facts of one attempt."""
        return self.attempts / f"{attempt}.json"

    def attempt_config(self, attempt: int) -> Path:
        """The effective configuration of one attempt."""
        return self.attempts / f"{attempt}.yaml"

    def attempt_numbers(self) -> List[int]:
        """The attempts that were launched, in order."""
        try:
            names = names_in(self.attempts)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdigit())

    def exists(self) -> bool:
        """Whether there is such a run: a folder with a run.json, neither of them by way of a link that leads elsewhere."""
        try:
            folder, run = self.root.lstat().st_mode, self.run_json.lstat().st_mode
        except OSError:
            return False
        return stat.S_ISDIR(folder) and stat.S_ISREG(run)

    def read_run(self) -> Dict[str, Any]:
        """Return run.json; raises InvalidRun when it is missing or broken."""
        run = read_object(self.run_json)
        if run is None:
            raise InvalidRun(f"{self.run_json} is missing or broken.", "A run directory holds a run.json.")
        return run

    def read_attempt(self, attempt: int) -> Dict[str, Any]:
        """Return the launch facts of one attempt; {} when they are missing or broken."""
        return read_object(self.attempt_json(attempt), self.root) or {}

    def read_annotations(self) -> Dict[str, Any]:
        """Return what people say of the run; {} when nobody said anything."""
        return read_object(self.annotations) or {}

    def create(self, run: Dict[str, Any], message: str = "Queued") -> None:
        """Make the directory with run.json and an `idle` status. A folder that exists keeps what it has."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.attempts, self.control, self.supervisor_control, self.checkpoints):
            folder.mkdir(mode=0o700, exist_ok=True)
        if not self.run_json.exists():
            atomic_write_json(self.run_json, {"run_id": self.run_id, "protocol": PROTOCOL_VERSION, **run})
        if not self.status.exists():
            write_idle_status(self.status, message)

    def write_attempt(self, attempt: int, facts: Dict[str, Any]) -> None:
        """Record how attempt `attempt` is launched, before it is."""
        self.attempts.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.attempts.is_symlink():
            raise OSError(errno.ELOOP, "The folder of attempts leads elsewhere", str(self.attempts))
        atomic_write_json(self.attempt_json(attempt), {"attempt": attempt, **facts})


class Home:
    """The folder that holds all runs and what the server owns."""

    def __init__(self, root: Union[str, "os.PathLike[str]", None] = None) -> None:
        self.root = Path(root) if root is not None else default_home()
        self.runs = self.root / "runs"
        self.profiles = self.root / "profiles"
        self.presets = self.root / "presets"
        self.datasets = self.root / "datasets"
        self.documents = self.root / "documents"
        self.flows = self.root / "flows"
        self.exports = self.root / "exports"
        self.trash = self.root / "trash"
        self.trashed_runs = self.trash / "runs"
        self.state = self.root / "state"
        self.queue = self.state / "queue"
        self.probes = self.state / "probes"
        self.knowledge = self.state / "knowledge"
        self.run_index = self.state / "index.sqlite"
        self.logs = self.root / "logs"
        self.supervisor_logs = self.logs / "supervisors"
        self.flow_logs = self.logs / "flows"
        self.flow_work = self.state / "flows"
        self.server_log = self.logs / "server.log"
        self.history = self.logs / "training" / "training_runs.jsonl"
        self.audit = self.logs / "audit.jsonl"
        self.token = self.state / "token"
        self.users = self.state / "users.json"
        self.sessions = self.state / "sessions.json"
        self.seen = self.state / "seen.json"
        self.server_json = self.root / "server.json"
        self.server_lock = self.root / "server.lock"

    def create(self) -> None:
        """Make the home and its folders."""
        for folder in (
            self.root,
            self.runs,
            self.profiles,
            self.presets,
            self.datasets,
            self.flows,
            self.state,
            self.queue,
            self.logs,
            self.supervisor_logs,
            self.flow_logs,
            self.history.parent,
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def run(self, run_id: str) -> RunDir:
        """Return the directory of a run by its exact id."""
        return RunDir(self.runs / run_id)

    def all_runs(self) -> Iterator[RunDir]:
        """Yield every run directory, newest first."""
        try:
            names = os.listdir(self.runs)
        except FileNotFoundError:
            return
        for name in sorted(names, reverse=True):
            run = RunDir(self.runs / name)
            if not name.startswith(".") and run.exists():
                yield run

    def new_run(self, name: str, run: Dict[str, Any], message: str = "Queued") -> RunDir:
        """Create a run directory with an id of its own."""
        self.runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        created = time.time()
        while True:
            directory = self.run(new_run_id(name, created))
            if not directory.root.exists():
                break
        directory.create({"name": name, "created_at": created, **run}, message)
        return directory


def default_home(environ: Optional[Dict[str, str]] = None) -> Path:
    """Return GLADIUS_HOME, else the platform's folder for user data (the same as platformdirs', without needing it)."""
    env = os.environ if environ is None else environ
    if env.get("GLADIUS_HOME"):
        return Path(env["GLADIUS_HOME"])
    if sys.platform == "win32":
        return Path(env.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "gladius"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "gladius"
    return Path(env.get("XDG_DATA_HOME", "").strip() or Path.home() / ".local" / "share") / "gladius"


def new_run_id(name: str, created: float) -> str:
    """Return `YYYYMMDD-HHMMSS-<slug>-<4 hex>`, UTC."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(created))}-{slug(name)}-{os.urandom(2).hex()}"


def slug(name: str) -> str:
    """Return an ASCII, lower-case form of a name, never empty."""
    if not name.isascii():
        import unicodedata

        name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:_SLUG_LENGTH].strip("-") or "run"
