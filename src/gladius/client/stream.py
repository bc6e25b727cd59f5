"""The stream socket as an iterator. Upstream: transport. Downstream: client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus, WebSocketException
from websockets.sync.client import connect

from gladius.client.transport import Transport
from gladius.errors import RequestRejected, ServerUnreachable
from gladius.wire.base import LATER
from gladius.wire.messages import ServerMessage, Subscribe, Topic
from gladius.wire.runs import Cursors

ServerFrame = ServerMessage
_parse: TypeAdapter[Any] = TypeAdapter(Annotated[ServerMessage, Field()], config=LATER)
_MAX_FRAME = 64 << 20


def open_stream(
    transport: Transport, runs: Sequence[str], topics: Sequence[Topic], cursors: Mapping[str, Cursors]
) -> Iterator[ServerFrame]:
    """Yield messages until the server closes; see `Client.stream`."""
    url = transport.url.replace("http", "ws", 1) + "/api/v1/stream"
    headers = {"authorization": f"Bearer {transport.token}"} if transport.token else {}
    wanted = Subscribe(type="subscribe", runs=list(runs), topics=list(topics), cursors=dict(cursors))
    try:
        with connect(
            url, additional_headers=headers, user_agent_header=transport.agent, max_size=_MAX_FRAME, compression=None,
            proxy=None, ssl=transport.trust,
        ) as socket:  # fmt: skip
            socket.send(wanted.model_dump_json())
            for text in socket:
                yield _parse.validate_json(text)
    except InvalidStatus as error:
        status = error.response.status_code
        raise RequestRejected(status, "http_error", f"The server answered {status}.", "Is the token right?") from error
    except ConnectionClosedOK:
        return
    except (ConnectionClosed, WebSocketException, OSError) as error:
        raise ServerUnreachable(transport.url, str(error)) from error
