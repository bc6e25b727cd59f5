"""The whole error tree. Upstream: nothing. Downstream: every room.

Past 400 lines because every error stands in this one file, each with its sentence.

GladiusError                 code, hint: what happened and what to do next
├ InvalidRun                 a run directory that cannot be used
├ RunUnreadable              a run whose run.json cannot be read now
├ NotFound                   nothing by that id
│ ├ RunNotFound              no run by that id, prefix or name
│ ├ ProbeNotFound            no probe by that id
│ ├ ProfileNotFound
│ ├ DatasetNotFound
│ ├ PresetNotFound
│ ├ EnvironmentNotFound
│ ├ TrashNotFound
│ ├ IndexNotFound
│ ├ FlowNotFound
│ ├ FlowRunNotFound
│ ├ AlertNotFound
│ ├ UserNotFound
│ └ TokenNotFound
├ AmbiguousRun               several runs by that name
├ RunBusy                    a process of that run lives
├ NotWaiting                 a run that is not in the queue
├ MachineFull                a probe for which there is no room now
├ RunExists                  a run of that id is there already
├ TrashElsewhere             a trash on another disk than the runs
├ NotesChanged               notes that somebody else has changed meanwhile
├ RunNotLive                 nobody reads that run's mailbox any more
├ NotResumable               a run that no new attempt can go on
├ CheckpointNotFound         no checkpoint by that step or path
├ CheckpointDamaged          a checkpoint that is not what was saved
├ CheckpointMismatch         a checkpoint that is another training's
├ ReportNotFound             a run without a report yet
├ LockHeld                   another process is the writer
├ PresetExists               a preset of that name is there already
├ PresetBuiltin              a preset that came with Gladius
├ ProfileExists              a profile of that id is there already
├ ProfileBuiltin             a profile that came with Gladius
├ DatasetExists              a dataset's file of that name is there already
├ DatasetFixed               a dataset that is not the home's own
├ DatasetBusy                a dataset that something uses now
├ DatasetTooLarge            an upload beyond what a server takes
├ IndexExists                an index of that name is made of another folder
├ IndexBusy                  that folder is being indexed
├ IndexNotBuilt              an index that cannot be searched yet
├ IndexFailed                an indexing that could not be started
├ StatusUnfit               a watched file that holds no training status now
├ DiskFull                   no room for what is to be kept
├ DiskFailed                 a disk that did not do what was asked of it
├ HomeGone                   a home that is not there any more
├ ConfigChanged              a file that somebody else has changed meanwhile
├ ConfigError                a configuration that cannot be used
│ └ BadRecord                a line of a dataset that cannot be trained on
├ LaunchError                a run that could not be started
├ EnvironmentMissing         a trainer's environment that nobody has made yet
├ EnvironmentFailed          a trainer's environment that could not be made
├ CommandInvalid             a command that cannot be sent
│ └ CommandConflict          an id that was given to another command
├ CommandNotFound            no command by that id
├ RankFailed                 a process of a job that could not do its part
├ RankLost                   a process of a job that is gone
├ RanksApart                 processes of a job that are at different steps
├ FlowRunLives               a flow's run that has not ended yet
├ FlowRunEnded               a flow's run that has ended, or has nothing left to do
├ StepFailed                 a flow's step that did not do its work
├ SearchInvalid              a pattern that cannot be searched for
├ FieldErrors                a request whose fields are wrong
├ TensorBoardMissing         a package that is not installed
├ TensorBoardFailed          a TensorBoard that did not start
├ NameTaken                  a user or token of that name is there already
├ LastAdmin                  the one user who could make others admins
├ UsersUnreadable            the file of users is damaged
└ ServerError                the console server
  ├ ServerUnreachable        nobody answers
  │ └ ServerElsewhere        the home's server runs on another machine
  ├ RequestRejected          it answered no
  ├ CommandTimeout           a command was not answered in time
  ├ PortTaken                another program has its port
  └ DoorOpen                 an address that others reach, without password or encryption
"""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Union


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


class RunUnreadable(GladiusError):
    """A run is there, and what it is cannot be read; `reason` in words."""

    code = "run_unreadable"

    def __init__(self, run_id: str, place: str, reason: str) -> None:
        hint = "Mend the file, or move its folder away; the run is listed as soon as it can be read."
        super().__init__(f"{place} cannot be read: {reason}.", hint)
        self.run_id = run_id


class NotFound(GladiusError):
    """Nothing has the id that was asked for. Each kind says so in its sentence, and where those are that exist."""

    code = "not_found"
    says: str
    where: str

    def __init__(self, id_: str) -> None:
        super().__init__(self.says.format(id_), self.where)
        self.id = id_


