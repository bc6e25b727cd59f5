"""PULSE v1: the six-field training status file. Upstream: any training script. Downstream: every reader of the file.

One file, standard library only, Python >= 3.9, Linux, macOS and Windows: copy it beside a script, or import it.
`python pulse_wrapper.py` runs its self-checks.

    from pulse_wrapper import write_running_status, write_done_status
    write_running_status("training_status.json", epoch=0.5, total_epochs=3, loss=2.31, message="step 400/2400")
    write_done_status("training_status.json", epoch=3, total_epochs=3, loss=0.12)
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import stat
import time
from typing import Any, Callable, Dict, Optional, Tuple, Union

__all__ = [
    "FIELDS",
    "STALE_AFTER_S",
    "STATUSES",
    "TrainingStatus",
    "atomic_write_json",
    "progress_percent",
    "read_training_status",
    "safe_read_json",
    "write_done_status",
    "write_error_status",
    "write_idle_status",
    "write_running_status",
    "write_training_status",
]

StrPath = Union[str, "os.PathLike[str]"]
Opener = Callable[[str, int], int]

FIELDS: Tuple[str, ...] = ("status", "epoch", "total_epochs", "loss", "message", "timestamp")
STATUSES: Tuple[str, ...] = ("idle", "running", "done", "error")
STALE_AFTER_S = 60
STALE_MESSAGE = "Process unresponsive (stale pulse)"

_SHARING_VIOLATIONS = frozenset({5, 32, 33})
_REPLACE_ATTEMPTS = 20
_REPLACE_PAUSE_S = 0.05

_warned: Dict[str, Tuple[int, int]] = {}


class TrainingStatus(Dict[str, Any]):
    """A status as a reader sees it: the six fields and `stale`, as keys and as attributes."""

    @staticmethod
    def create(
        status: str,
        epoch: float = 0.0,
        total_epochs: float = 0.0,
        loss: float = 0.0,
        message: str = "",
        timestamp: Optional[int] = None,
    ) -> Dict[str, Any]:
        """Build the six fields.

        Args:
            status: one of `STATUSES`.
            epoch: epochs done, fractional, >= 0.
            total_epochs: epochs planned, >= 0; 0.0 when not known.
            loss: any finite number.
            message: for people, any Unicode text.
            timestamp: Unix seconds, UTC; None is now, 0 is the year 1970.

        Raises:
            ValueError: a value outside the table (unknown status, negative epoch, NaN, infinity).
            TypeError: a value of another type (a bool is not a number here).

        """
        if not isinstance(status, str):
            raise TypeError(f"status must be a string, one of {', '.join(STATUSES)}; got {status!r}")
        if status not in STATUSES:
            raise ValueError(f"status must be one of {', '.join(STATUSES)}; got {status!r}")
        if not isinstance(message, str):
            raise TypeError(f"message must be a string; got {message!r}")
        if timestamp is None:
            timestamp = int(time.time())
        elif isinstance(timestamp, bool) or not isinstance(timestamp, int):
            raise TypeError(f"timestamp must be whole Unix seconds; got {timestamp!r}")
        elif timestamp < 0:
            raise ValueError(f"timestamp must be >= 0; got {timestamp!r}")
        return {
            "status": status,
            "epoch": _number("epoch", epoch, minimum=0.0),
            "total_epochs": _number("total_epochs", total_epochs, minimum=0.0),
            "loss": _number("loss", loss),
            "message": message,
            "timestamp": timestamp,
        }

    @classmethod
    def from_file(cls, path: StrPath, now: Optional[float] = None) -> Optional["TrainingStatus"]:
        """Read a status and judge its age by its own timestamp, once.

        A `running` status older than 60 s comes back as `error` with `stale` true and its other fields kept: the
        form that v1 clients understand. A file that is missing or broken is None.
        """
        fields = read_training_status(path)
        return None if fields is None else cls.judge(fields, time.time() if now is None else now)

    @classmethod
    def judge(cls, fields: Dict[str, Any], now: float) -> "TrainingStatus":
        """Make the reader's view of six valid fields at the time `now` (Unix seconds)."""
        seen = cls(fields)
        seen["stale"] = fields["status"] == "running" and fields["timestamp"] < now - STALE_AFTER_S
        if seen["stale"]:
            seen["status"] = "error"
            seen["message"] = STALE_MESSAGE
        return seen

    @property
    def progress(self) -> float:
        """Percent done, 0..100; 0 when the total is not known."""
        return progress_percent(self["epoch"], self["total_epochs"])

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def progress_percent(epoch: float, total_epochs: float) -> float:
    """Return `epoch / total_epochs * 100`, clamped to 0..100, and 0 when the total is 0."""
    if not total_epochs > 0:
        return 0.0
    return max(0.0, min(100.0, epoch / total_epochs * 100.0))


