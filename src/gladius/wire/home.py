"""What is wrong with a home, beyond any one of its runs. Upstream: store. Downstream: server, browser, `gladius doctor`."""

from typing import Literal

from pydantic import Field

from gladius.wire.base import Wire

HomeCode = Literal["disk_full", "disk_failed", "home_gone", "damaged_line", "damaged_command", "run_unreadable"]


class HomeProblem(Wire):
    """One thing, where it is, and what to do."""

    code: HomeCode
    level: Literal["trouble", "attention"] = Field(description="trouble: nothing can be kept now")
    file: str = Field(description="The file or folder")
    line: int | None = None
    message: str
    hint: str


class HomeAnswer(Wire):
    """The answer of `GET /home`."""

    home: str
    problems: list[HomeProblem]
