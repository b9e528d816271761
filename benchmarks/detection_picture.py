"""docs/detection.svg: false alarms of each side by the rows of a window."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from results import Tally
from sides import ANY, BUDGET, HALF, NANNYML, OURS
from streams import CLEAN, FLIGHT_COLUMNS, STREAMS

PICTURE = Path(__file__).parents[1] / "docs" / "detection.svg"
COLOURS = {
    OURS: "#0b6e4f",
    HALF: "#e8a33d",
    ANY: "#c8553d",
    NANNYML: "#6b7fd7",
}
WIDE, HIGH, LEFT, TOP = 220, 130, 46, 58
GAP_X, GAP_Y = 30, 60
ROWS = (50, 100_000)


def picture(found: Sequence[Tally]) -> str:
    """Draw one panel a stream: rows on a logarithmic scale, windows that alarm."""
    lines = list(_legend())
    for number, stream in enumerate(STREAMS):
        x = LEFT + number % 3 * (WIDE + GAP_X)
        y = TOP + number // 3 * (HIGH + GAP_Y)
        here = [
            m
            for m in found
            if m.cell.stream == stream and m.cell.columns <= FLIGHT_COLUMNS
        ]
        lines += [f'<g transform="translate({x},{y})">', *_panel(stream, here), "</g>"]
    width = LEFT + 3 * WIDE + 2 * GAP_X + 20
    height = TOP + 2 * HIGH + GAP_Y + 34
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="11" fill="#333">\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n'
        + "\n".join(lines)
        + "\n</svg>\n"
    )


def _legend() -> Iterator[str]:
    yield (
        f'<text x="{LEFT}" y="16" font-size="13">'
        "Clean windows that alarm, of 1,000, by rows of a window</text>"
    )
    for number, (rule, colour) in enumerate(COLOURS.items()):
        x = LEFT + number * 180
        yield f'<rect x="{x}" y="26" width="14" height="4" fill="{colour}"/>'
        yield f'<text x="{x + 20}" y="32">{rule}</text>'


def _panel(stream: str, here: Sequence[Tally]) -> Iterator[str]:
    yield f'<text y="-6" font-weight="bold">{stream}</text>'
    yield f'<rect width="{WIDE}" height="{HIGH}" fill="none" stroke="#bbb"/>'
    budget = _y(BUDGET)
    yield (
        f'<line x2="{WIDE}" y1="{budget:.1f}" y2="{budget:.1f}" stroke="#333" '
        'stroke-dasharray="3 3" stroke-width="0.7"/>'
    )
    for share in (0, 0.5, 1):
        yield (
            f'<text x="-6" y="{_y(share) + 4:.1f}" text-anchor="end">'
            f"{1000 * share:,.0f}</text>"
        )
    for rows in (50, 1_000, 10_000, 100_000):
        yield (
            f'<text x="{_x(rows):.1f}" y="{HIGH + 14}" text-anchor="middle">'
            f"{rows:,}</text>"
        )
    for rule, colour in reversed(COLOURS.items()):
        points = [
            (_x(m.cell.rows), _y(m.default[rule][CLEAN].share))
            for m in sorted(here, key=lambda m: m.cell.rows)
            if rule in m.default
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield (
            f'<polyline points="{path}" fill="none" stroke="{colour}" '
            'stroke-width="2"/>'
        )
        for x, y in points:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colour}"/>'


def _x(rows: int) -> float:
    low, high = np.log(ROWS)
    return float(12 + (WIDE - 36) * (np.log(rows) - low) / (high - low))


def _y(share: float) -> float:
    return HIGH - 4 - (HIGH - 8) * share
