"""Strokes like handwriting for drawn pages: an alphabet that does not exist, another one for each page."""

from __future__ import annotations

import math

from aeden.data.page_canvas import Page, Pen, Point
from aeden.data.page_figures import curve
from aeden.data.page_random import Dice, Real

# The strokes of a letter. Units are the height of a small letter; y points upwards from the line of writing.
Letter = list[list[Point]]


def alphabet(dice: Dice) -> list[Letter]:
    """Twenty letters of one to three strokes, between -1 and 2.2 high."""
    return [_letter(dice) for _ in range(20)]


def _letter(dice: Dice) -> Letter:
    strokes = [_stroke(dice, dice.choose(("bowl", "humps", "loop", "tail", "free")))]
    if dice.chance(0.35):
        strokes.append(_stroke(dice, dice.choose(("straight", "straight", "bowl", "free"))))
    if dice.chance(0.12):
        strokes = [_stroke(dice, "straight") for _ in range(dice.integer(1, 3))]
    return strokes


def _stroke(dice: Dice, kind: str) -> list[Point]:
    wide = dice.uniform(0.25, 0.45)
    if kind == "bowl":
        first, sweep = dice.uniform(0, 2), dice.uniform(3.5, 7.5) * dice.choose((1, -1))
        angles = [first + sweep * k / 7 for k in range(8)]
        return curve([(wide + wide * math.cos(a), 0.5 + 0.5 * math.sin(a)) for a in angles], 4)
    if kind == "humps":
        points = [(0.0, 0.0), (0.05, 0.9)]
        for k in range(dice.integer(1, 3)):
            points += [
                ((k + 0.5) * wide, 1.0),
                ((k + 0.85) * wide, 0.7),
                ((k + 0.9) * wide, 0.0),
                ((k + 1) * wide, 0.5),
            ]
        return curve(points[: -1 if dice.chance(0.5) else None], 4)
    if kind == "loop":
        high = dice.uniform(1.6, 2.2)
        return curve(
            [(0, 0.1), (wide, 0.8 * high), (0.7 * wide, high), (0.3 * wide, 0.8 * high), (0.4 * wide, 0), (wide, 0.2)]
        )
    if kind == "tail":
        low = -dice.uniform(0.6, 1.0)
        return curve([(wide, 0.9), (0, 0.9), (0.1, 0.2), (wide, 0.9), (wide, low), (0.2, low), (1.3 * wide, 0.2)])
    if kind == "straight":
        return [(dice.uniform(0, 0.9), dice.uniform(-0.2, 1.8)), (dice.uniform(0, 0.9), dice.uniform(-0.2, 1.8))]
    return curve([(dice.uniform(0, 0.7), dice.uniform(-0.3, 1.4)) for _ in range(dice.integer(3, 6))], 5)


def handwriting(page: Page, corners: tuple[Real, Real, Real, Real], size: Real) -> None:
    """Fills the area (left, top, right, bottom) with lines of writing; small letters are `size` pixels high."""
    dice, (x0, y0, x1, y1) = page.dice, corners
    slant, width, pitch = dice.uniform(-0.1, 0.5), dice.uniform(0.1, 0.22) * size, dice.uniform(2.6, 3.6)
    letters, joined, rise = alphabet(dice), dice.chance(0.5), dice.uniform(-0.06, 0.06)
    spread = dice.uniform(0.6, 1.6)
    with page.pen(corners, dice.uniform(0.8, 1)) as pen:
        y = y0 + 1.5 * size
        while y < y1 + size:
            x = x0 + dice.uniform(0, 3) * size
            while x < x1 - size and not dice.chance(0.03):
                shape = (size * dice.uniform(0.85, 1.15), slant, width)
                for _ in range(dice.integer(1, 8)):
                    x = _write(pen, dice.choose(letters), (x, y + rise * (x - x0)), shape, joined)
                    x += 0 if joined else size * dice.uniform(0.05, 0.3) * spread
                x += size * dice.uniform(0.6, 1.2) * spread
            y += size * pitch


def _write(pen: Pen, letter: Letter, at: Point, shape: tuple[Real, Real, Real], joined: bool) -> Real:
    """Draws a letter from a place on; `shape` is its size, slant and width of stroke. Returns the x after it."""
    (x, y), (size, slant, width) = at, shape
    for k, stroke in enumerate(letter):
        points = [(x + size * (u + slant * v), y - size * v) for u, v in stroke]
        pen.line(points, width)
        if joined and not k:
            pen.line([points[-1], (x + size * 0.85, y - 0.3 * size)], width)
    return x + size * max(u for stroke in letter for u, _ in stroke)
