"""Every error as RFC 9457 problem details with a code and a hint. Upstream: routes. Downstream: clients."""

from __future__ import annotations

import errno
import http
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gladius.errors import DiskFailed, DiskFull, FieldErrors, GladiusError, HomeGone
from gladius.wire.server import Problem

_log = logging.getLogger("gladius.server")

MEDIA_TYPE = "application/problem+json"

STATUS_OF: dict[str, int] = {
    "run_not_found": 404,
    "ambiguous_run": 409,
    "run_busy": 409,
    "run_unreadable": 409,
    "run_not_live": 409,
    "not_waiting": 409,
    "machine_full": 409,
    "probe_not_found": 404,
    "run_exists": 409,
    "notes_changed": 409,
    "trash_elsewhere": 409,
    "not_resumable": 409,
    "checkpoint_not_found": 404,
    "checkpoint_damaged": 409,
    "lock_held": 409,
    "command_conflict": 409,
    "command_not_found": 404,
    "alert_not_found": 404,
    "command_invalid": 422,
    "profile_not_found": 404,
    "dataset_not_found": 404,
    "dataset_exists": 409,
    "dataset_busy": 409,
    "dataset_fixed": 409,
    "dataset_too_large": 413,
    "index_not_found": 404,
    "index_exists": 409,
    "index_busy": 409,
    "index_not_built": 409,
    "index_failed": 500,
    "disk_full": 507,
    "disk_failed": 503,
    "home_gone": 503,
    "config_error": 422,
    "config_changed": 409,
    "preset_not_found": 404,
    "preset_exists": 409,
    "preset_builtin": 409,
    "profile_exists": 409,
    "profile_builtin": 409,
    "trash_not_found": 404,
    "user_not_found": 404,
    "token_not_found": 404,
    "name_taken": 409,
    "last_admin": 409,
    "users_unreadable": 409,
    "flow_not_found": 404,
    "flow_run_not_found": 404,
    "flow_run_lives": 409,
    "flow_run_ended": 409,
    "search_invalid": 422,
    "report_not_found": 404,
    "tensorboard_missing": 409,
    "tensorboard_failed": 502,
}
_CODES = {400: "bad_request", 401: "not_authenticated", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
_DISK = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR,
    errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENODEV, errno.ENXIO,
})  # fmt: skip
"""What a disk, or a folder that is gone, answers."""
_HINTS = {
    404: "The paths are listed in /api/v1/openapi.json.",
    405: "The methods of each path are listed in /api/v1/openapi.json.",
}


def problem(
    status: int,
    code: str,
    detail: str,
    hint: str | None = None,
    errors: list[dict[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build the response."""
    body = Problem(
        title=http.HTTPStatus(status).phrase, status=status, detail=detail, code=code, hint=hint or None, errors=errors
    )
    content = body.model_dump_json(exclude_none=True)
    return Response(content, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have every error of the app answered as a problem."""
    app.add_exception_handler(GladiusError, _on_gladius_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(OSError, _on_os_error)
    app.add_exception_handler(Exception, _on_bug)


def field_errors(errors: Sequence[Any]) -> list[dict[str, Any]]:
    """Pydantic's errors as `{field, message}`; the place without its `body` or `query`."""
    found = []
    for error in errors:
        place = [str(part) for part in error.get("loc", ()) if part not in ("body", "query", "path")]
        found.append({"field": ".".join(place) or "body", "message": str(error.get("msg", ""))})
    return found


def problem_of(error: GladiusError) -> Response:
    """Build the response to an error of ours."""
    if isinstance(error, FieldErrors):
        return problem(422, error.code, error.message, error.hint, error.errors)
    field = getattr(error, "field", None)
    errors = [{"field": field, "message": error.message, **getattr(error, "facts", {})}] if field else None
    return problem(STATUS_OF.get(error.code, 500), error.code, error.message, error.hint, errors)


async def _on_gladius_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, GladiusError)
    return problem_of(error)


async def _on_os_error(request: Request, error: Exception) -> Response:
    """A disk that is full, gone or read-only is no mistake of the server; it goes on as soon as the disk does."""
    assert isinstance(error, OSError)
    if error.errno not in _DISK:
        return await _on_bug(request, error)
    _log.warning("%s %s: %s", request.method, request.url.path, error)
    rooms = request.app.state.rooms
    rooms.soundness.doubt()
    place = os.fspath(error.filename2 or error.filename or rooms.home.root)
    place = os.fsdecode(place)
    if not rooms.home.runs.is_dir():
        return problem_of(HomeGone(str(rooms.home.root)))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return problem_of(DiskFull(str(Path(place).parent)))
    return problem_of(DiskFailed(place, os.strerror(error.errno)))


async def _on_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "http_error")
    return problem(error.status_code, code, str(error.detail), _HINTS.get(error.status_code), headers=error.headers)


async def _on_invalid_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_of(FieldErrors(field_errors(error.errors())))


async def _on_bug(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(
        500, "internal_error", "The server made a mistake; its log tells more.", "See logs/server.log in the home."
    )
