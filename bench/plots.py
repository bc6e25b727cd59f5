"""Bars on a logarithmic scale, as SVG that a dark and a light page can show. Upstream: report. Downstream: docs/images."""

from __future__ import annotations

import math
from html import escape

WIDTH, LABEL, ROW, TOP = 720, 170, 26, 58
_INK, _FAINT, _OURS, _OTHERS, _LIMIT = "#7d8590", "#7d859040", "#3b82c4", "#8b95a1", "#c2410c"


def bars(title: str, rows: list[tuple[str, float, str]], limit: float | None) -> str:
    """One bar for each (label, figure, whose), the smallest first. Zero has no place on the scale and no length."""
    rows = sorted(rows, key=lambda row: row[1])
    positive = [figure for _, figure, _ in rows if figure > 0] or [1.0]
    low = 10 ** math.floor(math.log10(min([*positive, limit or positive[0]])))
    high = 10 ** math.ceil(math.log10(max([*positive, limit or positive[0]]) * 1.0001))
    height = TOP + ROW * len(rows) + 12

    def place(figure: float) -> float:
        share = (math.log10(max(figure, low)) - math.log10(low)) / (math.log10(high) - math.log10(low))
        return LABEL + share * (WIDTH - LABEL - 80)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}"',
        f' font-family="system-ui, sans-serif" font-size="13" fill="{_INK}">',
        f'<text x="0" y="18" font-size="15" font-weight="600">{escape(title)}</text>',
    ]
    power = low
    while power <= high * 1.0001:
        x = place(power)
        parts.append(f'<path d="M{x:.1f} {TOP - 8}V{height - 8}" stroke="{_FAINT}"/>')
        parts.append(f'<text x="{x:.1f}" y="{TOP - 14}" text-anchor="middle" font-size="11">{power:,g}</text>')
        power *= 10
    for turn, (label, figure, whose) in enumerate(rows):
        y = TOP + ROW * turn
        length = place(figure) - LABEL if figure > 0 else 0
        colour = _OURS if whose == "gladius" else _OTHERS
        parts.append(f'<text x="{LABEL - 10}" y="{y + 15}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<rect x="{LABEL}" y="{y + 3}" width="{max(length, 1):.1f}" height="16" rx="2" fill="{colour}"/>')
        parts.append(f'<text x="{LABEL + length + 6:.1f}" y="{y + 15}">{_number(figure)}</text>')
    if limit:
        x = place(limit)
        parts.append(f'<path d="M{x:.1f} {TOP - 8}V{height - 8}" stroke="{_LIMIT}" stroke-dasharray="4 3"/>')
    return "".join([*parts, "</svg>\n"])


def _number(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
