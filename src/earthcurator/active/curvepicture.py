"""Draws how fast searches found a class, as an SVG picture of our own: no library, no script, no font but the viewer's.

One line a strategy, named at its end and told apart by dashes as well as by colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from earthcurator.active.simulate import Curve, mean_curve

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 190, 48, 52
POINTS = 100
COLOURS = ("#0b5394", "#b45309", "#15803d", "#9d174d", "#5b21b6", "#0f766e", "#713f12", "#374151")
"""Dark enough to be read on white (4.5:1 and more)."""
DASHES = ("", "7 3", "2 3", "10 3 2 3", "4 2", "1 4", "12 4", "6 2 1 2")
_LINE = 17  # pixels between names


def draw_curves(curves: Mapping[str, Sequence[Curve]], *, title: str) -> str:
    """The picture, of strategy → its searches for the same class. Lines are means of the searches."""
    budget = max(curve.labels[-1] for runs in curves.values() for curve in runs)
    positives = max(curve.positives for runs in curves.values() for curve in runs)
    at = [round(step * budget / POINTS) for step in range(POINTS + 1)]
    lines = {name: mean_curve(runs, at) for name, runs in curves.items()}
    ends = _apart({name: _y(shares[-1]) for name, shares in lines.items()})
    body = [_axes(budget), _best(budget, positives)]
    for number, (name, shares) in enumerate(lines.items()):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        points = " ".join(f"{_x(n, budget):.1f},{_y(share):.1f}" for n, share in zip(at, shares, strict=True))
        body.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.2" stroke-dasharray="{dash}"/>'
            f'<path d="M{_x(budget, budget) + 3} {_y(shares[-1]):.1f} L{_x(budget, budget) + 17} {ends[name]:.1f}" '
            f'stroke="{colour}" fill="none"/>'
            f'<text x="{_x(budget, budget) + 21}" y="{ends[name] + 4:.1f}" fill="{colour}">{escape(name)} '
            f"{shares[-1]:.0%}</text>"
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="#1f2937">'
        f'<title>{escape(title)}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{LEFT}" y="26" font-size="16" font-weight="600">{escape(title)}</text>{"".join(body)}</svg>\n'
    )


def _axes(budget: int) -> str:
    parts = []
    for share in (0, 0.2, 0.4, 0.6, 0.8, 1):
        y = _y(share)
        parts.append(
            f'<path d="M{LEFT} {y} H{WIDTH - RIGHT}" stroke="#e5e7eb"/>'
            f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{share:.0%}</text>'
        )
    for step in range(6):
        labels = round(step * budget / 5)
        parts.append(
            f'<text x="{_x(labels, budget):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{labels:,}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<path d="M{LEFT} {TOP} V{HEIGHT - BOTTOM} H{WIDTH - RIGHT}" stroke="#6b7280" fill="none"/>'
        f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">labels given</text>'
        f'<text transform="rotate(-90)" x="{-(TOP + HEIGHT - BOTTOM) / 2}" y="16" text-anchor="middle">'
        "of the class found</text>"
    )
    return "".join(parts)


def _best(budget: int, positives: int) -> str:
    """Where every label is a find: nothing can be above it."""
    enough = min(positives, budget)
    return (
        f'<path d="M{_x(0, budget)} {_y(0)} L{_x(enough, budget):.1f} {_y(enough / positives):.1f}" '
        'stroke="#9ca3af" stroke-dasharray="3 3" fill="none"/>'
        f'<text x="{_x(enough, budget) + 6:.1f}" y="{_y(enough / positives) + 16:.1f}" fill="#6b7280" font-size="12">'
        "every label a find</text>"
    )


def _x(labels: float, budget: int) -> float:
    return LEFT + (WIDTH - RIGHT - LEFT) * labels / budget


def _y(share: float) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share, 1)


def _apart(heights: Mapping[str, float]) -> dict[str, float]:
    """Where the names go: at the ends of their lines, but none over another."""
    placed: dict[str, float] = {}
    below: float = TOP - _LINE
    for name, y in sorted(heights.items(), key=lambda item: item[1]):
        below = placed[name] = max(y, below + _LINE)
    over = max(0.0, below - (HEIGHT - 6))
    return {name: y - over for name, y in placed.items()}
