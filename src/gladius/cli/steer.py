"""The verbs that steer a living run. Upstream: the person. Downstream: client, and so the trainer's mailbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, cast

import typer

from gladius.cli.connect import connected
from gladius.cli.output import Json, RunName, console, print_json
from gladius.cli.say import say
from gladius.cli.settings import pair
from gladius.client.run import RunHandle
from gladius.errors import ConfigError
from gladius.units import size
from gladius.wire.runs import CommandRecord

NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait for the trainer's answer.")]


def add_to(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    for verb in (pause, stop, checkpoint, validate):
        app.command()(verb)
    app.command("set")(set_)


def pause(
    run: RunName,
    release: Annotated[bool, typer.Option("--release", help="Leave the memory too; resumable.")] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> int:
    """Hold a training at its next step, its memory kept; with --release it saves and exits resumable."""
    with connected() as client:
        handle = client.run(run)
        return tell(handle, handle.pause(release, wait=not no_wait), as_json)


def stop(
    run: RunName,
    no_checkpoint: Annotated[bool, typer.Option("--no-checkpoint", help="Save nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="End the process by signals: asked first, killed after 20 s.")
    ] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> int:
    """End a training, by default after a final checkpoint."""
    with connected() as client:
        handle = client.run(run)
        if force:
            return tell(handle, handle.force_stop(wait=not no_wait), as_json)
        return tell(handle, handle.stop(checkpoint=not no_checkpoint, wait=not no_wait), as_json)


def checkpoint(run: RunName, no_wait: NoWait = False, as_json: Json = False) -> int:
    """Save a checkpoint now; done means that it was read back and verified."""
    with connected() as client:
        handle = client.run(run)
        progress = _Progress(handle, None if as_json else _say)
        command_id = handle.command("checkpoint")
        if no_wait:
            return tell(handle, command_id, as_json)
        answer = handle.wait_command(command_id, meanwhile=progress.look)
        progress.look()
        return tell(handle, answer, as_json, detail=progress.verified)


def validate(
    run: RunName,
    split: Annotated[str, typer.Option(help="eval or test.")] = "eval",
    no_wait: NoWait = False,
    as_json: Json = False,
) -> int:
    """Evaluate now; the training waits, and goes on exactly where it was."""
    if split not in ("eval", "test"):
        raise ConfigError(f"There is no split '{split}'.", "Choose eval or test.")
    with connected() as client:
        handle = client.run(run)
        wanted = cast(Literal["eval", "test"], split)
        return tell(handle, handle.validate(wanted, wait=not no_wait), as_json)


def set_(
    run: RunName,
    change: Annotated[str, typer.Argument(metavar="NAME=VALUE", help="Or NAME alone with --revert.")],
    revert: Annotated[bool, typer.Option("--revert", help="Undo the last change of NAME.")] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> int:
    """Change a hyperparameter while it trains; 'gladius show --json' lists what a run has."""
    if revert and "=" in change:
        raise ConfigError("--revert takes a name alone.", f"For example: set RUN {change.partition('=')[0]} --revert")
    name, value = (change, None) if revert else pair(change, "gladius set RUN learning_rate=1e-4")
    with connected() as client:
        handle = client.run(run)
        answer = handle.revert(name, not no_wait) if revert else handle.set(name, value, not no_wait)
        return tell(handle, answer, as_json)


class _Progress:
    """What the trainer says of a save while it saves: its log events, as they come."""

    def __init__(self, run: RunHandle, say: Callable[[str], None] | None) -> None:
        self._run = run
        self._say = say
        self._seen = run.record().cursors.events
        self._saved: tuple[str, int | None] | None = None

    def look(self) -> None:
        """Pass on what is new."""
        for event in self._run.events("trainer", self._seen, ["log", "checkpoint"]):
            self._seen = event["seq"]
            if event["type"] == "checkpoint" and isinstance(event.get("path"), str):
                self._saved = event["path"], event.get("bytes")
            elif self._say is not None and str(event.get("message", "")).startswith("checkpoint:"):
                self._say(str(event["message"]))

    def verified(self) -> str | None:
        """`verified: PATH (45.2 MB)`, once the checkpoint was told."""
        self.look()
        return None if self._saved is None else f"verified: {self._saved[0]} ({size(self._saved[1])})"


def _say(line: str) -> None:
    say(line, err=True)


def tell(
    run: RunHandle, answer: CommandRecord | str, as_json: bool, detail: Callable[[], str | None] | None = None
) -> int:
    """Print what became of a command; exit 0 only when the trainer did it (or nobody waited)."""
    if isinstance(answer, str):
        if as_json:
            print_json({"run_id": run.id, "command_id": answer, "state": "requested"})
        else:
            say(f"requested ({answer})")
        return 0
    if as_json:
        print_json(answer)
        return 0 if answer.state == "applied" else 1
    where = f" at step {answer.step}" if answer.step is not None else ""
    more = answer.detail or (detail() if detail is not None and answer.state == "applied" else None)
    state = answer.state.replace("_", " ")
    console.print(f"{state}{where}{': ' + more if more else ''}", markup=False, soft_wrap=True)
    return 0 if answer.state == "applied" else 1
