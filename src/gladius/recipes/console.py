"""Print lines for people who read a run's output. Upstream: recipes. Downstream: console.log."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Print one line at once, also into a file or a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