class RunNotFound(NotFound):
    """No run is called that."""

    code = "run_not_found"
    says = "No run '{}'."
    where = "'gladius ls' lists the runs."


class ProbeNotFound(NotFound):
    """No probe is called that, or it is forgotten."""

    code = "probe_not_found"
    says = "No probe '{}'."
    where = "POST /api/v1/runs/probe starts one; a server forgets those of the server before it."


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


class MachineFull(GladiusError):
    """A probe waits for nobody: where a run would have to wait, it is refused."""

    code = "machine_full"

    def __init__(self, name: str, running: int) -> None:
        super().__init__(
            f"The machine is full: there is no room for {name} beside {running} running.",
            "'gladius queue' tells who runs and who waits; ask again when a run has ended.",
        )


class NotWaiting(GladiusError):
    """The run is not in the queue, or on its way out of it at this moment."""

    code = "not_waiting"

    def __init__(self, run_id: str) -> None:
        super().__init__(f"Run '{run_id}' does not wait.", "'gladius queue' lists those that do.")


class RunExists(GladiusError):
    """A deleted run cannot come back: its id is taken."""

    code = "run_exists"

    def __init__(self, run_id: str) -> None:
        super().__init__(f"There is a run '{run_id}' already.", "Delete that one first, or rename its folder.")
        self.run_id = run_id


class TrashElsewhere(GladiusError):
    """A run cannot be moved to the trash, or back, in one step."""

    code = "trash_elsewhere"

    def __init__(self, source: str, target: str) -> None:
        super().__init__(
            f"{source} and {target} lie on different disks, so that nothing was moved.",
            "Have the home's 'runs' and 'trash' on one disk.",
        )
        self.source, self.target = source, target


class NotesChanged(GladiusError):
    """The notes are others than the ones that were edited; nothing was written."""

    code = "notes_changed"

    def __init__(self, run_id: str) -> None:
        super().__init__(f"The notes of '{run_id}' were changed meanwhile.", "Look at them again, then save once more.")
        self.run_id = run_id


class RunNotLive(GladiusError):
    """The run has ended, so nobody reads its mailbox."""

    code = "run_not_live"


class NotResumable(GladiusError):
    """No new attempt can go on with this run."""

    code = "not_resumable"


class CheckpointNotFound(GladiusError):
    """The run has no such checkpoint."""

    code = "checkpoint_not_found"


class CheckpointDamaged(GladiusError):
    """The checkpoint's files are not those that were saved."""

    code = "checkpoint_damaged"


class CheckpointMismatch(GladiusError):
    """The checkpoint does not fit what the script has built; `problems` names each difference."""

    code = "checkpoint_mismatch"

    def __init__(self, folder: "Union[str, os.PathLike[str]]", problems: List[str], hint: str = "") -> None:
        shown = "; ".join(problems[:5]) + ("; ..." if len(problems) > 5 else "")
        super().__init__("{} does not fit this training: {}.".format(os.fspath(folder), shown), hint)
        self.folder = os.fspath(folder)
        self.problems = problems


class RankFailed(GladiusError):
    """One process of a job could not do what all were told to; the others could."""

    code = "rank_failed"

    def __init__(self, rank: int, problem: str) -> None:
        super().__init__(f"rank {rank}: {problem}")
        self.rank = rank


class RankLost(GladiusError):
    """A process of a job has ended or does not answer; the others cannot go on. `ranks` names who, where that is known."""

    code = "rank_lost"

    def __init__(self, ranks: List[str], reason: str) -> None:
        who = " and ".join(ranks) or "a rank that is not known"
        super().__init__(f"The job lost {who}: {reason}.", "The others ended too: go on from the last checkpoint.")
        self.ranks = ranks


class RanksApart(GladiusError):
    """Two processes of a job are not at the same step, so no decision can fall at one."""

    code = "ranks_apart"

    def __init__(self, rank: int, step: int, step_of_rank_0: int) -> None:
        super().__init__(
            f"Rank {rank} ends step {step} where rank 0 ends step {step_of_rank_0}.",
            "Let every rank train the same number of steps: DistributedSampler, or drop_last.",
        )


class ReportNotFound(GladiusError):
    """The run has no report yet."""

    code = "report_not_found"


