"""The whole error tree. Upstream: nothing. Downstream: every room.

GladiusError                 code, hint: what happened and what to do next
├ InvalidRun                 a run directory that cannot be used
├ RunNotFound                no run by that name
├ AmbiguousRun               several runs by that name
├ RunBusy                    a process of that run lives
├ LockHeld                   another process is the writer
├ ProfileNotFound            no profile by that id
├ DatasetNotFound            no dataset by that id
├ ConfigError                a configuration that cannot be used
├ LaunchError                a run that could not be started
├ CommandInvalid             a command that cannot be sent
└ ServerError                the console server
  ├ ServerUnreachable        nobody answers
  └ RequestRejected          it answered no
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional


class GladiusError(Exception):
    """Base of all errors that Gladius raises on purpose.

    `str(error)` is one sentence for people, `hint` says what to do next, `code` is stable for programs.
    """

    code = "gladius_error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class InvalidRun(GladiusError):
    """A run directory is missing something it must have."""

    code = "invalid_run"


class RunNotFound(GladiusError):
    """No run is called that."""

    code = "run_not_found"

    def __init__(self, run_id: str) -> None:
        super().__init__(f"No run '{run_id}'.", "'gladius ls' lists the runs.")
        self.run_id = run_id


class AmbiguousRun(GladiusError):
    """A prefix or a name fits several runs."""

    code = "ambiguous_run"

    def __init__(self, run_id: str, matches: List[str]) -> None:
        shown = ", ".join(matches[:5]) + (", ..." if len(matches) > 5 else "")
        super().__init__(f"'{run_id}' fits {len(matches)} runs: {shown}.", "Give more of the id.")
        self.matches = matches


class RunBusy(GladiusError):
    """What was asked needs a run without a living process."""

    code = "run_busy"


class LockHeld(GladiusError):
    """Another process holds the lock: there is never a second writer."""

    code = "lock_held"

    def __init__(self, path: str, holder: Optional[Dict[str, Any]] = None) -> None:
        who = f"pid {holder['pid']} on {holder['host']}" if holder else "another process"
        super().__init__(f"{path} is held by {who}.", "Stop it first, or leave it its work.")
        self.path = path
        self.holder = holder


class ProfileNotFound(GladiusError):
    """No profile has that id."""

    code = "profile_not_found"

    def __init__(self, profile_id: str) -> None:
        super().__init__(f"No profile '{profile_id}'.", "'gladius profile ls' lists the profiles.")
        self.profile_id = profile_id


class DatasetNotFound(GladiusError):
    """No dataset has that id."""

    code = "dataset_not_found"

    def __init__(self, dataset_id: str) -> None:
        super().__init__(f"No dataset '{dataset_id}'.", "'gladius dataset ls' lists the datasets.")
        self.dataset_id = dataset_id


class ConfigError(GladiusError):
    """A configuration cannot be used; `field` names the wrong key where one is to blame."""

    code = "config_error"

    def __init__(self, message: str, hint: str = "", field: Optional[str] = None) -> None:
        super().__init__(message, hint)
        self.field = field


class LaunchError(GladiusError):
    """A run could not be started."""

    code = "launch_error"


class CommandInvalid(GladiusError):
    """A command is not one of the closed list, has wrong arguments, or this trainer cannot do it."""

    code = "command_invalid"


class ServerError(GladiusError):
    """Talking to the console server failed."""

    code = "server_error"


class ServerUnreachable(ServerError):
    """No server answers at that address."""

    code = "server_unreachable"

    def __init__(self, url: str, reason: str = "") -> None:
        super().__init__(
            f"No Gladius server answers at {url}{': ' + reason if reason else ''}.", "'gladius up' starts one."
        )
        self.url = url


class RequestRejected(ServerError):
    """The server answered with a problem; `status` is the HTTP status, `code` the problem's own."""

    def __init__(self, status: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status
        self.code = code
