"""One file per noun of the API. Upstream: rooms. Downstream: app."""

from __future__ import annotations

from fastapi import APIRouter

from gladius.server.routes import (
    alerts,
    attempts,
    checkpoints,
    commands,
    compare,
    config,
    console,
    datasets,
    events,
    exports,
    health,
    history,
    knowledge,
    metrics,
    presets,
    profiles,
    queue,
    report,
    runs,
    schedule,
    session,
    settings,
    status,
    system,
)

ROUTERS: list[APIRouter] = [
    health.router,
    session.router,
    runs.router,
    queue.router,
    status.router,
    metrics.router,
    events.router,
    console.router,
    system.router,
    checkpoints.router,
    report.router,
    config.router,
    exports.router,
    compare.router,
    commands.router,
    schedule.router,
    attempts.router,
    history.router,
    profiles.router,
    presets.router,
    datasets.router,
    knowledge.router,
    alerts.router,
    settings.router,
]
