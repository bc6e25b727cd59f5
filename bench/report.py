"""docs/performance.md: every figure, the table beside others, the plots and the notes. Upstream: results.json. Downstream: readers.

The one writer of that file: what people write stands in `bench/notes.md` and is taken over as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.plots import bars, curve
from bench.rows import known_rows

DOCS = Path(__file__).parent.parent / "docs"
NOTES = Path(__file__).parent / "notes.md"
COLUMNS = (
    "gladius", "trackio", "wandb", "tensorboard", "mlflow", "mlflow async", "aim", "swanlab", "dvclive", "json", "msgspec",
)  # fmt: skip
TITLES = {
    "gladius": "Gladius", "trackio": "Trackio", "wandb": "W&B offline", "tensorboard": "TensorBoard(X)",
    "mlflow": "MLflow sqlite", "mlflow async": "MLflow async", "aim": "Aim", "swanlab": "SwanLab", "dvclive": "DVCLive",
    "json": "bare json + write", "msgspec": "bare msgspec + write", "none": "nothing",
}  # fmt: skip
PLOTTED = {
    "log call in a tight loop": "log-call", "log call at 200 Hz": "log-call-paced", "import of the client": "import",
    "100,000 points, warm": "points-warm", "server start": "server-start", "server memory": "server-memory",
    "slow-down of a training": "slow-down", "first chart": "first-chart",
}  # fmt: skip


def write() -> None:
    """Make the page and its plots anew from what is known."""
    known = known_rows()
    beside = _by_name(known)
    parts = [
        _head(),
        _single(known),
        _table(beside),
        _plots(beside),
        _growth(known),
        NOTES.read_text(encoding="utf-8"),
        _around(known),
    ]
    (DOCS / "performance.md").write_text("\n\n".join(part.strip() for part in parts if part) + "\n", encoding="utf-8")


def _by_name(known: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in known.values():
        if row.get("subject"):
            found.setdefault(row["name"], {})[row["subject"]] = row
    return found


def _head() -> str:
    return (
        "# Performance\n\nMade by `make bench`; the raw samples are in `bench/results.json`, with the share of the\n"
        "processors that was idle before. Figures are comparable within one run on one machine. A figure that misses its\n"
        "limit is shown as missed.\n\n## Gladius"
    )


def _single(known: dict[str, Any]) -> str:
    lines = ["| figure | measured | limit | met | samples | how |", "|---|---|---|---|---|---|"]
    for name, row in known.items():
        if not row.get("subject"):
            lines.append(
                f"| {name} | {number(row['figure'])} {row['unit']} ({row['statistic']}) | {_limit(row)} | {_met(row)} "
                f"| {len(row['samples'])} | {row['how']} |"
            )
    return "\n".join(lines)


def _table(beside: dict[str, dict[str, Any]]) -> str:
    """A line for each figure that is taken of several programs; a dash is not measured, or has no meaning there."""
    if not beside:
        return ""
    columns = [one for one in COLUMNS if any(one in rows for rows in beside.values())]
    lines = [
        "## Beside others",
        "",
        "`make bench ARGS=peers` takes all of this in one run: each program in an environment of its own, with its defaults but",
        "for what follows: offline or local, telemetry and its own system metrics off. A dash: it has no such thing, or it could",
        "not be measured; the causes stand below.",
        "",
        f"| | {' | '.join(TITLES[one] for one in columns)} | Gladius must | met |",
        "|---" * (len(columns) + 3) + "|",
    ]
    for name, rows in beside.items():
        cells = [_cell(rows.get(one)) for one in columns]
        ours = rows.get("gladius", {"limit": None, "met": None, "unit": ""})
        lines.append(f"| {name} | {' | '.join(cells)} | {_limit(ours, '<= ')} | {_met(ours)} |")
    causes = [
        f"- {name}, {TITLES[one]}: {row['how']}."
        for name, rows in beside.items()
        for one, row in rows.items()
        if not row["samples"]
    ]
    sizes = beside.get("installed, without trainers", {})
    versions = ", ".join(row["how"] for row in sizes.values() if row["samples"])
    return "\n".join([*lines, "", *causes, *([""] if causes else []), f"Versions: {versions}." if versions else ""])


def _plots(beside: dict[str, dict[str, Any]]) -> str:
    """A plot for each line that is worth one, as a file of its own beside the page."""
    folder = DOCS / "images" / "performance"
    shown = []
    for name, file in PLOTTED.items():
        rows = [
            (TITLES[one], row["figure"], one) for one, row in beside.get(name, {}).items() if row["figure"] is not None
        ]
        if len(rows) < 2:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        unit = next(iter(beside[name].values()))["unit"]
        limit = beside[name].get("gladius", {}).get("limit")
        (folder / f"{file}.svg").write_text(bars(f"{name}, {unit}", rows, limit), encoding="utf-8")
        shown.append(f"![{name}](images/performance/{file}.svg)")
    return "\n\n".join(shown)


def _growth(known: dict[str, Any]) -> str:
    """A curve for each cost that was taken at several sizes."""
    folder = DOCS / "images" / "performance"
    shown = []
    for row in known.values():
        if "growth" not in row:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        what, _, by = row["of"].partition(", by ")
        file = f"growth-{by.replace(' ', '-')}-{what.replace(',', '').replace(' ', '-')}.svg"
        drawn = curve(f"{what}, {row['in']}", by, [(size, figure) for size, figure in row["growth"]])
        (folder / file).write_text(drawn, encoding="utf-8")
        shown.append(f"![{row['of']}](images/performance/{file})")
    if not shown:
        return ""
    head = "## Growth\n\nBoth scales are logarithmic: a level line is a cost that does not grow with what is there already."
    return "\n\n".join([head, *shown])


def _cell(row: dict[str, Any] | None) -> str:
    if row is None or row["figure"] is None:
        return "—"
    return f"{number(row['figure'])} {row['unit']}"


def number(figure: float | None) -> str:
    """Three digits, thousands apart, never an exponent."""
    if figure is None:
        return "—"
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def _limit(row: dict[str, Any], before: str = "") -> str:
    return "—" if row["limit"] is None else f"{before}{row['limit']:g} {row['unit']}".strip()


def _met(row: dict[str, Any]) -> str:
    return {True: "yes", False: "**no**", None: "—"}[row["met"]]


def _around(known: dict[str, Any]) -> str:
    lines = ["## Conditions", ""]
    for text in sorted({json.dumps(row["conditions"], sort_keys=True) for row in known.values()}):
        around = json.loads(text)
        lines.append(
            f"- {around['at']}: {around['platform']}, {around['cores']} cores, Python {around['python']}, "
            f"{around['idle_percent']} % idle before the run"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    write()
