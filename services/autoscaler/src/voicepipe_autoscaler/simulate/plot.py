"""Replicas and waiting audio over time as an SVG: one strip for each run, all in the same scales."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from .run import Run

LEFT, WIDTH, RIGHT = 50, 800, 60
TOP, STRIP, GAP = 30, 84, 34
COLOURS = ("#1f6feb", "#d1242f", "#9a6700", "#1a7f37")
INK, GREY = "#1f2328", "#57606a"
POINTS = 400
HOUR_S = 3600.0

Points = Sequence[tuple[float, float]]


def svg(title: str, runs: Sequence[Run], until_s: float) -> str:
    most = max(run.most for run in runs)
    waiting_s = max(1.0, *(value for run in runs for _, value in run.backlog_s))
    size = f"0 0 {LEFT + WIDTH + RIGHT} {TOP + len(runs) * (STRIP + GAP) + 10}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        _text(LEFT, 14, "coloured: replicas (left scale); black: minutes of audio that wait (right scale)", GREY),
    ]
    for number, (run, colour) in enumerate(zip(runs, COLOURS[: len(runs)], strict=True)):
        top = TOP + number * (STRIP + GAP)
        parts += [
            _area(_steps(run.replicas, until_s), top, float(most), until_s, colour),
            _line(thinned(run.backlog_s), top, waiting_s, until_s),
            _axes(top, run.policy, f"{most}", f"{waiting_s / 60:,.0f} min", until_s),
        ]
    return "\n".join([*parts, "</svg>", ""])


def thinned(points: Points) -> Points:
    """At most so many points, each the highest of its part: a short peak is not lost."""
    size = -(-len(points) // POINTS)
    return [max(points[at : at + size], key=lambda point: point[1]) for at in range(0, len(points), size)]


def _steps(points: Sequence[tuple[float, int]], until_s: float) -> Points:
    corners: list[tuple[float, float]] = [(0.0, 0.0)]
    for at_s, count in points:
        corners += [(at_s, corners[-1][1]), (at_s, float(count))]
    return [*corners, (until_s, corners[-1][1]), (until_s, 0.0)]


def _places(points: Points, top: int, most: float, until_s: float) -> str:
    return " ".join(
        f"{LEFT + WIDTH * at_s / until_s:.1f},{top + STRIP * (1 - value / most):.1f}" for at_s, value in points
    )


def _area(points: Points, top: int, most: float, until_s: float, colour: str) -> str:
    return f'<polygon fill="{colour}" fill-opacity="0.45" points="{_places(points, top, most, until_s)}"/>'


def _line(points: Points, top: int, most: float, until_s: float) -> str:
    return f'<polyline fill="none" stroke="{INK}" points="{_places(points, top, most, until_s)}"/>'


def _axes(top: int, name: str, most: str, waiting: str, until_s: float) -> str:
    foot, end = top + STRIP, LEFT + WIDTH
    unit_s, unit = (HOUR_S, "h") if until_s > 2 * HOUR_S else (60.0, "min")
    return "\n".join(
        (
            f'<path d="M{LEFT} {top}V{foot}H{end}V{top}" fill="none" stroke="{GREY}"/>',
            _text(LEFT + 8, top + 14, name, INK),
            _text(LEFT - 6, top + 5, most, GREY, "end"),
            _text(LEFT - 6, foot, "0", GREY, "end"),
            _text(end + 6, top + 5, waiting, GREY),
            _text(LEFT + WIDTH // 2, foot + 15, f"{until_s / unit_s / 2:g} {unit}", GREY, "middle"),
            _text(end, foot + 15, f"{until_s / unit_s:g} {unit}", GREY, "middle"),
        )
    )


def _text(x: int, y: int, text: str, colour: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>'
