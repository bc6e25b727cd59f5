"""Steer one run from afar: commands and their answers, new attempts, forks. Upstream: transport. Downstream: run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import quote

from gladius.client.transport import Transport
from gladius.errors import CommandTimeout
from gladius.wire.catalog import StartAnswer
from gladius.wire.runs import CommandRecord
from gladius.wire.steering import ConfigDiff, ResumePreview

ANSWERED = ("applied", "rejected", "outcome_unknown")
_POLL_S = 0.05
_LATER_POLL_S = 0.2
_SOON_S = 2.0

Checkpoint = int | str | None
"""A step, a folder, or None for the newest that verifies."""
Overrides = Mapping[str, Any]


class Steering:
    """The half of a run's handle that changes something.

    Every verb waits for the trainer's answer and returns its record, whose `state` alone says whether it was done; with
    `wait=False` it returns the command's id at once.
    """

    _transport: Transport
    _path: str

    def command(
        self, command: str, *, id: str | None = None, args: Mapping[str, Any] | None = None, **more: Any
    ) -> str:
        """Send a command and return its id; only `applied` makes it true, see `wait_command`."""
        body = {"command": command, "args": {**(args or {}), **more}, "id": id}
        return str(self._transport.post(f"{self._path}/commands", body)["command_id"])

    def commands(self) -> list[CommandRecord]:
        """Every command that was sent, oldest first."""
        return [CommandRecord.model_validate(one) for one in self._transport.get(f"{self._path}/commands")]

    def audit(self, format: Literal["jsonl", "csv"] = "csv") -> str:
        """Every command as text: who, when, what, and what became of it."""
        return self._transport.get_bytes(f"{self._path}/commands", {"format": format}).text

    def wait_command(
        self, command_id: str, timeout: float = 60.0, meanwhile: Callable[[], object] | None = None
    ) -> CommandRecord:
        """Wait for `applied`, `rejected` or `outcome_unknown`, calling `meanwhile` between two looks.

        Raises CommandTimeout when it is not accepted within `timeout` seconds. What was accepted is waited for as long
        as its trainer lives: it may take a step, a save or a whole validation.
        """
        began = time.monotonic()
        while True:
            found = CommandRecord.model_validate(
                self._transport.get(f"{self._path}/commands/{quote(command_id, safe='')}")
            )
            if found.state in ANSWERED:
                return found
            waited = time.monotonic() - began
            if waited > timeout and found.state != "accepted":
                raise CommandTimeout(
                    f"'{found.command}' is {found.state} after {timeout:g} s.",
                    "It may still be applied: 'gladius show' tells.",
                )
            if meanwhile is not None:
                meanwhile()
            time.sleep(_POLL_S if waited < _SOON_S else _LATER_POLL_S)

    # Commands

    def pause(self, release: bool = False, wait: bool = True) -> CommandRecord | str:
        """Hold in place, or with `release` save and exit resumable."""
        return self._steer("pause", wait, mode="release" if release else "hold")

    def resume(self, wait: bool = True) -> CommandRecord | str:
        """Leave the hold. A run that was released or has ended goes on by `resume_run`."""
        return self._steer("resume", wait)

    def stop(self, checkpoint: bool = True, wait: bool = True) -> CommandRecord | str:
        """End the training, by default after a final checkpoint."""
        return self._steer("stop", wait, checkpoint=checkpoint)

    def force_stop(self, grace_s: float = 20.0, wait: bool = True) -> CommandRecord | str:
        """End the process by signals: asked first, killed after `grace_s` seconds."""
        return self._steer("terminate", wait, grace_s=grace_s)

    def checkpoint(self, wait: bool = True) -> CommandRecord | str:
        """Save now; applied when the checkpoint was read back and verified."""
        return self._steer("checkpoint", wait)

    def validate(self, split: Literal["eval", "test"] = "eval", wait: bool = True) -> CommandRecord | str:
        """Evaluate now; the training waits, and goes on exactly where it was."""
        return self._steer("validate", wait, split=split)

    def set(self, name: str, value: Any, wait: bool = True) -> CommandRecord | str:
        """Change a hyperparameter while it trains."""
        command_id = self.command("set", args={"name": name, "value": value})
        return self.wait_command(command_id) if wait else command_id

    def revert(self, name: str, wait: bool = True) -> CommandRecord | str:
        """Undo the last change of a hyperparameter."""
        command_id = str(self._transport.post(f"{self._path}/revert", {"name": name})["command_id"])
        return self.wait_command(command_id) if wait else command_id

    def reload_config(self, keys: list[str], wait: bool = True) -> CommandRecord | str:
        """Apply these keys of the configuration file as it is now."""
        return self._steer("reload_config", wait, keys=keys)

    def _steer(self, command: str, wait: bool, **args: Any) -> CommandRecord | str:
        command_id = self.command(command, args=args)
        return self.wait_command(command_id) if wait else command_id

    # New attempts

    def resume_run(
        self, checkpoint: Checkpoint = None, overrides: Overrides | None = None, from_file: bool = False
    ) -> StartAnswer:
        """Start a new attempt of a run that was released or has ended, with changes if need be.

        `from_file` takes over what the config file says otherwise than what was launched.
        """
        body = {**_wish(checkpoint, overrides), "from_file": from_file}
        return StartAnswer.model_validate(self._transport.post(f"{self._path}/resume", body))

    def preview_resume(
        self, checkpoint: Checkpoint = None, overrides: Overrides | None = None, from_file: bool = False
    ) -> ResumePreview:
        """Ask what `resume_run` would restore, what not, and what the changes do."""
        body = {**_wish(checkpoint, overrides), "from_file": from_file}
        answer = self._transport.post(f"{self._path}/resume", body, {"preview": True})
        return ResumePreview.model_validate(answer)

    def fork(
        self, checkpoint: Checkpoint = None, overrides: Overrides | None = None, name: str | None = None
    ) -> StartAnswer:
        """Start a new run from a checkpoint of this one."""
        body = {**_wish(checkpoint, overrides), "name": name}
        return StartAnswer.model_validate(self._transport.post(f"{self._path}/fork", body))

    def preview_fork(self, checkpoint: Checkpoint = None, overrides: Overrides | None = None) -> ResumePreview:
        """Ask what `fork` would restore, what not, and what the changes do."""
        answer = self._transport.post(f"{self._path}/fork", _wish(checkpoint, overrides), {"preview": True})
        return ResumePreview.model_validate(answer)

    # The configuration file

    def config_diff(self) -> ConfigDiff:
        """The configuration file against what was launched and what is live."""
        return ConfigDiff.model_validate(self._transport.get(f"{self._path}/config/diff"))

    def put_config(self, text: str, version: str | None = None) -> ConfigDiff:
        """Write the configuration file; nothing of it is in force before `reload_config` or `resume_run`.

        With the `version` of the diff that was edited, a file that somebody else changed meanwhile is not written over.
        """
        body = {"text": text, "version": version}
        return ConfigDiff.model_validate(self._transport.put(f"{self._path}/config", body))


def _wish(checkpoint: Checkpoint, overrides: Overrides | None) -> dict[str, Any]:
    return {"checkpoint": checkpoint, "overrides": dict(overrides or {})}
