"""`gladius flow`: several steps at one word; `gladius command`: a few lines. Upstream: the person. Downstream: client."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from gladius.cli.connect import connected, lasting_client
from gladius.cli.output import (
    Json,
    console,
    errors,
    local_time,
    print_facts,
    print_json,
    print_list,
    print_table,
    state,
)
from gladius.cli.say import say
from gladius.cli.settings import pairs
from gladius.client import Client
from gladius.errors import ConfigError
from gladius.wire.flows import FlowRun, FlowStepRun

app = typer.Typer(help="Flows: several steps, one after the other, unattended.", no_args_is_help=True)

FlowId = Annotated[str, typer.Argument(metavar="ID")]
RunId = Annotated[str, typer.Argument(metavar="FLOW_RUN", help="Its id, or 'latest'.")]
Args = Annotated[
    list[str] | None, typer.Option("--set", metavar="ARG=VALUE", help="Give the flow an argument; may be repeated.")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Wait for the end; exit 0 only when every step was done.")]


def add_to(parent: typer.Typer) -> None:
    """Add the verb for commands as text, and the flows'."""
    parent.command()(command)
    parent.add_typer(app, name="flow")


@app.command("ls")
def list_flows(as_json: Json = False) -> None:
    """List the flows; a broken one says what is wrong with it."""
    with connected() as client:
        found = client.flows()
    columns = ("flow", "steps", "takes", "")
    print_list(
        found, as_json, columns,
        lambda f: (
            f.id, " ".join(step.cmd for step in f.steps), " ".join(arg.name for arg in f.args),
            f.problem or f.description,
        ),
        empty="No flows.",
    )  # fmt: skip


@app.command("runs")
def list_runs(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many.")] = 10, as_json: Json = False
) -> None:
    """List the newest runs of flows."""
    with connected() as client:
        found = client.flow_runs(limit)
    columns = ("flow run", "flow", "state", "steps done", "began")
    print_list(
        found, as_json, columns,
        lambda r: (r.flow_run_id, r.flow_id, state(r.state), _done(r), local_time(r.started_at)), empty="No flow was run yet.",
    )  # fmt: skip


@app.command("run")
def run_flow(flow: FlowId, args: Args = None, follow: Follow = False, as_json: Json = False) -> int:
    """Run a flow through the server, which goes on with it by itself; print the flow run's id."""
    given = pairs(args)
    client = lasting_client()
    with client:
        # What was typed for a text argument is a text, be it 2026.
        texts = {arg.name for arg in client.flow(flow).args if arg.kind != "number"}
        typed = dict(one.partition("=")[::2] for one in args or [])
        begun = client.run_flow(
            flow, {key: typed.get(key, value) if key in texts else value for key, value in given.items()}
        )
        return _followed(client, begun, follow, as_json)


@app.command("show")
def show_run(run: RunId, as_json: Json = False) -> None:
    """Show a flow's run, step by step."""
    with connected() as client:
        found = client.flow_run(run)
    if as_json:
        print_json(found)
    else:
        _print(found)


@app.command("cancel")
def cancel_run(run: RunId, follow: Follow = False, as_json: Json = False) -> int:
    """End the step under way (a training saves a checkpoint first) and begin no other."""
    with connected() as client:
        return _followed(client, client.cancel_flow_run(run), follow, as_json)


@app.command("retry")
def retry_run(run: RunId, follow: Follow = False, as_json: Json = False) -> int:
    """Go on from the first step that was not done, with the results of those before."""
    client = lasting_client()
    with client:
        return _followed(client, client.retry_flow_run(run), follow, as_json)


@app.command("output")
def show_output(run: RunId, step: Annotated[str, typer.Argument(metavar="STEP")]) -> None:
    """Print the end of what a COMMAND step printed."""
    with connected() as client:
        found = client.step_output(run, step)
    if found.skipped:
        errors.print(f"{found.skipped:,} bytes before this are left out.")
    typer.echo(found.text, nl=False)


@app.command("check")
def check_flow(file: Annotated[Path, typer.Argument(metavar="FILE")], as_json: Json = False) -> int:
    """Say what is wrong with a flow's file, by line, without a server; exit 1 when it cannot be run."""
    from gladius.flows.flow import read

    if not file.is_file():
        raise ConfigError(f"There is no file {file}.", "Give the path of a flow's file.")
    found = read(file.expanduser())
    if as_json:
        print_json(found)
    elif found.problems:
        for problem in found.problems:
            console.print(escape(problem.message), soft_wrap=True)
    else:
        console.print(f"{escape(found.id)}: {len(found.steps)} steps, nothing is wrong.")
    return 1 if found.problems else 0


def command(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="A file with the text; - or nothing reads standard input.")
    ] = "-",
    text: Annotated[str | None, typer.Option("--text", help="The text itself.")] = None,
    as_json: Json = False,
) -> None:
    r"""Do what a text says: TRAIN AGENT or INDEX KNOWLEDGE, then one KEY="VALUE" a line; print the id of what began."""
    told = text if text is not None else _read(file)
    client = lasting_client()
    with client:
        answer = client.command(told)
    if as_json:
        print_json(answer)
    else:
        say(answer.run_id or answer.index_id or "")


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).expanduser().read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is no UTF-8.", "Save it as UTF-8.") from error


def _followed(client: Client, run: FlowRun, follow: bool, as_json: bool) -> int:
    """Print the id, and when it was asked for each step as it ends; 0 when all are done, or nobody asked."""
    if not as_json:
        say(run.flow_run_id)
    told: set[str] = set()
    if follow:
        run = client.wait_for_flow_run(run.flow_run_id, look=None if as_json else lambda now: _tell(now, told))
    if as_json:
        print_json(run)
    return 0 if not follow or run.state == "done" else 1


def _tell(run: FlowRun, told: set[str]) -> None:
    """One line on stderr for each thing that became of a step."""
    for step in run.steps:
        key = f"{step.id} {step.tries} {step.state}"
        if step.state not in ("waiting",) and key not in told:
            told.add(key)
            words = " ".join(part for part in (step.cause, step.hint) if part) or _result(step)
            errors.print(f"{escape(step.id)}: {state(step.state)} {escape(words)}".rstrip(), soft_wrap=True)


def _print(run: FlowRun) -> None:
    print_facts([
        ("flow run", run.flow_run_id), ("flow", run.flow_id), ("state", "cancelling" if run.cancelling else state(run.state)),
        ("args", " ".join(f"{key}={value}" for key, value in run.args.items() if value is not None) or None),
        ("began", local_time(run.started_at)), ("ended", local_time(run.finished_at)), ("log", run.log),
        *([("trouble", run.trouble)] if run.trouble else []),
    ])  # fmt: skip
    rows = [
        (
            step.id, step.cmd, state(step.state), step.tries or None, _took(step),
            " ".join(part for part in (step.cause, step.hint) if part) or _result(step),
        )
        for step in run.steps
    ]  # fmt: skip
    print_table(("step", "", "state", "tries", "took", ""), rows, empty="No steps.")


def _result(step: FlowStepRun) -> str:
    return " ".join(f"{key}={value}" for key, value in step.result.items() if value is not None)


def _took(step: FlowStepRun) -> str | None:
    if step.started_at is None or step.finished_at is None:
        return None
    return f"{step.finished_at - step.started_at:.1f} s"


def _done(run: FlowRun) -> str:
    return f"{sum(step.state == 'done' for step in run.steps)} of {len(run.steps)}"
