"""Clocks that a test sets for real processes while they run: wall time, and the steady one as a paused machine's may count.

A `sitecustomize` on PYTHONPATH adds what stands in a file to what Python's clocks say; nobody else's clock is touched.
"""

from __future__ import annotations

import os
from pathlib import Path

_CUSTOM = """
import os, time
_path = os.environ["SETTABLE_CLOCK"]
def _set(name, which, factor=1):
    real = getattr(time, name)
    def told():
        with open(_path) as file:
            return real() + int(file.read().split()[which]) * factor
    setattr(time, name, told)
_set("time", 0)
_set("time_ns", 0, 10**9)
_set("monotonic", 1)
"""


class SettableClock:
    """Whole seconds that the clocks of processes with `environment` are off."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._file = folder / "offsets"
        (folder / "sitecustomize.py").write_text(_CUSTOM)
        paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {"PYTHONPATH": os.pathsep.join(paths), "SETTABLE_CLOCK": str(self._file)}
        self.set()

    def set(self, wall: int = 0, steady: int = 0) -> None:
        """From now on, for everybody at once."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{wall} {steady}")
        new.replace(self._file)
