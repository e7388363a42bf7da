"""The blocks of a drawn page, one below the other in a column: headings, paragraphs, tables, forms and so on.

A block is a function (page, column, y) that draws from y on downwards and returns the y where the next block may begin.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from aeden.data import page_fonts, page_words
from aeden.data.page_canvas import Page, Style
from aeden.data.page_figures import chart, diagram, geometry, picture
from aeden.data.page_random import Real


@dataclasses.dataclass(frozen=True)
class Column:
    """Where blocks are put: from x = left to right, and down to y = bottom, in pixels."""

    left: Real
    right: Real
    bottom: Real

    @property
    def width(self) -> Real:
        return self.right - self.left

    def inner(self, left: Real, right: Real = 0.0) -> Column:
        """The column with margins of its own."""
        return Column(self.left + left, self.right - right, self.bottom)


Block = Callable[[Page, Column, Real], Real]


def fill_lines(tokens: list[str], page: Page, style: Style, width: Real) -> list[list[str]]:
    """Breaks tokens into lines of at most `width` pixels; a token that is wider has a line of its own."""
    lines: list[list[str]] = []
    left = 0.0
    for text in tokens:
        needed = page.text_width(text, style)
        if not lines or needed > left:
            lines.append([])
            left = width
        lines[-1].append(text)
        left -= needed + 0.29 * style.size
    return lines


def draw_lines(page: Page, column: Column, y: Real, lines: list[list[str]], style: Style) -> Real:
    """Draws lines of tokens, aligned as the theme says; returns the y below them."""
    theme, dice = page.theme, page.dice
    pitch = theme.leading * style.size
    for k, line in enumerate(lines):
        base = y + k * pitch + 0.8 * style.size
        if base > column.bottom:
            return base
        text = " ".join(line)
        free = column.width - page.text_width(text, style)
        if theme.align == "justify" and k < len(lines) - 1 and len(line) > 1 and 0 <= free < 0.3 * column.width:
            x = column.left
            for token in line:
                x = page.text(x, base, token, style) + 0.29 * style.size + free / (len(line) - 1)
            continue
        x = column.left + max(free, 0) * {"centre": 0.5, "right": 1.0}.get(theme.align, 0.0)
        if dice.chance(0.015):  # a marked line
            page.box((x, base - 0.9 * style.size, x + column.width - free, base + 0.25 * style.size), fill=0.18)
        page.text(x, base, text, style)
        if dice.chance(0.02):
            page.rule((x, base + 0.15 * style.size), column.width - free, style.tone, style.size / 14)
    return y + len(lines) * pitch


def paragraph(page: Page, column: Column, y: Real) -> Real:
    """Sentences; seldom in another face, another script, a smaller size or a lighter tone."""
    dice, theme = page.dice, page.theme
    kind = dice.weighted({"body": 8, "strong": 0.6, "slanted": 0.8, "small": 0.8, "soft": 0.8})
    face = {"strong": theme.strong, "slanted": theme.slanted}.get(kind, theme.body)
    style = theme.style(0.8 if kind == "small" else 1.0, face, theme.soft if kind == "soft" else 1.0)
    tokens = page_words.sentences(dice, dice.integer(6, 60), theme.script)
    below = draw_lines(page, column, y, fill_lines(tokens, page, style, column.width), style)
    return below + style.size * dice.choose((0.0, 0.5, 1.0))


def heading(page: Page, column: Column, y: Real) -> Real:
    """A heading of a few words, seldom with a rule below it."""
    dice, theme = page.dice, page.theme
    style = theme.style(dice.uniform(1.1, 2.4), theme.heading, dice.choose((1.0, 1.0, theme.soft)))
    tokens = page_words.title(dice, dice.integer(1, 6), theme.script).split(" ")
    lines = fill_lines(tokens, page, style, column.width)[:3]
    below = draw_lines(page, column, y + 0.4 * style.size, lines, style)
    if dice.chance(0.2):
        page.rule((column.left, below), column.width, dice.uniform(0.3, 1), dice.choose((1, 1, 2)))
        below += 3
    return below + 0.4 * style.size


def listing(page: Page, column: Column, y: Real) -> Real:
    """A list with bullets, numbers or check boxes."""
    dice, theme = page.dice, page.theme
    style, marks = theme.style(), dice.choose(("•", "–", "1.", "1)", "box", "disc"))
    for k in range(dice.integer(2, 6)):
        base = y + 0.8 * style.size
        if marks == "box":
            corner = (column.left, base - 0.7 * style.size, column.left + 0.75 * style.size, base + 0.05 * style.size)
            page.box(corner, fill=1.0 if dice.chance(0.2) else -1.0, line=1.0)
        elif marks == "disc":
            r = 0.14 * style.size
            middle = (column.left + 0.4 * style.size, base - 0.3 * style.size)
            with page.pen((column.left, base - style.size, column.left + style.size, base + 1)) as pen:
                pen.ellipse(middle, (r, r), fill=True)
        else:
            page.text(column.left, base, marks.replace("1", str(k + 1)), style)
        tokens = page_words.sentences(dice, dice.integer(2, 14), theme.script)
        inner = column.inner(1.4 * style.size)
        y = draw_lines(page, inner, y, fill_lines(tokens, page, style, inner.width), style)
        if y > column.bottom:
            break
    return y + 0.5 * style.size


def program(page: Page, column: Column, y: Real) -> Real:
    """Lines of a program, mostly in a face of equal widths, seldom on a filled area."""
    dice, theme = page.dice, page.theme
    style = theme.style(dice.uniform(0.8, 1.0), theme.code)
    count, indent = dice.integer(2, 9), 0
    if dice.chance(0.4):
        page.box((column.left, y, column.right, y + (count + 1) * 1.3 * style.size), fill=0.08)
        column, y = column.inner(style.size), y + 0.5 * style.size
    for k in range(count):
        text = page_words.code(dice)
        tone = theme.soft if text.startswith("#") else 1.0
        base = y + (k * 1.3 + 0.9) * style.size
        page.text(column.left + indent * 2 * style.size, base, text, dataclasses.replace(style, tone=tone))
        indent = indent + 1 if text.endswith((":", "{")) else max(0, indent - dice.integer(0, 1))
    return y + (count * 1.3 + 1) * style.size


def table(page: Page, column: Column, y: Real) -> Real:
    """A table of words and numbers, with rules or filled rows or neither."""
    dice, theme = page.dice, page.theme
    style = theme.style(dice.uniform(0.75, 1.0))
    count = max(1, min(dice.integer(2, 7), int(column.width / (5 * style.size))))
    rows, pitch = dice.integer(3, 10), dice.uniform(1.3, 2.0) * style.size
    pitches = [column.width / count] * count
    rules = dice.weighted({"grid": 3, "rows": 2, "ends": 2, "stripes": 1.5, "none": 1})
    dark_head, tone = dice.chance(0.25), dice.choose((1.0, 1.0, 0.5, 0.3))
    numeric = [k > 0 and dice.chance(0.7) for k in range(count)]
    for row in range(rows):
        top, head = y + row * pitch, row == 0
        if top > column.bottom:
            break
        if (head and dark_head) or (rules == "stripes" and row % 2):
            page.box((column.left, top, column.right, top + pitch), fill=0.85 if head else 0.1)
        if rules in ("grid", "rows") or (rules == "ends" and row < 2):
            page.rule((column.left, top), column.width, tone, 2 if rules == "ends" and head else 1)
        cell = dataclasses.replace(
            style, face=theme.strong if head else theme.body, tone=0.0 if head and dark_head else 1.0
        )
        for k in range(count):
            text = page_words.number(dice) if numeric[k] and not head else page_words.word(dice, theme.script)
            text = (text.capitalize() if head else text)[: max(1, int(1.6 * pitches[k] / cell.size))]
            shift = pitches[k] - page.text_width(text, cell) - 0.7 * style.size if numeric[k] else 0.3 * style.size
            page.text(column.left + sum(pitches[:k]) + shift, top + pitch / 2 + 0.35 * style.size, text, cell)
    if rules != "none":
        page.rule((column.left, y + rows * pitch), column.width, tone, 1)
    if rules == "grid":
        for k in range(count + 1):
            page.rule((column.left + sum(pitches[:k]), y), rows * pitch, tone, vertical=True)
    return y + (rows * pitch) + style.size


def form(page: Page, column: Column, y: Real) -> Real:
    """Labels with lines or boxes to write in, some of them filled in."""
    dice, theme = page.dice, page.theme
    label, pitch = theme.style(dice.uniform(0.8, 1)), dice.uniform(1.7, 2.6) * theme.size
    field = column.width * dice.uniform(0.3, 0.5)
    kind = dice.choose(("line", "box", "dots", "cells"))
    for k in range(dice.integer(2, 6)):
        base, x = y + (k + 0.65) * pitch, column.left + field
        page.text(column.left, base, page_words.title(dice, dice.integer(1, 2), theme.script) + ":", label)
        if kind == "line":
            page.rule((x, base + 2), column.right - x, 0.8)
        elif kind == "dots":
            page.text(x, base, "." * int((column.right - x) / (0.33 * label.size)), label)
        elif kind == "box":
            page.box((x, base - 0.6 * pitch, column.right, base + 0.3 * pitch), line=0.7)
        else:
            step = 1.2 * label.size
            for cell in range(int((column.right - x) / step)):
                page.box((x + cell * step, base - step, x + (cell + 1) * step + 1, base + 0.3 * step), line=0.7)
        if dice.chance(0.6):
            text = page_words.title(dice, 2, theme.script) if dice.chance(0.6) else page_words.number(dice)
            page.text(x + 0.4 * label.size, base, text, theme.style(1.0, dice.choose((theme.body, theme.slanted))))
        if base > column.bottom:
            break
    return y + (k + 1) * pitch + 0.5 * theme.size


def formula(page: Page, column: Column, y: Real) -> Real:
    """A formula in the middle of the column, in a slanted face, with raised and lowered letters."""
    dice, theme = page.dice, page.theme
    style = theme.style(dice.uniform(1, 1.5), theme.slanted)
    plain = dataclasses.replace(style, face=theme.body)
    parts = page_words.formula(dice, page_fonts.held(theme.body))
    x, base = column.left + column.width * dice.uniform(0, 0.35), y + 1.2 * style.size
    for text, height in parts:
        used = style if text.isascii() and text.strip().isalpha() else plain
        used = dataclasses.replace(used, size=used.size * (0.7 if height else 1.0))
        x = page.text(x, base - height * style.size, text, used) + 0.04 * style.size
    if dice.chance(0.4):
        page.text(column.right - 2 * theme.size, base, f"({dice.integer(1, 99)})", theme.style())
    return base + 1.2 * style.size


def figure(page: Page, column: Column, y: Real) -> Real:
    """A chart, diagram, drawing or picture, mostly with a caption."""
    dice, theme = page.dice, page.theme
    height = min(column.width * dice.uniform(0.45, 0.9), 22 * theme.size)
    corners = (column.left, y, column.right, y + height)
    draw = dice.weighted({chart: 3, diagram: 2, geometry: 2, picture: 0.8})
    if y < page.height and y + height > 0:
        draw(page, corners)
    if dice.chance(0.6):
        style = theme.style(0.85)
        tokens = [f"Fig. {dice.integer(1, 20)}:", *page_words.sentences(dice, dice.integer(4, 14), theme.script)]
        height = draw_lines(page, column, y + height + 4, fill_lines(tokens, page, style, column.width), style) - y
    return y + height + theme.size


def notice(page: Page, column: Column, y: Real) -> Real:
    """A paragraph in a frame or on a filled area, seldom light on dark."""
    dice, theme = page.dice, page.theme
    dark = dice.chance(0.35)
    style = theme.style(1.0, theme.strong if dark else theme.body, 0.0 if dark else 1.0)
    inner = column.inner(0.8 * style.size, 0.8 * style.size)
    tokens = page_words.sentences(dice, dice.integer(2, 22), theme.script)
    lines = fill_lines(tokens, page, style, inner.width)
    below = y + len(lines) * theme.leading * style.size + 1.2 * style.size
    fill = dice.uniform(0.6, 1) if dark else dice.choose((-1.0, 0.06, 0.12, 0.2))
    page.box((column.left, y, column.right, below), fill=fill, line=dice.choose((-1.0, 0.8)), width=dice.integer(1, 2))
    draw_lines(page, inner, y + 0.6 * style.size, lines, style)
    return below + 0.8 * theme.size


def separator(page: Page, column: Column, y: Real) -> Real:
    """A horizontal rule with space around it."""
    dice, size = page.dice, page.theme.size
    page.rule((column.left, y + 0.6 * size), column.width, dice.uniform(0.15, 1), dice.choose((0.5, 1, 1, 2)))
    return y + 1.4 * size


def space(page: Page, column: Column, y: Real) -> Real:
    """Empty paper."""
    return y + page.theme.size * page.dice.uniform(1, 8)


def flow(page: Page, column: Column, y: Real, blocks: Mapping[Block, Real]) -> Real:
    """Draws random blocks from y on until the column is full; `blocks` gives their weights. Returns the y below."""
    while y < min(column.bottom, page.height):
        y = page.dice.weighted(blocks)(page, column, y)
    return y
