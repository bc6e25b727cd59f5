"""What axe-core finds on a page: the judge of every browser test about accessibility."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
RULES = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations']}"
FADED = """() => Promise.allSettled(
    document.getAnimations().filter(one => one instanceof CSSTransition).map(one => one.finished))"""


def violations(page: Any, within: str = ":root") -> list[str]:
    """What stands against WCAG 2.2 AA, one line each; `within` what lies over a page that it covers in part."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: npm --prefix web ci")
    if not page.evaluate("'axe' in window"):
        # Given by the browser's driver, so that the page's own policy against scripts stays as it is.
        page.evaluate(AXE.read_text(encoding="utf-8"))
    # What fades in has its own colours only at the end.
    page.evaluate(FADED)
    found = page.evaluate(f"place => axe.run(place, {RULES}).then(result => result.violations)", within)
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
