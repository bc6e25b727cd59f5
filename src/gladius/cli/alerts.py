"""The verb that lists alerts, and notes that they were seen. Upstream: the person. Downstream: client."""

from __future__ import annotations

from typing import Annotated

import typer

from gladius.cli.connect import connected
from gladius.cli.output import Json, Markup, local_time, print_list
from gladius.wire.alerts import AlertRecord

COLOURS = {"info": "default", "warning": "yellow", "critical": "red"}


def add_to(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command()(alerts)


def alerts(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Only of this run: id, unique prefix, name, or 'latest'.")
    ] = None,
    ack: Annotated[
        list[str] | None, typer.Option("--ack", metavar="ID", help="Note that you have seen it; may be repeated.")
    ] = None,
    active: Annotated[bool, typer.Option("--active", help="Only those that last.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, newest first.")] = 30,
    as_json: Json = False,
) -> None:
    """List what the console alerted to, newest first; with --ack, note that it was seen."""
    with connected() as client:
        found = [client.acknowledge(id_) for id_ in ack] if ack else client.alerts(run, True if active else None, limit)
    print_list(found, as_json, ("began", "level", "alert", "ended", "seen", "id"), _row, empty="No alerts.")


def _row(alert: AlertRecord) -> tuple[object, ...]:
    level = Markup(f"[{COLOURS[alert.level]}]{alert.level}[/]")
    return local_time(alert.began_at), level, alert.message, _lasts(alert), _seen(alert), alert.id


def _lasts(alert: AlertRecord) -> str:
    return "lasts" if alert.ended_at is None else str(local_time(alert.ended_at))


def _seen(alert: AlertRecord) -> str | None:
    return None if alert.acknowledged_at is None else f"{local_time(alert.acknowledged_at)} ({alert.acknowledged_by})"
