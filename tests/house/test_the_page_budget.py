"""What the first page costs: its scripts, packed, stay small; terminal, editor, palette and screenshot come when they are needed."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

ASSETS = Path(__file__).parents[2] / "src/gladius/server/assets"
LIMIT = 350 * 1000
LATER = ("terminal", "CommandPalette", "ShortcutsDialog", "screenshot", "RunPage")


def scripts() -> set[Path]:
    """The modules that index.html names, and all that those import before they run."""
    page = (ASSETS / "index.html").read_text(encoding="utf-8")
    waiting = [ASSETS / name for name in re.findall(r'(?:src|href)="\./([^"]+\.js)"', page)]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        imports = re.findall(r'(?:from|import)\s*"(\./[^"]+\.js)"', path.read_text(encoding="utf-8"))
        waiting += [(path.parent / name).resolve() for name in imports]
    return found


@pytest.mark.skipif(not (ASSETS / "index.html").is_file(), reason="the page is not built: npm --prefix web run build")
def test_the_scripts_of_the_first_page_stay_below_350_kilobytes() -> None:
    loaded = scripts()
    assert len(loaded) >= 2
    assert sum(len(gzip.compress(path.read_bytes())) for path in loaded) < LIMIT
    early = [path.name for path in loaded if path.name.startswith(LATER)]
    assert early == [], "these are for later"
