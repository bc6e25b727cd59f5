"""Presets: settings under a name. Upstream: catalog. Downstream: server, client, browser."""

from typing import Any

from pydantic import Field

from gladius.wire.base import Body, Wire


class PresetInfo(Wire):
    """A named set of settings for an engine; `problem` says why it cannot be used now, and how to mend that.

    `values` are dotted keys. `profile`: only for runs of that profile, as a script's settings are its own.
    """

    id: str
    name: str
    description: str = ""
    engine: str
    profile: str | None = None
    values: dict[str, Any] = Field(default_factory=dict)
    created_at: float | None = None
    from_run: str | None = None
    builtin: bool = False
    problem: str | None = None


class PresetRequest(Body):
    """The body of `PUT /presets/{id}`, and of `POST /presets` where the name makes the id."""

    name: str = Field(min_length=1, max_length=100)
    description: str = Field(default="", max_length=2000)
    engine: str = "transformers"
    profile: str | None = None
    values: dict[str, Any] = Field(min_length=1, description="Dotted keys, or sections")
    from_run: str | None = None