class LockHeld(GladiusError):
    """Another process holds the lock: there is never a second writer."""

    code = "lock_held"

    def __init__(self, path: str, holder: Optional[Dict[str, Any]] = None) -> None:
        who = f"pid {holder['pid']} on {holder['host']}" if holder else "another process"
        super().__init__(f"{path} is held by {who}.", "Stop it first, or leave it its work.")
        self.path = path
        self.holder = holder


class ProfileNotFound(NotFound):
    """No profile has that id."""

    code = "profile_not_found"
    says = "No profile '{}'."
    where = "'gladius profile ls' lists the profiles."


class DatasetNotFound(NotFound):
    """No dataset has that id."""

    code = "dataset_not_found"
    says = "No dataset '{}'."
    where = "'gladius dataset ls' lists the datasets."


class PresetNotFound(NotFound):
    """No preset has that id."""

    code = "preset_not_found"
    says = "No preset '{}'."
    where = "'gladius preset ls' lists the presets."


class PresetExists(GladiusError):
    """A preset of that name is there already."""

    code = "preset_exists"

    def __init__(self, preset_id: str) -> None:
        super().__init__(f"There is a preset '{preset_id}' already.", "Choose another name, or replace it.")
        self.preset_id = preset_id
        self.field = "name"
        self.facts = {"preset_id": preset_id}


class PresetBuiltin(GladiusError):
    """A preset that came with Gladius cannot be deleted."""

    code = "preset_builtin"

    def __init__(self, preset_id: str) -> None:
        super().__init__(f"Preset '{preset_id}' came with Gladius.", "One of your own by that name goes before it.")
        self.preset_id = preset_id


class ProfileExists(GladiusError):
    """A profile of that id is there already."""

    code = "profile_exists"

    def __init__(self, profile_id: str) -> None:
        super().__init__(f"There is a profile '{profile_id}' already.", "Choose another id, or edit that one.")
        self.profile_id = profile_id
        self.field = "id"


class ProfileBuiltin(GladiusError):
    """A profile that came with Gladius cannot be deleted."""

    code = "profile_builtin"

    def __init__(self, profile_id: str) -> None:
        super().__init__(f"Profile '{profile_id}' came with Gladius.", "One of your own by that id goes before it.")
        self.profile_id = profile_id


class TrashNotFound(NotFound):
    """Nothing of that name lies in the trash."""

    code = "trash_not_found"
    says = "Nothing called '{}' is in the trash."
    where = "'gladius trash ls' lists the runs that are, 'profile trash' and 'dataset trash' the others."


class DatasetExists(GladiusError):
    """A file of that name is there already; it is never written over."""

    code = "dataset_exists"

    def __init__(self, filename: str) -> None:
        super().__init__(
            f"There is a dataset's file '{filename}' already.", "Choose another name, or take that one away."
        )
        self.field = "filename"


class DatasetFixed(GladiusError):
    """A dataset that is not the home's own cannot be deleted."""

    code = "dataset_fixed"

    def __init__(self, dataset_id: str, why: str, hint: str) -> None:
        super().__init__(f"Dataset '{dataset_id}' {why}", hint)
        self.dataset_id = dataset_id


class DatasetBusy(GladiusError):
    """A dataset cannot be deleted while runs need it."""

    code = "dataset_busy"

    def __init__(self, dataset_id: str, run_ids: List[str]) -> None:
        super().__init__(
            f"Dataset '{dataset_id}' is needed by {', '.join(run_ids)}.", "Wait for the end of that run, or stop it."
        )
        self.dataset_id = dataset_id
        self.run_ids = run_ids


class DatasetTooLarge(GladiusError):
    """An upload is larger than a server takes."""

    code = "dataset_too_large"

    def __init__(self, limit: int, folder: str) -> None:
        super().__init__(
            f"An upload holds at most {limit / 2**20:,.0f} MiB.", f"Put the file into {folder} on the server's machine."
        )
        self.limit = limit


class IndexNotFound(NotFound):
    """No index has that id."""

    code = "index_not_found"
    says = "No index '{}'."
    where = "'gladius index ls' lists the indexes."


class IndexExists(GladiusError):
    """An index of that name is made of another folder; its dataset is not written over."""

    code = "index_exists"

    def __init__(self, index_id: str, path: str) -> None:
        super().__init__(f"'{index_id}' is the index of {path}.", "Give this one another name.")
        self.index_id = index_id
        self.field = "name"


class IndexBusy(GladiusError):
    """A process makes that index now; there is never a second one."""

    code = "index_busy"

    def __init__(self, index_id: str) -> None:
        super().__init__(f"'{index_id}' is being made.", "Wait for its end, or cancel it.")
        self.index_id = index_id


