"""Line art of drawn pages: charts, block diagrams, geometric drawings, smooth pictures."""

from __future__ import annotations

import functools
import itertools
import math

from PIL import Image

from aeden.data import page_words
from aeden.data.page_canvas import Page, Pen, Point
from aeden.data.page_random import Dice, Real

Corners = tuple[Real, Real, Real, Real]


def curve(points: list[Point], steps: int = 8) -> list[Point]:
    """A smooth line through points (Catmull & Rom 1974), `steps` pieces between two of them."""
    ends = [points[0], *points, points[-1]]
    line = []
    for (ax, ay), (bx, by), (cx, cy), (dx, dy) in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        for a, b, c, d in _weights(steps):
            line.append((a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy))
    return [*line, points[-1]]


@functools.cache
def _weights(steps: int) -> list[tuple[Real, Real, Real, Real]]:
    """The share of each of four points in a Catmull-Rom curve between the second and the third, at `steps` places."""
    places = [k / steps for k in range(steps)]
    return [
        ((2 * t**2 - t - t**3) / 2, 1 - 2.5 * t**2 + 1.5 * t**3, (t + 4 * t**2 - 3 * t**3) / 2, (t**3 - t**2) / 2)
        for t in places
    ]


def chart(page: Page, corners: Corners) -> None:
    """A chart: axes with ticks and numbers, and curves, bars or points."""
    dice, (x0, y0, x1, y1) = page.dice, corners
    small = page.theme.style(dice.uniform(0.6, 0.85), tone=dice.uniform(0.6, 1))
    left, bottom = x0 + 3.2 * small.size, y1 - 2.4 * small.size
    plot = (left, y0 + 1.6 * small.size, x1, bottom)
    if x1 - left < 30 or bottom - plot[1] < 24:
        return
    if dice.chance(0.3):
        page.box(plot, fill=dice.uniform(0.03, 0.15))
    _axes(page, plot, small.size)
    kind = dice.weighted({"curves": 5, "bars": 3, "points": 2})
    for k in range(1 if kind == "bars" else dice.integer(1, 3)):
        with page.pen(plot, dice.uniform(0.3, 1)) as pen:
            {"curves": _curves, "bars": _bars, "points": _points}[kind](pen, dice, plot)
        if dice.chance(0.4):  # an entry of the legend
            x, y = x1 - 7 * small.size, plot[1] + (k + 0.8) * 1.3 * small.size
            page.rule((x, y), 1.5 * small.size, 0.8, dice.choose((1, 2)))
            page.text(x + 2 * small.size, y + 0.35 * small.size, page_words.word(dice, "latin"), small)
    number, step = dice.choose((0, 1, 5, 10)), dice.choose((1, 2, 5, 0.5, 10))
    ticks = max(2, int((x1 - left) / (4 * small.size)))
    for k in range(ticks + 1):
        page.label((left + (x1 - left) * k / ticks, bottom + 0.9 * small.size), f"{number + k * step:g}", small)
    ticks = max(2, int((bottom - plot[1]) / (2.5 * small.size)))
    for k in range(ticks + 1):
        text = f"{k * step:g}"
        y = bottom - (bottom - plot[1]) * k / ticks + 0.35 * small.size
        page.text(left - 0.6 * small.size - page.text_width(text, small), y, text, small)
    page.label(((left + x1) / 2, y0 + 0.6 * small.size), page_words.title(dice, 3, "latin"), small)


def _axes(page: Page, plot: Corners, size: Real) -> None:
    dice, (x0, y0, x1, y1) = page.dice, plot
    if dice.chance(0.4):
        tone = dice.uniform(0.1, 0.35)
        for k in range(1, 5):
            page.rule((x0, y0 + (y1 - y0) * k / 5), x1 - x0, tone)
            page.rule((x0 + (x1 - x0) * k / 5, y0), y1 - y0, tone, vertical=True)
    if dice.chance(0.5):
        page.box(plot, line=1.0)
    else:
        with page.pen((x0 - 5, y0 - 5, x1 + 5, y1 + 5)) as pen:
            pen.arrow((x0, y1), (x1 + 4, y1), 1, size / 2)
            pen.arrow((x0, y1), (x0, y0 - 4), 1, size / 2)


