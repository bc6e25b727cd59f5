"""`gladius index`: make a dataset of a folder of documents, look for words in it. Upstream: the person. Downstream: client."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from typer.core import TyperGroup

from gladius.cli.connect import connected
from gladius.cli.output import Json, Markup, console, errors, local_time, print_json, print_list, print_table
from gladius.cli.say import say
from gladius.client import Client
from gladius.units import size
from gladius.wire.knowledge import DocumentHit, IndexDetail, IndexInfo, IndexOptions

_POLL_S = 0.2
_SHOWN = 20


class _PathFirst(TyperGroup):
    """`gladius index PATH` is `gladius index make PATH`: what is no verb is a folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and not {"-h", "--help"} & set(args[:1]):
            args = ["make", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_PathFirst,
    help="Make a dataset of a folder of documents: gladius index PATH [--name N] [--follow].",
    no_args_is_help=True,
)

Id = Annotated[str, typer.Argument(metavar="ID", help="See 'gladius index ls'.")]


def add_to(parent: typer.Typer) -> None:
    """Add the verbs of document indexes."""
    parent.add_typer(app, name="index")


@app.command("make")
def make_index(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder within those that the server reads.")],
    name: Annotated[str | None, typer.Option(help="Of the index and its dataset; else the folder's.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Show its progress until it has ended.")] = False,
    chunk_chars: Annotated[
        int | None, typer.Option(help="Characters of a record, at most.", show_default="2000")
    ] = None,
    overlap: Annotated[
        int | None, typer.Option(help="Characters that a record shares with the one before.", show_default="200")
    ] = None,
    min_chars: Annotated[int | None, typer.Option(help="Shorter records are dropped.", show_default="20")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of text files that are not Unicode, as cp1251.")] = None,
    as_json: Json = False,
) -> int:
    """Index a folder, or index it again: then only what changed is read. Print the index's id."""
    told = {"chunk_chars": chunk_chars, "overlap": overlap, "min_chars": min_chars, "encoding": encoding}
    given = {key: value for key, value in told.items() if value is not None}
    with connected() as client:
        index_id = client.index(path.expanduser().absolute(), name, IndexOptions(**given) if given else None)
        if not follow:
            print_json({"index_id": index_id}) if as_json else say(index_id)
            return 0
        ended = _follow(client, index_id, quiet=as_json)
    print_json(ended) if as_json else _tell(ended)
    return 0 if ended.state == "done" else 1


@app.command("ls")
def list_indexes(as_json: Json = False) -> None:
    """List the indexes."""
    with connected() as client:
        found = client.indexes()
    print_list(
        found, as_json, ("index", "state", "records", "skipped", "dataset", "folder"),
        lambda one: (
            one.id, one.state, one.counts and one.counts.records, one.counts and one.counts.skipped, one.dataset_id,
            one.path,
        ), empty="No indexes.",
    )  # fmt: skip


@app.command("show")
def show_index(
    index: Id,
    skipped: Annotated[int, typer.Option("--skipped", "-n", min=0, max=1000, help="So many skipped files.")] = _SHOWN,
    as_json: Json = False,
) -> None:
    """Show an index: its state, what was found, which files were skipped and why."""
    with connected() as client:
        found = client.index_info(index, limit=skipped)
    if as_json:
        print_json(found)
        return
    _tell(found)
    rows = [(one.path, one.reason, one.detail) for one in found.skipped]
    if rows:
        print_table(("skipped", "why", ""), rows, empty="")
    if found.skipped_total > len(rows):
        console.print(f"{found.skipped_total - len(rows):,} more were skipped.")


@app.command("search")
def search_index(
    index: Id,
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="All of them; phrases in quotes.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100)] = 10,
    as_json: Json = False,
) -> int:
    """Search what the documents of an index say; exit 1 when nothing fits."""
    # What the shell took as one word with spaces in it was a phrase.
    query = " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)
    with connected() as client:
        found = client.search_documents(index, query, limit)
    if as_json:
        print_json(found)
    else:
        print_table(
            ("where", f"{found.total:,} found"), [(_where(hit), _snippet(hit)) for hit in found.hits], "Nothing."
        )
    return 0 if found.total else 1


@app.command("cancel")
def cancel_index(index: Id) -> None:
    """Cancel an indexing; the dataset stays as it was."""
    with connected() as client:
        client.cancel_index(index)


@app.command("rm")
def remove_index(index: Id) -> None:
    """Put an index and its dataset into the trash; the documents stay."""
    with connected() as client:
        client.remove_index(index)


def _follow(client: Client, index_id: str, quiet: bool) -> IndexDetail:
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} files"), TimeElapsedColumn(),
        console=errors, transient=True, disable=quiet,
    )  # fmt: skip
    with bar:
        task = bar.add_task("looking", total=None)
        while True:
            found = client.index_info(index_id, limit=_SHOWN)
            if found.state != "running":
                return found
            now = found.progress
            bar.update(task, description=now.phase, completed=now.files_done, total=now.files_total)
            time.sleep(_POLL_S)


def _tell(found: IndexInfo) -> None:
    console.print(f"{found.id}: {found.state}{f'. {escape(found.message)}' if found.message else ''}")
    if found.counts is not None:
        counts = found.counts
        console.print(
            f"{counts.files:,} files: {counts.read:,} read, {counts.unchanged:,} unchanged, {counts.skipped:,} skipped, "
            f"{counts.vanished:,} vanished"
        )
        console.print(
            f"{counts.records:,} records, {size(found.dataset_bytes)}; dropped: {counts.duplicates:,} duplicates, "
            f"{counts.short:,} short, {counts.garbled:,} unreadable, {counts.bad_records:,} bad lines"
        )
        console.print(f"dataset {found.dataset_id or '—'}, made {local_time(found.built_at)}")


def _where(hit: DocumentHit) -> str:
    return f"{hit.source}, {hit.place}" if hit.place else hit.source


def _snippet(hit: DocumentHit) -> str:
    return Markup("".join(f"[bold]{escape(part.text)}[/bold]" if part.hit else escape(part.text) for part in hit.parts))
