"""What each route needs, in this one place. Upstream: the app's own list of routes. Downstream: guard.

A route that is not named here keeps the server from starting: nothing is open because somebody forgot it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from starlette.routing import Mount, Route, WebSocketRoute, compile_path

from gladius.wire.server import Role

PUBLIC: Literal["public"] = "public"
Need = Role | Literal["public"]
SOCKET = "WS"
"""Stands where others have a method."""

_WHO_NEEDS_WHAT: dict[Need, str] = {
    "public": """
        GET     /api/v1/health
        GET     /login
        POST    /login
    """,
    "viewer": """
        GET     /api/v1/openapi.json
        HEAD    /api/v1/openapi.json
        WS      /api/v1/stream
        GET     /api/v1/session
        DELETE  /api/v1/session
        PUT     /api/v1/session/password
        GET     /api/v1/runs
        GET     /api/v1/runs/probe/{probe_id}
        GET     /api/v1/runs/{run_id}
        GET     /api/v1/runs/{run_id}/status
        GET     /api/v1/runs/{run_id}/metrics
        GET     /api/v1/runs/{run_id}/metrics/names
        GET     /api/v1/runs/{run_id}/metrics/latest
        GET     /api/v1/runs/{run_id}/events
        GET     /api/v1/runs/{run_id}/console
        GET     /api/v1/runs/{run_id}/console/search
        GET     /api/v1/runs/{run_id}/console/find
        GET     /api/v1/runs/{run_id}/console/place
        GET     /api/v1/runs/{run_id}/system
        GET     /api/v1/runs/{run_id}/checkpoints
        GET     /api/v1/runs/{run_id}/report
        GET     /api/v1/runs/{run_id}/error-log
        GET     /api/v1/runs/{run_id}/config
        GET     /api/v1/runs/{run_id}/config/diff
        GET     /api/v1/runs/{run_id}/config/schema
        GET     /api/v1/runs/{run_id}/export
        GET     /api/v1/runs/{run_id}/commands
        GET     /api/v1/runs/{run_id}/commands/{command_id}
        GET     /api/v1/runs/{run_id}/schedule
        GET     /api/v1/compare
        GET     /api/v1/queue
        GET     /api/v1/history
        GET     /api/v1/home
        GET     /api/v1/trash
        GET     /api/v1/trash/profiles
        GET     /api/v1/trash/datasets
        GET     /api/v1/profiles
        GET     /api/v1/profiles/{profile_id}
        GET     /api/v1/profiles/{profile_id}/file
        GET     /api/v1/presets
        GET     /api/v1/presets/{preset_id}
        GET     /api/v1/datasets
        GET     /api/v1/datasets/{dataset_id}
        GET     /api/v1/datasets/{dataset_id}/check
        GET     /api/v1/datasets/{dataset_id}/preview
        GET     /api/v1/datasets/{dataset_id}/tokens
        GET     /api/v1/dataset_rules
        GET     /api/v1/knowledge
        GET     /api/v1/knowledge/{index_id}
        GET     /api/v1/knowledge/{index_id}/search
        GET     /api/v1/alerts
        GET     /api/v1/activities
        GET     /api/v1/machine
        GET     /api/v1/settings
        GET     /api/v1/flows
        GET     /api/v1/flows/{flow_id}
        GET     /api/v1/flow-runs
        GET     /api/v1/flow-runs/{flow_run_id}
        GET     /api/v1/flow-runs/{flow_run_id}/steps/{step_id}/output
        GET     /tensorboard/{path}
        HEAD    /tensorboard/{path}
        POST    /tensorboard/{path}
        OPTIONS /tensorboard/{path}
    """,
    "operator": """
        POST    /api/v1/runs
        POST    /api/v1/runs/check
        POST    /api/v1/runs/probe
        DELETE  /api/v1/runs/probe/{probe_id}
        PATCH   /api/v1/runs/{run_id}
        DELETE  /api/v1/runs/{run_id}
        POST    /api/v1/runs/{run_id}/commands
        POST    /api/v1/runs/{run_id}/revert
        POST    /api/v1/runs/{run_id}/resume
        POST    /api/v1/runs/{run_id}/fork
        PUT     /api/v1/runs/{run_id}/config
        POST    /api/v1/runs/{run_id}/tensorboard
        PATCH   /api/v1/queue/{run_id}
        DELETE  /api/v1/queue/{run_id}
        POST    /api/v1/trash/{entry}/restore
        POST    /api/v1/trash/profiles/{entry}/restore
        POST    /api/v1/trash/datasets/{entry}/restore
        POST    /api/v1/profiles
        POST    /api/v1/profiles/check
        PUT     /api/v1/profiles/{profile_id}
        DELETE  /api/v1/profiles/{profile_id}
        POST    /api/v1/presets
        PUT     /api/v1/presets/{preset_id}
        POST    /api/v1/datasets
        POST    /api/v1/datasets/upload
        PUT     /api/v1/datasets/{dataset_id}
        DELETE  /api/v1/datasets/{dataset_id}
        POST    /api/v1/knowledge
        GET     /api/v1/knowledge/folders
        POST    /api/v1/knowledge/documents
        POST    /api/v1/knowledge/{index_id}/cancel
        DELETE  /api/v1/knowledge/{index_id}
        POST    /api/v1/alerts/{alert_id}/ack
        POST    /api/v1/attach
        DELETE  /api/v1/attach/{run_id}
        POST    /api/v1/flows/check
        POST    /api/v1/flows/{flow_id}/runs
        POST    /api/v1/flow-runs/{flow_run_id}/cancel
        POST    /api/v1/flow-runs/{flow_run_id}/retry
        POST    /api/v1/commands
    """,
    "admin": """
        POST    /api/v1/session/link
        GET     /api/v1/users
        POST    /api/v1/users
        PATCH   /api/v1/users/{name}
        DELETE  /api/v1/users/{name}
        POST    /api/v1/users/{name}/link
        GET     /api/v1/tokens
        POST    /api/v1/tokens
        DELETE  /api/v1/tokens/{token_id}
        GET     /api/v1/audit
        DELETE  /api/v1/trash/{entry}
        DELETE  /api/v1/presets/{preset_id}
        PUT     /api/v1/settings
    """,
}
NEEDS: dict[tuple[str, str], Need] = {
    (line.split()[0], line.split()[1]): need
    for need, lines in _WHO_NEEDS_WHAT.items()
    for line in lines.strip().splitlines()
}


@dataclass(frozen=True)
class Passage:
    """A declared route: how it is written, what it needs, and what stands in its place holders."""

    method: str
    route: str
    need: Need
    values: Mapping[str, str]


class Access:
    """Finds the route of a request as the router will: the same routes in the same order. Raises LookupError."""

    def __init__(self, routes: Iterator[tuple[str, str]]) -> None:
        found = [(method, path, _declared(method, path)) for method, path in routes]
        self._known = [(method, path, need, compile_path(path)[0]) for method, path, need in found]

    def find(self, method: str, path: str) -> Passage | None:
        """The route that will answer; None when none will."""
        for known, route, need, pattern in self._known:
            if known == method and (match := pattern.match(path)) is not None:
                return Passage(method, _plain(route), need, match.groupdict())
        return None


def every_route(routes: Any) -> Iterator[tuple[str, str]]:
    """(method, path) of each route, mount and socket of an app, in the router's order. Raises LookupError for what is none."""
    for route in routes:
        if isinstance(route, WebSocketRoute):
            yield SOCKET, route.path
        elif isinstance(route, Route):
            for method in sorted(route.methods or {"*"}):
                yield method, route.path
        elif isinstance(route, Mount):
            yield "*", f"{route.path}/{{path:path}}"
        else:
            raise LookupError(f"{route!r} is neither route nor mount nor socket")


def _declared(method: str, path: str) -> Need:
    need = NEEDS.get((method, _plain(path)))
    if need is None:
        raise LookupError(f"server/access.py does not say what {method} {path} needs")
    return need


def _plain(path: str) -> str:
    """Without the place holders' kinds."""
    return re.sub(r":\w+}", "}", path)
