"""Data is never markup: no template of the page makes HTML of it, and no page asks for a policy that would let it."""

from __future__ import annotations

import re
from pathlib import Path

from gladius.server.guard import _CSP

ROOT = Path(__file__).parents[2]
WAYS = re.compile(
    r"@html|innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|\beval\(|new Function\(|srcdoc"
)
INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S|\son[a-z]+\s*=\s*[\"']|javascript:", re.IGNORECASE)


def test_no_source_of_the_page_makes_markup_of_data() -> None:
    sources = [path for kind in ("*.svelte", "*.ts") for path in (ROOT / "web" / "src").rglob(kind)]
    assert len(sources) > 200
    for path in sources:
        if ".test." not in path.name:
            found = WAYS.search(path.read_text(encoding="utf-8"))
            assert found is None, (path, found)


def test_the_policy_allows_no_inline_script_and_the_page_has_none() -> None:
    policy = {part.split()[0]: part.split()[1:] for part in _CSP.split("; ")}
    assert (
        policy["script-src"] == ["'self'"]
        and policy["object-src"] == ["'none'"]
        and policy["default-src"] == ["'self'"]
    )
    pages = [ROOT / "web" / "index.html", ROOT / "src" / "gladius" / "server" / "assets" / "index.html"]
    for page in pages:
        if page.is_file():
            assert INLINE.search(page.read_text(encoding="utf-8")) is None, page
