"""The verbs that name, tag, describe and delete runs. Upstream: the person. Downstream: client."""

from __future__ import annotations

from typing import Annotated

import typer

from gladius.cli.connect import connected
from gladius.cli.output import Json, RunName, local_time, print_json, print_list
from gladius.cli.say import say
from gladius.errors import CommandInvalid
from gladius.wire.runs import RunSummary

trash = typer.Typer(help="Deleted runs.", no_args_is_help=True)
_ANY_WORD = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


def add_to(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    for verb in (rename, note, rm):
        app.command()(verb)
    # `-slow` takes a tag away, so it is no option here.
    app.command(context_settings=_ANY_WORD)(tag)
    app.add_typer(trash, name="trash")


def rename(
    run: RunName,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Empty: the name it was started with.")],
    as_json: Json = False,
) -> None:
    """Give a run another name. Its id stays, and the name it was started with goes on to find it."""
    with connected() as client:
        _tell(client.run(run).rename(name), as_json)


def tag(
    run: RunName,
    changes: Annotated[
        list[str], typer.Argument(metavar="+TAG|-TAG...", help="+good adds a tag, -slow takes one away.")
    ],
    as_json: Json = False,
) -> None:
    """Add tags to a run, or take some away; prints those that it has then."""
    add = [word.removeprefix("+") for word in changes if not word.startswith("-")]
    with connected() as client:
        summary = client.run(run).tag(*add, remove=[word[1:] for word in changes if word.startswith("-")])
    if as_json:
        print_json(summary)
    else:
        say(", ".join(summary.tags) or "no tags")


def note(
    run: RunName,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="In place of the notes it has; '' removes them.")
    ] = None,
    add: Annotated[str | None, typer.Option("--add", help="Add a line to the notes.")] = None,
    as_json: Json = False,
) -> None:
    """Write notes on a run, or print those it has."""
    if text is not None and add is not None:
        raise CommandInvalid("Give TEXT or --add, not both.", "TEXT replaces the notes, --add goes on with them.")
    with connected() as client:
        handle = client.run(run)
        held = handle.record().notes
        wanted = text if add is None else f"{held.rstrip()}\n{add}".lstrip()
        if wanted is not None:
            handle.describe(wanted, before=held)
    if as_json:
        print_json({"run_id": handle.id, "notes": held if wanted is None else wanted})
    elif wanted is None:
        say(held or "no notes")


def rm(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids, unique prefixes, names, or 'latest'.")],
    as_json: Json = False,
) -> None:
    """Put runs that have ended into the trash; prints the names that bring them back."""
    thrown = []
    try:
        with connected() as client:
            # All names are looked up first: 'latest' would mean another run after the first one is gone.
            thrown += [client.run(run_id).delete() for run_id in dict.fromkeys(client.run(run).id for run in runs)]
    finally:
        if as_json:
            print_json(thrown)
        for one in [] if as_json else thrown:
            say(one.entry)


@trash.command("ls")
def list_deleted(as_json: Json = False) -> None:
    """List the runs in the trash, last deleted first."""
    with connected() as client:
        found = client.deleted_runs()
    print_list(
        found, as_json, ("entry", "name", "profile", "deleted"),
        lambda one: (one.entry, one.name, one.profile_id, local_time(one.deleted_at)), empty="The trash is empty.",
    )  # fmt: skip


@trash.command("restore")
def restore(
    entries: Annotated[
        list[str], typer.Argument(metavar="ENTRY...", help="As 'gladius trash ls' shows it, or the run's id.")
    ],
    as_json: Json = False,
) -> None:
    """Put runs back where they were."""
    with connected() as client:
        newest = {one.run_id: one.entry for one in reversed(client.deleted_runs())}
        restored = [client.restore_run(newest.get(entry, entry)) for entry in entries]
    if as_json:
        print_json(restored)
    for one in [] if as_json else restored:
        say(one.run_id)


@trash.command("empty")
def empty(
    entries: Annotated[
        list[str] | None, typer.Argument(metavar="ENTRY...", help="Only these; else everything.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove deleted runs from the disk, for good."""
    with connected() as client:
        chosen = entries or [one.entry for one in client.deleted_runs()]
        if chosen and not yes:
            typer.confirm(f"Remove {len(chosen)} runs for good?", abort=True)
        for entry in chosen:
            client.remove_for_good(entry)
    say(f"{len(chosen)} removed")


def _tell(summary: RunSummary, as_json: bool) -> None:
    if as_json:
        print_json(summary)
    else:
        say(f"{summary.run_id} is '{summary.name}'")
