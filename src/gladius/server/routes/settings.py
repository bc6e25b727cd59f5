"""The console's own settings. Upstream: alerts. Downstream: settings page."""

from __future__ import annotations

from starlette.responses import Response

from gladius import __version__
from gladius.errors import FieldErrors
from gladius.server.answers import answer
from gladius.server.api import api_router
from gladius.server.rooms import Rooms, TheRooms
from gladius.wire.settings import Settings, SettingsUpdate

router = api_router("settings")


@router.get("/settings", response_model=Settings)
async def get_settings(rooms: TheRooms) -> Response:
    """What holds now, and the defaults."""
    return answer(_settings(rooms))


@router.put("/settings", response_model=Settings)
async def put_settings(rooms: TheRooms, body: SettingsUpdate) -> Response:
    """Replace them: what is left out takes its default. In force at once."""
    if body.home not in (None, str(rooms.home.root)):
        message = "a server stays in its home; 'gladius up --home DIR' serves another"
        raise FieldErrors([{"field": "home", "message": message}])
    rooms.alerts.settings.write(body.alerts)
    return answer(_settings(rooms))


def _settings(rooms: Rooms) -> Settings:
    return Settings(alerts=rooms.alerts.settings.thresholds, home=str(rooms.home.root), version=__version__)
