"""The `gladius` command as a person calls it: a process with its own streams and exit code."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forge

ARGV = (sys.executable, "-m", "gladius.cli.main")


@dataclass(frozen=True)
class Answer:
    """What a verb printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def complains(self, *words: str) -> bool:
        """Whether it said one line on stderr that holds the words, and printed no result."""
        return self.out == "" and len(self.err.splitlines()) == 1 and all(word in self.err for word in words)


def gladius(*arguments: str | Path, cwd: Path | None = None) -> Answer:
    """Call a verb and wait for its end."""
    ended = forge.run(*ARGV, *arguments, text=False, cwd=cwd)
    return Answer(ended.returncode, ended.stdout.decode("utf-8", "replace"), ended.stderr.decode())
