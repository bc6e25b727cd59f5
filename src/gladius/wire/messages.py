"""Frames of the socket `/api/v1/stream`. Upstream: hub. Downstream: browser, client."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from gladius.wire.alerts import AlertRecord
from gladius.wire.base import LATER, State, Wire
from gladius.wire.overview import Activity, MachineSample
from gladius.wire.runs import CommandState, Cursors, RunSummary, Status, SystemSample

Topic = Literal["status", "metrics", "events", "console", "system", "runs", "alerts", "activities", "machine"]


class Subscribe(Wire):
    """What the client wants to hear; sent again, it replaces the last one."""

    type: Literal["subscribe"]
    runs: list[str] = Field(default_factory=lambda: ["*"])
    topics: list[Topic]
    everywhere: list[Literal["alerts"]] = Field(
        default=[], description="Topics to hear of every run, whichever `runs` names"
    )
    cursors: dict[str, Cursors] = Field(default_factory=dict)


class Ping(Wire):
    """Are you there?"""

    type: Literal["ping"]


class CommandFrame(Wire):
    """A command over the socket: as `POST /runs/{id}/commands`, its acks come as events."""

    type: Literal["command"]
    run_id: str
    command: str
    args: dict[str, Any] = Field(default_factory=dict)
    id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{8,64}$")


ClientMessage = Annotated[Subscribe | Ping | CommandFrame, Field(discriminator="type")]
parse_client_message: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage, config=LATER)


class HelloMessage(Wire):
    """The server's first frame."""

    type: Literal["hello"] = "hello"
    server_version: str
    protocol: Literal[1] = 1


class StatusUpdate(Wire):
    """PULSE v1 of a run changed, or 10 s passed without a change."""

    type: Literal["training_status_update"] = "training_status_update"
    run_id: str
    status: Status | None
    progress: float
    stale: bool
    state: State


class EventsMessage(Wire):
    """Events of one stream, in order, each once."""

    type: Literal["events"] = "events"
    run_id: str
    stream: Literal["trainer", "supervisor"]
    events: list[dict[str, Any]]


class ConsoleMessage(Wire):
    """A piece of console.log: `length` raw bytes from `offset`, as UTF-8 with invalid bytes replaced."""

    type: Literal["console"] = "console"
    run_id: str
    offset: int
    length: int
    text: str


class SystemMessage(Wire):
    """A machine sample."""

    type: Literal["system"] = "system"
    run_id: str
    sample: SystemSample


class RunMessage(Wire):
    """A run appeared or its summary changed."""

    type: Literal["run"] = "run"
    run_id: str
    summary: RunSummary


class GoneMessage(Wire):
    """A run is here no more: somebody put it into the trash. It belongs to the topic `runs`."""

    type: Literal["gone"] = "gone"
    run_id: str


class AlertMessage(Wire):
    """An alert began, changed, ended or was acknowledged: here it is as it stands now."""

    type: Literal["alert"] = "alert"
    run_id: str
    alert: AlertRecord


class ActivityMessage(Wire):
    """Something happened, or is known better: it replaces the one of the same id."""

    type: Literal["activity"] = "activity"
    run_id: str | None = None
    activity: Activity


class MachineMessage(Wire):
    """The server's own machine, once a second."""

    type: Literal["machine"] = "machine"
    sample: MachineSample


class Gap(Wire):
    """A slow client was protected: fetch over HTTP what is missing."""

    type: Literal["gap"] = "gap"
    run_id: str
    skipped: dict[str, int] = Field(description="Stream -> events or bytes skipped")


class Pong(Wire):
    """The answer to ping."""

    type: Literal["pong"] = "pong"


class CommandMessage(Wire):
    """A command was posted; its acks come as events of the run."""

    type: Literal["command"] = "command"
    run_id: str
    command_id: str
    state: CommandState


class ErrorMessage(Wire):
    """A client frame could not be taken; the connection stays. `command_id` is the id that the client gave, if any."""

    type: Literal["error"] = "error"
    detail: str
    code: str | None = None
    hint: str | None = None
    run_id: str | None = None
    command_id: str | None = None


ServerMessage = Annotated[
    HelloMessage | StatusUpdate | EventsMessage | ConsoleMessage | SystemMessage | RunMessage | AlertMessage | Gap
    | Pong | CommandMessage | ErrorMessage | ActivityMessage | MachineMessage
    | GoneMessage,
    Field(discriminator="type"),
]  # fmt: skip