def _curves(pen: Pen, dice: Dice, plot: Corners) -> None:
    x0, y0, x1, y1 = plot
    count, y = dice.integer(4, 9), dice.uniform(y0, y1)
    points = []
    for k in range(count):
        points.append((x0 + (x1 - x0) * k / (count - 1), y))
        y = min(max(y + dice.uniform(-0.35, 0.35) * (y1 - y0), y0), y1)
    width, line = dice.uniform(0.8, 2.6), curve(points) if dice.chance(0.7) else points
    if dice.chance(0.25):
        pen.dashes(line, width, dice.uniform(2, 6))
    else:
        pen.line(line, width)
    if dice.chance(0.3):
        _marks(pen, dice, points)


def _marks(pen: Pen, dice: Dice, points: list[Point]) -> None:
    r, kind = dice.uniform(1.5, 4), dice.choose(("disc", "circle", "square", "cross"))
    for x, y in points:
        if kind in ("disc", "circle"):
            pen.ellipse((x, y), (r, r), fill=kind == "disc")
        elif kind == "square":
            pen.polygon([(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)], fill=True)
        else:
            pen.line([(x - r, y - r), (x + r, y + r)])
            pen.line([(x - r, y + r), (x + r, y - r)])


def _points(pen: Pen, dice: Dice, plot: Corners) -> None:
    x0, y0, x1, y1 = plot
    cloud = [(dice.uniform(0, 1), dice.uniform(-0.2, 0.2)) for _ in range(dice.integer(8, 40))]
    slope = dice.uniform(-0.6, 0.6)
    heights = [min(max(0.5 + slope * (x - 0.5) + dy, 0), 1) for x, dy in cloud]
    _marks(pen, dice, [(x0 + (x1 - x0) * x, y1 - (y1 - y0) * y) for (x, _), y in zip(cloud, heights, strict=True)])


def _bars(pen: Pen, dice: Dice, plot: Corners) -> None:
    x0, y0, x1, y1 = plot
    count, fill = dice.integer(3, 14), dice.chance(0.7)
    gap = dice.uniform(0, 0.5)
    for k in range(count):
        left, right = x0 + (x1 - x0) * (k + gap / 2) / count, x0 + (x1 - x0) * (k + 1 - gap / 2) / count
        top = y1 - (y1 - y0) * dice.uniform(0.05, 0.95)
        pen.polygon([(left, top), (right, top), (right, y1), (left, y1)], fill=fill)


def diagram(page: Page, corners: Corners) -> None:
    """Boxes, ellipses and diamonds with words in them, joined by arrows."""
    dice, (x0, y0, x1, y1) = page.dice, corners
    style = page.theme.style(dice.uniform(0.6, 1))
    columns = max(1, min(4, int((x1 - x0) / (6.5 * style.size))))
    rows = max(1, min(6, int((y1 - y0) / (4.5 * style.size))))
    cell = ((x1 - x0) / columns, (y1 - y0) / rows)
    width, fill, shape = dice.uniform(0.7, 2.5), dice.chance(0.3), dice.choose(("box", "box", "ellipse", "diamond"))
    centres = [
        (x0 + (column + 0.5) * cell[0], y0 + (row + 0.5) * cell[1])
        for row in range(rows)
        for column in range(columns)
        if dice.chance(0.8)
    ]
    half = (cell[0] * dice.uniform(0.28, 0.4), cell[1] * dice.uniform(0.2, 0.34))
    with page.pen(corners, dice.uniform(0.7, 1)) as pen:
        for (ax, ay), (bx, by) in itertools.pairwise(centres):
            if ay == by:
                pen.arrow((ax + half[0], ay), (bx - half[0], by), width, style.size * 0.5)
            else:
                pen.line([(ax, ay + half[1]), (ax, (ay + by) / 2), (bx, (ay + by) / 2)], width)
                pen.arrow((bx, (ay + by) / 2), (bx, by - half[1]), width, style.size * 0.5)
    with page.pen(corners, dice.uniform(0.5, 1)) as pen:
        for centre in centres:
            _node(pen, shape, centre, half, (width, fill))
    if fill:
        style = page.theme.style(0.8, tone=0.0)
    for centre in centres:
        page.label(centre, page_words.word(dice, "latin"), style)


