"""`gladius dataset`: what there is, what is wrong with it, one more, one away. Upstream: the person. Downstream: client, catalog."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from gladius.cli.connect import connected
from gladius.cli.output import Json, console, errors, local_time, print_json, print_list, print_one, print_table
from gladius.cli.say import say
from gladius.units import size
from gladius.wire.datasets import DatasetReport, Finding, PreviewRecord

datasets = typer.Typer(help="What runs can train on.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID")]


def add_to(parent: typer.Typer) -> None:
    """Add the verbs of datasets."""
    parent.add_typer(datasets, name="dataset")


@datasets.command("ls")
def list_datasets(as_json: Json = False) -> None:
    """List the datasets; a broken one says what is wrong with it."""
    with connected() as client:
        found = client.datasets()
    columns = ("dataset", "format", "records", "size", "")
    print_list(
        found, as_json, columns,
        lambda d: (d.id, d.format, d.records, size(d.bytes), d.problem or d.description), empty="No datasets.",
    )  # fmt: skip


@datasets.command("show")
def show_dataset(
    dataset: Id,
    records: Annotated[int, typer.Option("--records", "-n", min=0, max=100, help="So many records of it.")] = 0,
    tokenizer: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Token lengths by this model folder's tokenizer.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show one dataset; with -n its first records, with --tokenizer how long they are."""
    with connected() as client:
        if tokenizer is not None:
            print_one(client.token_lengths(dataset, tokenizer.expanduser().absolute()), as_json)
        elif not records:
            print_one(client.dataset(dataset), as_json)
        elif as_json:
            print_json(client.dataset_preview(dataset, limit=records))
        else:
            shown = client.dataset_preview(dataset, limit=records).records
            rows = [(one.line, _record(one), one.problem or "") for one in shown]
            print_table(("line", "record", "problem"), rows, empty="No records.")


@datasets.command("check")
def check_dataset(
    dataset: Annotated[str, typer.Argument(metavar="ID or FILE", help="A file is read here, without a server.")],
    as_json: Json = False,
) -> int:
    """Say what is wrong with a dataset, by line; exit 1 when a run could not use it."""
    report = _report(dataset)
    if as_json:
        print_json(report)
    else:
        rows = [(_where(one), one.severity, one.problem, one.hint) for one in report.findings]
        print_table(("line", "", "what", "what to do"), rows, empty="Nothing is wrong.")
        more = report.total - len(report.findings)
        console.print(
            f"{report.records:,} records, format {report.format}{f'; {more:,} more findings' if more else ''}"
        )
        if report.problem and not report.findings:
            errors.print(escape(report.problem))
    return 1 if report.problem else 0


def _record(one: PreviewRecord) -> str:
    return json.dumps(one.record, ensure_ascii=False) if one.record is not None else ""


def _report(dataset: str) -> DatasetReport:
    path = Path(dataset).expanduser()
    if path.exists() and ("/" in dataset or path.suffix):
        from gladius.catalog.dataset_check import check

        return check(path)
    with connected() as client:
        return client.check_dataset(dataset)


def _where(finding: Finding) -> str:
    line = "file" if finding.line is None else str(finding.line)
    return f"{Path(finding.file).name}:{line}" if finding.file else line


@datasets.command("add")
def add_dataset(
    path: Annotated[Path, typer.Argument(metavar="PATH")],
    name: Annotated[str | None, typer.Option(help="The file's name among the datasets.")] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Leave it where it lies on the server's machine; no copy.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add a dataset: a copy of a file here, or with --in-place a file or folder where the server runs; print its id."""
    with connected() as client:
        here = path.expanduser()
        added = client.add_dataset(here.absolute()) if in_place else client.upload_dataset(here, name)
    if as_json:
        print_json(added)
    else:
        say(added.id)
        if added.problem:
            errors.print(f"It cannot be used yet: {escape(added.problem)}")


@datasets.command("edit")
def describe_dataset(
    dataset: Id,
    name: Annotated[str | None, typer.Option(help="What people call it; '' takes its own name back.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is.")] = None,
    as_json: Json = False,
) -> None:
    """Give a dataset another name or description; its id and its file stay."""
    with connected() as client:
        print_one(client.describe_dataset(dataset, name, description), as_json)


@datasets.command("rm")
def remove_dataset(dataset: Id) -> None:
    """Put a file of the home's datasets into the trash (prints the name that puts it back), or forget an added path."""
    with connected() as client:
        removed = client.remove_dataset(dataset)
    if removed.entry is None:
        errors.print(f"{escape(removed.filename)} stays where it lies; it is in the list no more.")
    else:
        say(removed.entry)


@datasets.command("trash")
def list_deleted(as_json: Json = False) -> None:
    """List the datasets in the trash, newest first."""
    with connected() as client:
        found = client.deleted_datasets()
    columns = ("entry", "dataset", "deleted")
    print_list(
        found, as_json, columns, lambda one: (one.entry, one.id, local_time(one.deleted_at)),
        empty="The trash is empty.",
    )  # fmt: skip


@datasets.command("restore")
def restore_dataset(entry: Annotated[str, typer.Argument(metavar="ENTRY")], as_json: Json = False) -> None:
    """Put a dataset back from the trash."""
    with connected() as client:
        print_one(client.restore_dataset(entry), as_json)
