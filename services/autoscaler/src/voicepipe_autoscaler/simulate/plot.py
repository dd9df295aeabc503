"""Two plots over time as one SVG: replicas, and the audio that waits."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from .run import Run

WIDTH, HEIGHT, LEFT, TOP, GAP = 860, 190, 60, 30, 45
COLOURS = ("#1f6feb", "#d1242f", "#9a6700", "#1a7f37")
POINTS = 400
HOUR_S = 3600.0

Points = Sequence[tuple[float, float]]


def svg(title: str, runs: Sequence[Run], until_s: float) -> str:
    most = max(run.most for run in runs)
    waiting_s = max(1.0, *(value for run in runs for _, value in run.backlog_s))
    below = TOP + HEIGHT + GAP
    size = f"0 0 {LEFT + WIDTH + 20} {below + HEIGHT + 40}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        _axes(TOP, "replicas", f"{most}", until_s),
        _axes(below, "minutes of audio that wait", f"{waiting_s / 60:,.0f}", until_s),
    ]
    for number, (run, colour) in enumerate(zip(runs, COLOURS, strict=True)):
        parts += [
            _line(_steps(run.replicas, until_s), TOP, float(most), until_s, colour),
            _line(thinned(run.backlog_s), below, waiting_s, until_s, colour),
            f'<text x="{LEFT + 130 + number * 130}" y="18" fill="{colour}">{escape(run.policy)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def thinned(points: Points) -> Points:
    """At most so many points, each the highest of its part: a short peak is not lost."""
    size = -(-len(points) // POINTS)
    return [max(points[at : at + size], key=lambda point: point[1]) for at in range(0, len(points), size)]


def _steps(points: Sequence[tuple[float, int]], until_s: float) -> Points:
    corners: list[tuple[float, float]] = []
    for at_s, count in points:
        if corners:
            corners.append((at_s, corners[-1][1]))
        corners.append((at_s, float(count)))
    return [*corners, (until_s, corners[-1][1])]


def _line(points: Points, top: int, most: float, until_s: float, colour: str) -> str:
    places = " ".join(
        f"{LEFT + WIDTH * at_s / until_s:.1f},{top + HEIGHT * (1 - value / most):.1f}" for at_s, value in points
    )
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" stroke-opacity="0.8" points="{places}"/>'


def _axes(top: int, name: str, highest: str, until_s: float) -> str:
    foot = top + HEIGHT
    hours = until_s > 2 * HOUR_S
    last = f"{until_s / HOUR_S:.0f} h" if hours else f"{until_s / 60:.0f} min"
    half = f"{until_s / HOUR_S / 2:.1f} h" if hours else f"{until_s / 120:.0f} min"
    return "\n".join(
        (
            f'<path d="M{LEFT} {top}V{foot}H{LEFT + WIDTH}" fill="none" stroke="#57606a"/>',
            f'<text x="{LEFT}" y="{top - 10}" fill="#57606a">{escape(name)}</text>',
            f'<text x="{LEFT - 6}" y="{top + 5}" fill="#57606a" text-anchor="end">{highest}</text>',
            f'<text x="{LEFT - 6}" y="{foot}" fill="#57606a" text-anchor="end">0</text>',
            f'<text x="{LEFT + WIDTH // 2}" y="{foot + 16}" fill="#57606a" text-anchor="middle">{half}</text>',
            f'<text x="{LEFT + WIDTH}" y="{foot + 16}" fill="#57606a" text-anchor="end">{last}</text>',
        )
    )