def _number(name: str, value: Any, minimum: Optional[float] = None) -> float:
    """Check one number; NumPy and tensor scalars are welcome, a bool or a string is not."""
    if isinstance(value, (bool, str, bytes)) or (not hasattr(type(value), "__float__") and not isinstance(value, int)):
        raise TypeError(f"{name} must be a number; got {value!r}")
    if type(value).__name__ in ("bool_", "bool"):
        raise TypeError(f"{name} must be a number; got {value!r}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be finite; got an integer beyond the range of a double") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite; got {value!r}")
    if minimum is not None and number < minimum:
        raise ValueError(f"{name} must be >= {minimum:g}; got {value!r}")
    return number


def _validate(data: Any) -> Dict[str, Any]:
    """Return the six fields of a parsed status; fields we do not know are ignored."""
    if not isinstance(data, dict):
        raise TypeError(f"a status is a JSON object; got {type(data).__name__}")
    missing = [name for name in FIELDS if name not in data]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
    timestamp = data["timestamp"]
    if isinstance(timestamp, float) and timestamp.is_integer():
        timestamp = int(timestamp)
    known = {name: data[name] for name in FIELDS}
    known["timestamp"] = -1 if timestamp is None else timestamp
    return TrainingStatus.create(**known)


def atomic_write_json(path: StrPath, data: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, whole, and a power cut keeps one of them.

    Raises:
        ValueError, TypeError: `data` cannot be JSON (NaN and infinity included).
        OSError: the write failed; the message names the path, the old file is intact, no temporary file is left.

    """
    target = os.fspath(path)
    folder = os.path.dirname(os.path.abspath(target))
    temporary = None
    try:
        # The name tells whose it is, so that what a killed writer leaves can be cleared away.
        name = os.path.join(folder, f".pulse-{os.getpid()}-{os.urandom(6).hex()}.tmp")
        # New for certain: a link that somebody put there is not written through.
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        temporary = name
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(data, file, ensure_ascii=True, allow_nan=False)
            file.flush()
            _keep_mode(target, temporary)
            os.fsync(file.fileno())
        _replace(temporary, target)
        temporary = None
        _fsync_folder(folder)
    except OSError as error:
        raise type(error)(error.errno, f"cannot write {target}: {error.strerror}", target) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _keep_mode(target: str, temporary: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))


def _replace(source: str, target: str) -> None:
    """Rename over `target`; Windows refuses for a moment while a reader has it open."""
    for attempt in range(_REPLACE_ATTEMPTS):
        try:
            os.replace(source, target)
            return
        except OSError as error:
            last = attempt == _REPLACE_ATTEMPTS - 1
            if last or getattr(error, "winerror", None) not in _SHARING_VIOLATIONS:
                raise
            time.sleep(_REPLACE_PAUSE_S)


def _fsync_folder(folder: str) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def safe_read_json(path: StrPath, opener: Optional[Opener] = None) -> Optional[Dict[str, Any]]:
    """Read a JSON object; None when the file is missing, unreadable or broken. Warns once per change of a bad file.

    `opener` is that of `open`, for a reader who does not trust the folder.
    """
    target = os.fspath(path)
    try:
        with open(target, encoding="utf-8", opener=opener) as file:
            data = json.load(file)
        if not isinstance(data, dict):
            raise ValueError(f"a JSON object was expected, found {type(data).__name__}")
        return data
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        _warn_once(target, error)
        return None


def read_training_status(path: StrPath, opener: Optional[Opener] = None) -> Optional[Dict[str, Any]]:
    """Read the six fields exactly as written; None when the file is missing, broken or outside the schema."""
    data = safe_read_json(path, opener)
    if data is None:
        return None
    try:
        return _validate(data)
    except (TypeError, ValueError) as error:
        _warn_once(os.fspath(path), error)
        return None


def _warn_once(target: str, error: Exception) -> None:
    try:
        info = os.stat(target)
        version = (info.st_mtime_ns, info.st_ino)
    except OSError:
        version = (0, 0)
    if _warned.get(target) != version:
        _warned[target] = version
        # Loaded with the first warning: it is a tenth of what an import of this file would cost.
        import logging

        logging.getLogger("gladius.pulse").warning("%s is not a readable status: %s", target, error)


def write_training_status(
    path: StrPath,
    status: str,
    epoch: float = 0.0,
    total_epochs: float = 0.0,
    loss: float = 0.0,
    message: str = "",
    timestamp: Optional[int] = None,
) -> None:
    """Write a status; see `TrainingStatus.create` for the values and `atomic_write_json` for the errors."""
    atomic_write_json(path, TrainingStatus.create(status, epoch, total_epochs, loss, message, timestamp))


def write_idle_status(path: StrPath, message: str = "Waiting to start...") -> None:
    """Say that no training runs yet."""
    write_training_status(path, "idle", message=message)


def write_running_status(path: StrPath, epoch: float, total_epochs: float, loss: float, message: str) -> None:
    """Say how far the training is."""
    write_training_status(path, "running", epoch, total_epochs, loss, message)


def write_done_status(
    path: StrPath,
    epoch: float,
    total_epochs: float,
    loss: float,
    message: str = "Training completed successfully",
) -> None:
    """Say that the training ended well."""
    write_training_status(path, "done", epoch, total_epochs, loss, message)


def write_error_status(path: StrPath, epoch: float, total_epochs: float, loss: float, message: str) -> None:
    """Say that the training failed; `epoch` and `loss` are the last known ones."""
    write_training_status(path, "error", epoch, total_epochs, loss, message)


def _self_check() -> int:
    """Run the six self-checks and print each; return the number of failures."""
    import tempfile

    failures = 0

    def check(title: str, passed: bool) -> None:
        nonlocal failures
        failures += not passed
        print(f"{'ok    ' if passed else 'FAILED'}  {title}")

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "training_status.json")
        write_idle_status(path)
        check("idle is written", (safe_read_json(path) or {}).get("status") == "idle")
        idle = read_training_status(path)
        check("a status is read back", idle is not None and idle["message"] == "Waiting to start...")
        write_running_status(path, 2.5, 3.0, 0.342, "epoch 3/3, step 150/800")
        running = TrainingStatus.from_file(path)
        check("running at 2.5 of 3.0 epochs is 83.3 %", running is not None and round(running.progress, 1) == 83.3)
        write_error_status(path, 2.5, 3.0, 0.342, "CUDA out of memory at step 42")
        error = read_training_status(path)
        check("error keeps epoch and loss", error is not None and (error["epoch"], error["loss"]) == (2.5, 0.342))
        write_done_status(path, 3.0, 3.0, 0.127)
        done = TrainingStatus.from_file(path)
        check("done is 100 %", done is not None and done.status == "done" and done.progress == 100.0)
        raw = safe_read_json(path) or {}
        types = [str, float, float, float, str, int]
        exact = list(raw) == list(FIELDS) and [type(value) for value in raw.values()] == types
        check(
            "exactly six fields of the right types, no file left over",
            exact and os.listdir(folder) == [os.path.basename(path)],
        )
    print("PULSE v1: all self-checks passed" if not failures else f"PULSE v1: {failures} self-checks failed")
    return failures


if __name__ == "__main__":
    raise SystemExit(1 if _self_check() else 0)