class IndexNotBuilt(GladiusError):
    """No indexing of that folder has come to its end yet."""

    code = "index_not_built"

    def __init__(self, index_id: str) -> None:
        super().__init__(f"'{index_id}' cannot be searched yet.", "Index it to its end first.")
        self.index_id = index_id


class IndexFailed(GladiusError):
    """The process that makes an index could not be started."""

    code = "index_failed"

    def __init__(self, index_id: str, reason: str, log: str) -> None:
        super().__init__(f"The indexing of '{index_id}' did not start: {reason.rstrip('.')}.", f"Its log: {log}")
        self.log = log


class DiskFull(GladiusError):
    """There is no room on the disk."""

    code = "disk_full"

    def __init__(self, folder: str) -> None:
        super().__init__(f"The disk of {folder} is full.", "Free some room there, then try again.")


class DiskFailed(GladiusError):
    """The disk did not do what was asked of it; `place` is the file or folder, `cause` the system's own word."""

    code = "disk_failed"

    def __init__(self, place: str, cause: str) -> None:
        super().__init__(
            f"The disk failed at {place}: {cause}.", "Look at the disk and its permissions, then try again."
        )


class HomeGone(GladiusError):
    """The folder that holds everything is away: a disk that is not mounted, or somebody moved or deleted it."""

    code = "home_gone"

    def __init__(self, home: str) -> None:
        super().__init__(
            f"The home {home} is not there.", "Put it back, or mount it: the console then goes on by itself."
        )


class StatusUnfit(GladiusError):
    """A watched file cannot be read as a training status; `problem` is the code of the alert that says so."""

    code = "status_unfit"

    def __init__(self, problem: str, message: str) -> None:
        super().__init__(message)
        self.problem = problem


class ConfigError(GladiusError):
    """A configuration cannot be used; `field` names the wrong key where one is to blame, `line` its line in the file."""

    code = "config_error"

    def __init__(self, message: str, hint: str = "", field: Optional[str] = None, line: Optional[int] = None) -> None:
        super().__init__(message, hint)
        self.field = field
        self.line = line


class ConfigChanged(GladiusError):
    """The file is another than the one that was edited; nothing was written."""

    code = "config_changed"

    def __init__(self, path: "Union[str, os.PathLike[str]]") -> None:
        super().__init__(f"{os.fspath(path)} was changed meanwhile.", "Look at it again, then save once more.")
        self.path = os.fspath(path)


class BadRecord(ConfigError):
    """One line of a dataset cannot be trained on; `line` counts from 1, 0 is the whole file, `kind` is for programs."""

    code = "bad_record"

    def __init__(
        self, path: "Union[str, os.PathLike[str]]", line: int, problem: str, hint: str = "", kind: str = "bad_record"
    ) -> None:
        where = "{}, line {}: {}." if line else "{0}: {2}."
        super().__init__(where.format(path, line, problem), hint, field="data.path")
        self.path = os.fspath(path)
        self.line = line
        self.problem = problem
        self.kind = kind


class LaunchError(GladiusError):
    """A run could not be started."""

    code = "launch_error"


class EnvironmentNotFound(NotFound):
    """There is no recipe for such an environment."""

    code = "environment_not_found"
    says = "No environment '{}'."
    where = "'gladius env list' lists those that can be made."


class EnvironmentMissing(GladiusError):
    """A trainer needs an environment that was not made here yet, or not to its end."""

    code = "environment_missing"

    def __init__(self, id_: str) -> None:
        super().__init__(f"The environment '{id_}' is not there yet.", f"In a terminal, type: gladius env create {id_}")
        self.id = id_


class EnvironmentFailed(GladiusError):
    """An environment could not be made; what failed has said its last words by then."""

    code = "environment_failed"

    def __init__(self, id_: str, what: str, log: str) -> None:
        super().__init__(f"The environment '{id_}' could not be made: {what}.", f"All that was said: {log}")
        self.id = id_
        self.log = log


class CommandInvalid(GladiusError):
    """A command is not one of the closed list, has wrong arguments, or this trainer cannot do it."""

    code = "command_invalid"


class CommandConflict(CommandInvalid):
    """The same id was given to another command."""

    code = "command_conflict"


class CommandNotFound(GladiusError):
    """No command has that id."""

    code = "command_not_found"


class AlertNotFound(NotFound):
    """No alert has that id."""

    code = "alert_not_found"
    says = "No alert '{}'."
    where = "'gladius alerts' lists them."


