"""`gladius pulse`: protocol tools that need no server. Upstream: the person. Downstream: status files and run directories."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gladius.cli.output import Json, print_facts, print_json
from gladius.cli.say import say
from gladius.cli.validate import validate_run
from gladius.errors import ConfigError, InvalidRun
from gladius.pulse.rundir import RunDir
from pulse_wrapper import STATUSES, TrainingStatus, read_training_status, write_training_status

app = typer.Typer(help="Read, write and check PULSE files.", no_args_is_help=True)

StatusFile = Annotated[Path, typer.Argument(metavar="FILE", help="A training_status.json.")]


def add_to(parent: typer.Typer) -> None:
    """Add the verbs of PULSE files."""
    parent.add_typer(app, name="pulse")


@app.command()
def read(file: StatusFile, as_json: Json = False) -> int:
    """Print a status file as a reader judges it; exit 1 when there is nothing readable."""
    if not file.is_file():
        raise InvalidRun(f"{file} is missing or no file.", "A run's status is training_status.json in its folder.")
    raw = read_training_status(file)
    seen = TrainingStatus.from_file(file)
    if raw is None or seen is None:
        raise InvalidRun(f"{file} is not a PULSE v1 status.", "Its six fields are in docs/pulse.md.")
    if as_json:
        print_json({**raw, "progress": seen.progress, "stale": seen["stale"]})
        return 0
    print_facts([*raw.items(), ("progress", f"{seen.progress:.1f} %"), ("stale", "yes" if seen["stale"] else "no")])
    return 0


@app.command()
def write(
    file: StatusFile,
    status: Annotated[str, typer.Argument(metavar="STATUS", help=f"{', '.join(STATUSES)}.")],
    epoch: Annotated[float, typer.Option(help="Epochs done.")] = 0.0,
    total_epochs: Annotated[float, typer.Option(help="Epochs planned; 0 when not known.")] = 0.0,
    loss: Annotated[float, typer.Option(help="Any finite number.")] = 0.0,
    message: Annotated[str, typer.Option(help="For people.")] = "",
    timestamp: Annotated[int | None, typer.Option(help="Unix seconds; now when left out.")] = None,
) -> int:
    """Write a status file atomically."""
    try:
        write_training_status(file, status, epoch, total_epochs, loss, message, timestamp)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"Not written: {error}.", "'gladius pulse write --help' names the fields.") from error
    except OSError as error:
        raise InvalidRun(f"Not written: {error.strerror}.", "The folder must exist and be writable.") from error
    return 0


@app.command()
def validate(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run directory.")], as_json: Json = False
) -> int:
    """Check a run directory against the protocol; exit 1 when something is wrong."""
    report = validate_run(RunDir(run_dir))
    if as_json:
        print_json(
            {"valid": not report.problems, "problems": report.problems, "notes": report.notes, "events": report.events}
        )
        return 1 if report.problems else 0
    for problem in report.problems:
        say(f"problem: {problem}")
    for note in report.notes:
        say(f"note: {note}")
    counts = ", ".join(f"{count} {name}" for name, count in report.events.items()) or "no events"
    say(f"{run_dir}: {'not valid' if report.problems else 'valid'} ({counts})")
    return 1 if report.problems else 0
