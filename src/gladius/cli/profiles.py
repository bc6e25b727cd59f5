"""`gladius profile`: named ways to train, and their files. Upstream: the person. Downstream: client."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from gladius.catalog.settings import nest
from gladius.cli.connect import connected
from gladius.cli.output import Json, local_time, print_json, print_list, print_one
from gladius.cli.say import say
from gladius.cli.settings import Settings, pairs
from gladius.client import Client
from gladius.errors import ConfigError, RequestRejected
from gladius.wire.catalog import ProfileFile, ProfileInfo

app = typer.Typer(help="Named ways to train.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID")]
File = Annotated[Path | None, typer.Option("--file", help="A YAML file with the whole profile; '-' reads it here.")]
_EDITED = "The profile's file is as it was."


def add_to(parent: typer.Typer) -> None:
    """Add the verbs of profiles."""
    parent.add_typer(app, name="profile")


@app.command("ls")
def list_profiles(as_json: Json = False) -> None:
    """List the profiles; a broken one says what is wrong with it."""
    with connected() as client:
        found = client.profiles()
    columns = ("profile", "engine", "epochs", "")
    print_list(
        found, as_json, columns, lambda p: (p.id, p.engine, f"{p.default_epochs:g}", p.problem or p.description),
        empty="No profiles.",
    )  # fmt: skip


@app.command("show")
def show_profile(
    profile: Id,
    as_text: Annotated[bool, typer.Option("--text", help="Print its file as it is.")] = False,
    as_json: Json = False,
) -> None:
    """Show one profile, with what it inherits; or its file."""
    with connected() as client:
        if as_text:
            typer.echo(client.profile_file(profile).text, nl=False)
        else:
            print_one(client.profile(profile), as_json)


@app.command("check")
def check_profiles(
    profiles: Annotated[list[str] | None, typer.Argument(metavar="[ID|FILE]...")] = None, as_json: Json = False
) -> None:
    """Check profiles, or files that are to become some; all when none is named. Ends with 1 when one cannot be used."""
    with connected() as client:
        found = [_checked(client, one) for one in profiles] if profiles else client.profiles()
    if as_json:
        print_json(found)
    else:
        for one in found:
            said = [problem.message for problem in one.problems] or ([one.problem] if one.problem else ["fine"])
            say("\n".join(f"{one.id}: {line}" for line in said))
    if any(one.problem for one in found):
        raise typer.Exit(1)


@app.command("new")
def new_profile(
    profile: Id,
    base: Annotated[str | None, typer.Option("--from", metavar="ID", help="The profile that it extends.")] = None,
    settings: Settings = None,
    file: File = None,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is good for.")] = None,
    as_json: Json = False,
) -> None:
    """Keep a new profile: one that extends another with each --set, or the text of a file."""
    if (base is None) == (file is None):
        raise ConfigError("A new profile extends another, or is a whole file.", "Add --from ID, or --file FILE.")
    if file is not None and (settings or name or description):
        raise ConfigError("A file says everything itself.", "Leave out --set, --name and --description.")
    text = _text_of(file) if file is not None else _extending(str(base), pairs(settings), name, description)
    with connected() as client:
        _tell(client.add_profile(profile, text), as_json)


@app.command("copy")
def copy_profile(
    profile: Id,
    new: Annotated[str, typer.Argument(metavar="NEW_ID")],
    name: Annotated[str | None, typer.Option(help="What people call the copy.")] = None,
    as_json: Json = False,
) -> None:
    """Keep a copy of a profile, built in or your own, under another id."""
    with connected() as client:
        _tell(client.copy_profile(profile, new, name), as_json)


@app.command("edit")
def edit_profile(profile: Id, file: File = None, as_json: Json = False) -> None:
    """Edit a profile with $VISUAL or $EDITOR, or put a file in its place; of a built-in one yours goes before it."""
    with connected() as client:
        held = client.profile_file(profile)
        if file is not None:
            _tell(client.save_profile(profile, _text_of(file), held.version), as_json)
        else:
            _edit(client, held, as_json)


@app.command("rm")
def remove_profile(profile: Id) -> None:
    """Put one of your own profiles into the trash; prints the name that puts it back."""
    with connected() as client:
        say(client.remove_profile(profile).entry)


@app.command("trash")
def list_deleted(as_json: Json = False) -> None:
    """List the profiles in the trash, newest first."""
    with connected() as client:
        found = client.deleted_profiles()
    columns = ("entry", "profile", "deleted")
    print_list(
        found, as_json, columns, lambda one: (one.entry, one.id, local_time(one.deleted_at)),
        empty="The trash is empty.",
    )  # fmt: skip


@app.command("restore")
def restore_profile(entry: Annotated[str, typer.Argument(metavar="ENTRY")], as_json: Json = False) -> None:
    """Put a profile back from the trash."""
    with connected() as client:
        _tell(client.restore_profile(entry), as_json)


def _checked(client: Client, named: str) -> ProfileInfo:
    """A file where there is one of that name with a suffix or a folder in it, else the profile of that id."""
    path = Path(named)
    if path.suffix.lower() in (".yaml", ".yml") or "/" in named:
        return client.check_profile(_text_of(path), path.stem)
    return client.profile(named)


def _edit(client: Client, held: ProfileFile, as_json: bool) -> None:
    """Let the editor have a copy; what cannot be kept stays there, so that no typing is lost."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise ConfigError("No editor is known.", "Set EDITOR, or give the new text with --file FILE.")
    with tempfile.NamedTemporaryFile("w", suffix=f"-{held.id}.yaml", encoding="utf-8", delete=False) as draft:
        draft.write(held.text)
    path = Path(draft.name)
    ended = subprocess.run([*shlex.split(editor), str(path)], check=False)
    text = _text_of(path)
    if ended.returncode != 0 or text == held.text:
        path.unlink()
        raise ConfigError("Nothing was changed.", _EDITED)
    try:
        kept = client.save_profile(held.id, text, held.version)
    except RequestRejected:
        say(f"gladius: what you wrote is in {path}; mend it, then 'profile edit {held.id} --file' it.", err=True)
        raise
    path.unlink()
    _tell(kept, as_json)


def _text_of(file: Path) -> str:
    """What a file holds, or standard input; raises ConfigError for bytes that are no text, OSError."""
    raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{file}, line {line}: it holds bytes that are no UTF-8.", "Save it as UTF-8.") from error


def _extending(base: str, values: dict[str, object], name: str | None, description: str | None) -> str:
    from gladius import yaml_text

    data = {"name": name, "description": description, "extends": base, "config": nest(values) if values else None}
    return yaml_text.dump({key: value for key, value in data.items() if value is not None})


def _tell(kept: ProfileInfo, as_json: bool) -> None:
    if as_json:
        print_json(kept)
    else:
        say(kept.file or kept.id)