class UserNotFound(NotFound):
    """No user has that name."""

    code = "user_not_found"
    says = "No user '{}'."
    where = "'gladius user list' lists the users."


class TokenNotFound(NotFound):
    """No token has that id or name."""

    code = "token_not_found"
    says = "No token '{}'."
    where = "'gladius token list' lists the tokens."


class NameTaken(GladiusError):
    """Users and tokens share their names, so that a record names one of them."""

    code = "name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a user or a token '{name}' already.", "Choose another name.")
        self.name = name
        self.field = "name"


class LastAdmin(GladiusError):
    """Without this user nobody who signs in by name could manage the others."""

    code = "last_admin"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is the last admin who can sign in.", "Make another user an admin first.")
        self.name = name


class UsersUnreadable(GladiusError):
    """The file of users and tokens cannot be read; until then nobody but the owner is let in."""

    code = "users_unreadable"

    def __init__(self, path: "Union[str, os.PathLike[str]]", reason: str) -> None:
        super().__init__(
            f"{os.fspath(path)} cannot be read: {reason}.",
            "Put a copy of it back, or move it away to begin without users.",
        )
        self.path = os.fspath(path)


class FlowNotFound(NotFound):
    """No flow has that id."""

    code = "flow_not_found"
    says = "No flow '{}'."
    where = "'gladius flow ls' lists the flows."


class FlowRunNotFound(NotFound):
    """No run of a flow has that id."""

    code = "flow_run_not_found"
    says = "No flow run '{}'."
    where = "'gladius flow runs' lists them."


class FlowRunLives(GladiusError):
    """What was asked needs a flow's run that has ended."""

    code = "flow_run_lives"


class FlowRunEnded(GladiusError):
    """A flow's run has ended, so there is nothing to cancel, or every step was done, so there is nothing to retry."""

    code = "flow_run_ended"


class StepFailed(GladiusError):
    """A step of a flow did not do its work; the sentence is its cause."""

    code = "step_failed"


class SearchInvalid(GladiusError):
    """The search pattern cannot be used."""

    code = "search_invalid"


class FieldErrors(GladiusError):
    """A request whose fields are wrong; `errors` names each: `{field, message}`."""

    code = "fields_invalid"

    def __init__(self, errors: List[Dict[str, Any]]) -> None:
        names = ", ".join(str(error["field"]) for error in errors)
        super().__init__(f"Wrong or missing: {names}.", "Mend these fields and send the request again.")
        self.errors = errors


class TensorBoardMissing(GladiusError):
    """TensorBoard is not installed where the console runs."""

    code = "tensorboard_missing"

    def __init__(self) -> None:
        super().__init__(
            "TensorBoard is not installed where this console runs.",
            "There, type: pip install 'gladius-console[tensorboard]'",
        )


class TensorBoardFailed(GladiusError):
    """TensorBoard was started and did not come up."""

    code = "tensorboard_failed"

    def __init__(self, reason: str, log: str) -> None:
        super().__init__(f"TensorBoard did not start: {reason.rstrip('.')}.", f"Its log: {log}")
        self.log = log


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


class ServerElsewhere(ServerUnreachable):
    """The home is shared, and its one server runs on another machine; its loopback address means nothing here."""

    code = "server_elsewhere"

    def __init__(self, host: str, url: str) -> None:
        port = url.partition("://")[2].partition("/")[0].rpartition(":")[2]
        message = f"The console of this home runs on {host}."
        hint = f"Reach it through a tunnel: ssh -N -L {port}:127.0.0.1:{port} {host}. Or end it there first."
        ServerError.__init__(self, message, hint)
        self.url = url


class RequestRejected(ServerError):
    """The server answered with a problem; `status` is the HTTP status, `code` the problem's own."""

    def __init__(self, status: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status
        self.code = code


class CommandTimeout(ServerError):
    """A command was not answered in time; it may still be."""

    code = "command_timeout"


class PortTaken(ServerError):
    """Another program listens there."""

    code = "port_taken"


class DoorOpen(ServerError):
    """An address that other machines reach is opened to passwords only, and encrypted; `lacks` says what is missing."""

    code = "door_open"

    def __init__(self, host: str, lacks: List[str]) -> None:
        super().__init__(
            f"Others can reach {host or 'every address'}, and there is no {' and no '.join(lacks)}.",
            "'gladius user add' makes a user with a password; --tls-cert and --tls-key (or --public-url https://... "
            "behind a proxy) encrypt. An SSH tunnel to 127.0.0.1 needs neither. --insecure-listen listens all the same.",
        )
        self.host, self.lacks = host, lacks
