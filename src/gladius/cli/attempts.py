"""The verbs that go on with a run, or fork it, or list what it was told. Upstream: the person. Downstream: client."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from gladius.cli.connect import connected
from gladius.cli.output import Json, RunName, console, local_time, print_facts, print_json, print_list, print_table
from gladius.cli.say import say
from gladius.cli.settings import Settings, pairs
from gladius.cli.steer import NoWait, tell
from gladius.errors import ConfigError
from gladius.wire.runs import CommandRecord
from gladius.wire.steering import ConfigDiff, ConfigRow, ResumePreview

Checkpoint = Annotated[
    str | None,
    typer.Option("--checkpoint", metavar="STEP|PATH", help="Go on from this one; else the newest whole one."),
]
Preview = Annotated[
    bool, typer.Option("--preview", help="Only tell what would be restored, what not, and what changes.")
]
_HELD = ("paused", "running", "validating", "checkpointing", "preparing", "stopping")


def add_to(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    for verb in (resume, fork, reload, commands):
        app.command()(verb)


def resume(
    run: RunName,
    checkpoint: Checkpoint = None,
    settings: Settings = None,
    from_file: Annotated[
        bool, typer.Option("--from-file", help="Take over what the config file says otherwise.")
    ] = False,
    preview: Preview = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> int:
    """Let a held training go on; one that was released or has ended goes on as a new attempt."""
    overrides = pairs(settings)
    with connected() as client:
        handle = client.run(run)
        if preview:
            return _show(handle.preview_resume(checkpoint, overrides, from_file), as_json)
        if handle.summary().state in _HELD:
            if checkpoint is not None or overrides or from_file:
                hint = "'gladius pause RUN --release' first; then resume with these changes."
                raise ConfigError("Its trainer lives: it cannot go on from elsewhere.", hint)
            return tell(handle, handle.resume(wait=not no_wait), as_json)
        answer = handle.resume_run(checkpoint, overrides, from_file)
    if as_json:
        print_json(answer)
    else:
        say(f"{answer.run_id}: attempt {answer.attempt} {answer.state}")
    return 0


def fork(
    run: RunName,
    checkpoint: Checkpoint = None,
    settings: Settings = None,
    name: Annotated[str | None, typer.Option(help="The new run's name.")] = None,
    preview: Preview = False,
    as_json: Json = False,
) -> int:
    """Start a new run from a checkpoint of this one."""
    overrides = pairs(settings)
    with connected() as client:
        handle = client.run(run)
        if preview:
            return _show(handle.preview_fork(checkpoint, overrides), as_json)
        answer = handle.fork(checkpoint, overrides, name)
    if as_json:
        print_json(answer)
    else:
        say(answer.run_id)
    return 0


def reload(
    run: RunName,
    key: Annotated[list[str] | None, typer.Option(help="Apply this key only; may be repeated.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Apply without asking.")] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> int:
    """Show what the configuration file says otherwise than what is in force, and apply it where that is possible live."""
    with connected() as client:
        handle = client.run(run)
        diff = handle.config_diff()
        chosen = _chosen(diff, key or [])
        live = [row for row in chosen if row.applies != "restart"]
        if not as_json:
            _print_rows(chosen)
            _tell_of_restarts(run, [row.key for row in chosen if row.applies == "restart"])
        if not live:
            return _nothing_to_apply(chosen, as_json)
        if not yes:
            _must_be_asked(len(live))
        return tell(handle, handle.reload_config([row.key for row in live], wait=not no_wait), as_json)


def commands(
    run: RunName,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for the record.")] = False,
    as_json: Json = False,
) -> None:
    """List what a run was told: who, when, what, and what became of it."""
    with connected() as client:
        handle = client.run(run)
        if csv:
            typer.echo(handle.audit("csv"), nl=False)
            return
        found = handle.commands()
    columns = ("when", "who", "what", "state", "step", "answer")
    print_list(found, as_json, columns, _row, empty="Nobody told it anything yet.")


def _row(one: CommandRecord) -> tuple[object, ...]:
    what, state = _said(one.command, one.args), one.state.replace("_", " ")
    return local_time(one.issued_at), one.issued_by, what, state, one.step, one.detail


def _chosen(diff: ConfigDiff, keys: list[str]) -> list[ConfigRow]:
    """The rows that the file changes, or of those the keys a person named; raises ConfigError for a file that is none."""
    if diff.file is None:
        raise ConfigError("This run has no configuration file.", "'gladius set RUN NAME=VALUE' changes one value.")
    if diff.problem is not None:
        raise ConfigError(diff.problem, f"Mend {diff.file}.")
    changed = {row.key: row for row in diff.rows if row.changed}
    by_name = {row.name: row for row in changed.values() if row.name}
    for one in keys:
        if one not in changed and one not in by_name:
            raise ConfigError(
                f"The file says nothing new of '{one}'.", f"It changes {', '.join(changed) or 'nothing'}."
            )
    return [changed.get(one) or by_name[one] for one in dict.fromkeys(keys)] if keys else list(changed.values())


def _nothing_to_apply(chosen: list[ConfigRow], as_json: bool) -> int:
    if as_json:
        print_json({"state": "nothing to apply", "restart": [row.key for row in chosen]})
    elif chosen:
        settings = " ".join(f"--set {row.key}={row.file}" for row in chosen)
        say(f"These need a new attempt: 'gladius pause RUN --release', then 'gladius resume RUN {settings}'.")
    else:
        say("The file says what is in force already.")
    return 1 if chosen else 0


def _tell_of_restarts(run: str, keys: list[str]) -> None:
    if keys:
        way = " ".join(f"--set {key}=VALUE" for key in keys[:3])
        say = f"Not live: {', '.join(keys)}. 'gladius pause {run} --release', then 'gladius resume {run} {way}'."
        console.print(say, markup=False, soft_wrap=True)


def _must_be_asked(count: int) -> None:
    if not sys.stdin.isatty():
        raise ConfigError("Nobody is there to confirm.", "Add --yes.")
    typer.confirm(f"Apply {count} of them now?", abort=True, err=True)


def _print_rows(rows: list[ConfigRow]) -> None:
    cells = [(row.key, row.file, row.launched, row.live, row.applies.replace("_", " ")) for row in rows]
    print_table(("key", "file", "launched", "live", "applies"), cells, empty="The file changes nothing.")


def _said(command: str, args: dict[str, Any]) -> str:
    return " ".join([command, *(f"{key}={value}" for key, value in args.items())])


def _show(preview: ResumePreview, as_json: bool) -> int:
    if as_json:
        print_json(preview)
        return 0 if preview.possible else 1
    facts = [
        ("possible", "yes" if preview.possible else f"no: {preview.reason}"),
        ("from", preview.checkpoint or ("the beginning" if preview.possible else None)),
        ("step", preview.step),
        ("restored", ", ".join(preview.restored).replace("_", " ") or None),
        ("not restored", ", ".join(preview.not_restored).replace("_", " ") or None),
    ]
    rate = preview.learning_rate
    if rate is not None and rate.before is not None and rate.after is not None:
        facts.append((f"learning rate at step {rate.step}", f"{rate.after:.4g} (would have been {rate.before:.4g})"))
    print_facts(facts)
    for change in preview.changed:
        console.print(f"{change.key}: {change.old} -> {change.new}. {change.effect}", markup=False, soft_wrap=True)
    for change in preview.in_file:
        say(f"in the config file, taken with --from-file: {change.key}: {change.old} -> {change.new}")
    for warning in preview.warnings:
        console.print(f"! {warning}", markup=False, soft_wrap=True)
    return 0 if preview.possible else 1