def _node(pen: Pen, shape: str, centre: Point, half: Point, stroke: tuple[Real, bool]) -> None:
    (x, y), (dx, dy) = centre, half
    if shape == "ellipse":
        pen.ellipse(centre, half, *stroke)
    elif shape == "diamond":
        pen.polygon([(x - dx, y), (x, y - dy), (x + dx, y), (x, y + dy)], *stroke)
    else:
        pen.polygon([(x - dx, y - dy), (x + dx, y - dy), (x + dx, y + dy), (x - dx, y + dy)], *stroke)


def geometry(page: Page, corners: Corners) -> None:
    """A drawing of circles, polygons, free curves, hatched areas, dashed lines and arrows, with letters at them."""
    dice, (x0, y0, x1, y1) = page.dice, corners
    side, thin = min(x1 - x0, y1 - y0), dice.uniform(0.6, 2.2)
    for _ in range(max(3, int((x1 - x0) * (y1 - y0) / 9000))):
        centre = (dice.uniform(x0, x1), dice.uniform(y0, y1))
        r = side * dice.log_uniform(0.06, 0.5)
        around = [
            (centre[0] + r * math.cos(a) * dice.uniform(0.5, 1), centre[1] + r * math.sin(a) * dice.uniform(0.5, 1))
            for a in sorted(dice.uniform(0, 2 * math.pi) for _ in range(dice.integer(3, 8)))
        ]
        with page.pen(corners, dice.uniform(0.45, 1)) as pen:
            _shape(pen, dice, centre, r, (thin, around))
        if dice.chance(0.4):
            letter = dice.choose("ABCDPQRxyzabh")
            page.label((centre[0] + 4, centre[1] - 6), letter, page.theme.style(face=page.theme.slanted))


def _shape(pen: Pen, dice: Dice, centre: Point, r: Real, line: tuple[Real, list[Point]]) -> None:
    (x, y), (thin, around) = centre, line
    kind = dice.choose(("circle", "rings", "polygon", "free", "free", "hatch", "arrow", "dashes", "area"))
    if kind in ("circle", "rings"):
        for k in range(1 if kind == "circle" else dice.integer(2, 5)):
            pen.ellipse(centre, (r / (k + 1), r * dice.choose((1, 1, 0.6)) / (k + 1)), thin)
    elif kind == "polygon":
        pen.polygon(around, thin)
    elif kind == "free":
        pen.line(curve([*around, around[0]] if dice.chance(0.5) else around), thin)
    elif kind == "hatch":
        step = dice.uniform(3, 8)
        pen.polygon([(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)], thin)
        for k in range(int(2 * r / step)):
            d = k * step
            pen.line([(x - r + d, y - r), (x - r, y - r + d)], thin * 0.7)
            pen.line([(x + r, y - r + d), (x - r + d, y + r)], thin * 0.7)
    elif kind == "arrow":
        pen.arrow(around[0], around[1], thin, dice.uniform(4, 10))
        pen.arrow(around[1], around[0], thin, dice.uniform(4, 10))
    elif kind == "dashes":
        pen.dashes([around[0], around[1], around[2]], thin, dice.uniform(2, 7))
    else:
        pen.polygon(curve([*around, around[0]], 4), fill=True)


def picture(page: Page, corners: Corners) -> None:
    """An area of smooth gray values, as a printed photo has them."""
    dice = page.dice
    rows, columns = dice.integer(2, 5), dice.integer(2, 5)
    levels = bytes(dice.integer(10, 245) for _ in range(rows * columns))
    page.gradient(corners, Image.frombytes("L", (columns, rows), levels))
    if dice.chance(0.5):
        page.box(corners, line=1.0)
