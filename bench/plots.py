"""Bars and curves on logarithmic scales, as SVG that a dark and a light page can show. Upstream: report. Downstream: docs/images."""

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


def curve(title: str, x_name: str, points: list[tuple[float, float]]) -> str:
    """Cost against size, both logarithmic: level is a cost that does not grow, one decade up for each along is in proportion."""
    height, left, right, bottom = 300, 80, WIDTH - 20, 262
    xs, ys = zip(*((math.log10(x), math.log10(max(y, 1e-9))) for x, y in points), strict=True)
    # As many decades up as along, so that the steepness can be seen.
    low = math.floor(min(ys))
    high = max(math.ceil(max(ys)), low + round(xs[-1] - xs[0]))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            left + (x - xs[0]) / (xs[-1] - xs[0]) * (right - left - 40),
            bottom - (y - low) / (high - low) * (bottom - 50),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}"',
        f' font-family="system-ui, sans-serif" font-size="13" fill="{_INK}">',
        f'<text x="0" y="18" font-size="15" font-weight="600">{escape(title)}</text>',
        f'<text x="{right}" y="{height - 6}" text-anchor="end" font-size="11">{escape(x_name)}</text>',
    ]
    for power in range(low, high + 1):
        y = place(xs[0], power)[1]
        parts.append(f'<path d="M{left} {y:.1f}H{right}" stroke="{_FAINT}"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end" font-size="11">{10.0**power:,g}</text>')
    drawn = [place(x, y) for x, y in zip(xs, ys, strict=True)]
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in drawn)
    parts.append(f'<path d="M{line}" fill="none" stroke="{_OURS}" stroke-width="2"/>')
    for (x, y), (size, figure) in zip(drawn, points, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{_OURS}"/>')
        parts.append(f'<text x="{x:.1f}" y="{y - 9:.1f}" text-anchor="middle">{_number(figure)}</text>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle" font-size="11">{size:,.0f}</text>')
    return "".join([*parts, "</svg>\n"])


def _number(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
