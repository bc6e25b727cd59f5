"""Take a command for a run and put it where its reader looks. Upstream: store. Downstream: server; control files."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from gladius.desk.ability import disabled_commands, forms_of, lingers, route_of, way_of
from gladius.errors import CommandConflict, CommandInvalid, CommandNotFound, RunNotLive
from gladius.pulse.bounds import refusal
from gladius.pulse.control import Command, Mailbox, check_command, new_command_id
from gladius.store.commands import command_record, command_records, forks
from gladius.store.family import family_of
from gladius.store.resumable import resumable
from gladius.store.store import Store
from gladius.store.view import RunView
from gladius.wire.runs import CommandRecord

Withdraw = Callable[[str, str, Command], Awaitable[bool]]
"""Take a run that waits out of the queue: its id, who asked, and the command to post and answer; False: it does not wait."""


class Desk:
    """Where commands are handed in. Only an `applied` ack makes one true; this desk only promises that it was posted."""

    def __init__(self, store: Store, withdraw: Withdraw | None = None) -> None:
        self._store = store
        self._withdraw = withdraw

    async def send(
        self, run_id: str, name: str, args: Mapping[str, Any], issued_by: str, command_id: str | None = None
    ) -> str:
        """Post a command and return its id. The same id with the same command is posted once.

        Raises CommandInvalid (not of the list, wrong arguments, not for this trainer), RunNotLive, CommandConflict,
        RunNotFound, and OSError when the mailbox cannot be written. Bounds and names of hyperparameters are the
        trainer's to judge: it answers `rejected`, and that is on record.
        """
        view = await self._store.view(run_id)
        if command_id is not None and (known := self._known(view, command_id)) is not None:
            if not _same(known, name, args):
                raise CommandConflict(
                    f"The id '{command_id}' belongs to another command.", "Give each command its own id."
                )
            return command_id
        if view.ended and not (name == "terminate" and lingers(view)):
            raise _not_live(view, name)
        disabled = disabled_commands(view)
        for asked in (name, way_of(name, args)):
            if asked in disabled:
                raise CommandInvalid(f"This run cannot {asked.replace(':', ' ')}: {disabled[asked]}")
        route = route_of(view, name, args)
        check_command(route.command, route.args, route.known)
        if name == "set":
            _keep_to_the_profile(view, args)
        if view.attempt == 0 and name in ("stop", "terminate") and self._withdraw is not None:
            given = Command(command_id or new_command_id(), name, 1, dict(args), time.time(), issued_by)
            if await self._withdraw(run_id, issued_by, given):
                await self._store.caught_up(run_id)
                return given.id
        folder = view.directory.supervisor_control if route.to_supervisor else view.directory.control
        command = Command(
            id=command_id or new_command_id(),
            command=route.command,
            attempt=view.attempt,
            args=route.args,
            issued_at=time.time(),
            issued_by=issued_by,
        )
        Mailbox(folder).post(command)
        view.commands[command.id] = command
        return command.id

    async def revert(self, run_id: str, name: str, issued_by: str, command_id: str | None = None) -> str:
        """Post a `set` of the value that `name` had before its last change that still stands; as `send`.

        Asked again it goes one change further back, never forth: what has been taken back is done with.
        """
        view = await self._store.view(run_id)
        if command_id is not None and (known := self._known(view, command_id)) is not None:
            if known.command != "set" or known.args.get("name") != name:
                raise CommandConflict(
                    f"The id '{command_id}' belongs to another command.", "Give each command its own id."
                )
            return command_id
        meant = {name, *(one for one, raw in (view.hello.get("adjustable") or {}).items() if raw.get("key") == name)}
        changes = [
            one for one in view.hyperparameters if one.get("attempt") == view.attempt and one.get("name") in meant
        ]
        standing = _standing(changes)
        if standing:
            return await self.send(
                run_id, "set", {"name": name, "value": standing[-1].get("old")}, issued_by, command_id
            )
        if changes:
            raise CommandInvalid(
                f"'{name}' has the value that it began with.", "Every change of it has been taken back already."
            )
        raise CommandInvalid(
            f"'{name}' was not changed in this attempt.", "There is nothing to revert; 'set' gives it a value."
        )

    async def commands(self, run_id: str) -> list[CommandRecord]:
        """Every command of a run, oldest first."""
        view = await self._store.caught_up(run_id)
        return command_records(view, children=(await family_of(self._store, view)).children)

    async def command(self, run_id: str, command_id: str) -> CommandRecord:
        """One command and its acks; raises CommandNotFound."""
        view = await self._store.view(run_id)
        found = command_record(view, command_id)
        if found is None or found.state not in ("applied", "rejected"):
            # Who is gone may have left an answer that the kernel has not told of yet.
            found = command_record(await self._store.caught_up(run_id), command_id)
        if found is None:
            children = (await family_of(self._store, view)).children
            found = next((one for one in forks(view, children) if one.command_id == command_id), None)
        if found is None:
            raise CommandNotFound(f"No command '{command_id}'.", f"'/runs/{run_id}/commands' lists them.")
        return found

    def _known(self, view: RunView, command_id: str) -> Command | None:
        view.refresh({"control"})
        return view.commands.get(command_id)


def _standing(changes: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The changes of one hyperparameter that are in force; one that leads back to a value takes its change away."""
    standing: list[Mapping[str, Any]] = []
    for change in changes:
        if standing and change.get("new") == standing[-1].get("old"):
            standing.pop()
        else:
            standing.append(change)
    return standing


def _keep_to_the_profile(view: RunView, args: Mapping[str, Any]) -> None:
    """Raise CommandInvalid for a value that the run's profile does not let people set; the trainer has bounds of its own."""
    announced = view.hello.get("adjustable") or {}
    key = (announced.get(args["name"]) or {}).get("key") or args["name"]
    refused = refusal(view.run.get("bounds"), key, args["value"])
    if refused is not None:
        raise CommandInvalid(refused)


def _not_live(view: RunView, name: str) -> RunNotLive:
    """Nobody obeys any more; who wants to resume is told of the way that there is."""
    message = f"The run has ended ({view.state}): there is nobody to obey."
    if view.state == "released":
        message = "The run is released: it waits to be resumed, and nobody is there to obey."
    if name != "resume":
        return RunNotLive(message, f"'gladius resume {view.run_id}' goes on with it.")
    answer = resumable(view)
    if answer.possible:
        way = f"POST /api/v1/runs/{view.run_id}/resume (or 'gladius resume') starts a new attempt."
        return RunNotLive(message, way)
    return RunNotLive(message, answer.reason or "")


def _same(known: Command, name: str, args: Mapping[str, Any]) -> bool:
    """Whether a repeated request means the command that was posted under its id, whoever must obey by now."""
    return (known.command, dict(known.args)) in forms_of(name, args)
