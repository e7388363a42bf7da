"""What pages are drawn on: text, boxes, rules and smooth lines, in tones between paper and ink."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw

from aeden.data import page_fonts
from aeden.data.page_random import Dice, Real

Point = tuple[Real, Real]


@dataclasses.dataclass(frozen=True)
class Style:
    """How a text looks: font file, size in pixels, and tone (0 paper, 1 ink)."""

    face: str
    size: Real
    tone: Real = 1.0


@dataclasses.dataclass(frozen=True)
class Theme:
    """What the parts of a page have in common.

    Attributes:
      body, strong, slanted, heading, code: font files by role.
      size: size of the body's text in pixels.
      leading: distance of lines in units of the size.
      align: "left", "justify", "centre" or "right".
      script: a key of `page_words.SCRIPTS`.
      paper, ink: gray values from 0 to 255.
      soft: tone of secondary text, between 0 and 1.
      phase: the part of a pixel by which all characters lie to the right of whole pixels.
    """

    body: str
    strong: str
    slanted: str
    heading: str
    code: str
    size: Real
    leading: Real
    align: str
    script: str
    paper: int
    ink: int
    soft: Real
    phase: Real

    def style(self, scale: Real = 1.0, face: str = "", tone: Real = 1.0) -> Style:
        """The style of the body, or of another face; `scale` multiplies its size, which stays within 7 to 60 px."""
        return Style(face or self.body, min(max(self.size * scale, 7.0), 60.0), tone)


class Pen:
    """Draws smooth lines and areas of one tone. Coordinates and widths are pixels of the page."""

    def __init__(self, mask: Image.Image, origin: Point, factor: Real):
        self._draw, self._origin, self._factor = ImageDraw.Draw(mask), origin, factor

    def _at(self, points: Sequence[Point]) -> list[Point]:
        (x0, y0), factor = self._origin, self._factor
        return [((x - x0) * factor, (y - y0) * factor) for x, y in points]

    def line(self, points: Sequence[Point], width: Real = 1.0) -> None:
        stroke = max(1, round(width * self._factor))
        # Round joints take most of the time, and are not seen on thin lines.
        self._draw.line(self._at(points), fill=255, width=stroke, joint="curve" if stroke > 5 else None)

    def dashes(self, points: Sequence[Point], width: Real, length: Real) -> None:
        """A line through the points with gaps as long as its dashes, `length` pixels."""
        offset = 0.0
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            total = math.hypot(x1 - x0, y1 - y0)
            position = 0.0
            while position < total:
                step = min(length - offset % length, total - position) + 1e-6
                if int(offset / length) % 2 == 0:
                    a, b = position / total, min(1.0, (position + step) / total)
                    ends = [(x0 + (x1 - x0) * t, y0 + (y1 - y0) * t) for t in (a, b)]
                    self.line(ends, width)
                position, offset = position + step, offset + step

    def ellipse(self, centre: Point, radii: Point, width: Real = 1.0, fill: bool = False) -> None:
        (x, y), (rx, ry) = centre, radii
        box = self._at([(x - rx, y - ry), (x + rx, y + ry)])
        stroke = max(1, round(width * self._factor))
        self._draw.ellipse(box, fill=255 if fill else None, outline=255, width=stroke)

    def polygon(self, points: Sequence[Point], width: Real = 1.0, fill: bool = False) -> None:
        if fill:
            self._draw.polygon(self._at(points), fill=255)
        else:
            self.line([*points, points[0], points[1]], width)

    def arrow(self, start: Point, end: Point, width: Real = 1.0, head: Real = 6.0) -> None:
        """A line with a filled head at its end, `head` pixels long."""
        length = math.hypot(end[0] - start[0], end[1] - start[1]) or 1.0
        ux, uy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
        foot = (end[0] - ux * head, end[1] - uy * head)
        self.line([start, foot], width)
        side = (-uy * head / 2.5, ux * head / 2.5)
        self.polygon([end, (foot[0] + side[0], foot[1] + side[1]), (foot[0] - side[0], foot[1] - side[1])], fill=True)


class Page:
    """A page in the making.

    Args:
      height, width: size in pixels. All coordinates are in these pixels, from the top left corner.
      ratio: pixels that are really drawn, in each direction, per pixel of the page.
      theme: fonts and colours.
      dice: the random choices of this page.

    Attributes:
      frame: left, top, right and bottom of the sheet of paper, of which the page may show a part only.
      image: what is drawn so far, in mode L.
    """

    def __init__(self, height: int, width: int, ratio: Real, theme: Theme, dice: Dice):
        self.height, self.width, self.ratio, self.theme, self.dice = height, width, ratio, theme, dice
        self.frame: tuple[Real, Real, Real, Real] = (0.0, 0.0, float(width), float(height))
        self.image = Image.new("L", (round(width * ratio), round(height * ratio)), theme.paper)
        self._draw = ImageDraw.Draw(self.image)

    def level(self, tone: Real) -> int:
        """The gray value of a tone: the paper's at 0, the ink's at 1."""
        return round(self.theme.paper + (self.theme.ink - self.theme.paper) * tone)

    def pixels(self, size: Real) -> int:
        """The size in which a font is drawn."""
        return max(5, round(size * self.ratio))

    def text_width(self, text: str, style: Style) -> Real:
        """The width of a text in pixels of the page."""
        size = self.pixels(style.size)
        drawn = sum(
            page_fonts.glyph(style.face, size, self.theme.phase, character).advance
            for character in text
            if character != " "
        )
        return drawn / self.ratio + text.count(" ") * 0.29 * style.size

    def text(self, x: Real, y: Real, text: str, style: Style) -> Real:
        """Draws a text with its baseline at y from x on, and returns its right end. Characters that the face lacks are
        left out; a blank is 0.29 of the size wide in every face."""
        held, size, fill = page_fonts.held(style.face), self.pixels(style.size), self.level(style.tone)
        visible = -style.size < y < self.height + style.size
        for word in text.split(" "):
            if not held.issuperset(word):
                word = "".join(character for character in word if character in held)
            column, row = round(x * self.ratio), round(y * self.ratio)
            for character in word:
                glyph = page_fonts.glyph(style.face, size, self.theme.phase, character)
                if visible and -glyph.mask.width < column < self.image.width:
                    self._draw.bitmap((column + glyph.left, row + glyph.top), glyph.mask, fill)
                column += glyph.advance
            x = column / self.ratio + 0.29 * style.size
        return x - 0.29 * style.size

    def label(self, centre: Point, text: str, style: Style) -> None:
        """Draws a text about a centre."""
        self.text(centre[0] - self.text_width(text, style) / 2, centre[1] + 0.35 * style.size, text, style)

    def box(self, corners: tuple[Real, Real, Real, Real], fill: Real = -1.0, line: Real = -1.0, width: int = 1) -> None:
        """A rectangle (left, top, right, bottom): tones of its area and of its outline, negative for none."""
        x0, y0, x1, y1 = (round(value * self.ratio) for value in corners)
        if x1 > x0 and y1 > y0:
            inside = None if fill < 0 else self.level(fill)
            outline = None if line < 0 else self.level(line)
            self._draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=inside, outline=outline, width=width)

    def rule(self, start: Point, length: Real, tone: Real = 1.0, width: Real = 1.0, vertical: bool = False) -> None:
        """A straight rule of `width` pixels, to the right of its start or down from it."""
        (x, y), thick = start, max(width, 1 / self.ratio)
        self.box((x, y, x + thick, y + length) if vertical else (x, y, x + length, y + thick), fill=tone)

    @contextlib.contextmanager
    def pen(self, corners: tuple[Real, Real, Real, Real], tone: Real = 1.0) -> Iterator[Pen]:
        """A pen for the part of the page within these corners (left, top, right, bottom)."""
        x0, y0, x1, y1 = (round(value * self.ratio) for value in corners)
        x0, y0 = max(x0, 0), max(y0, 0)
        x1, y1 = max(min(x1, self.image.width), x0 + 1), max(min(y1, self.image.height), y0 + 1)
        fine = 3 if self.ratio < 1.5 else 2
        mask = Image.new("L", ((x1 - x0) * fine, (y1 - y0) * fine))
        yield Pen(mask, (x0 / self.ratio, y0 / self.ratio), fine * self.ratio)
        self.image.paste(self.level(tone), (x0, y0), mask.reduce(fine))

    def gradient(self, corners: tuple[Real, Real, Real, Real], grid: Image.Image) -> None:
        """Fills a rectangle with a coarse image, enlarged smoothly."""
        x0, y0, x1, y1 = (round(value * self.ratio) for value in corners)
        if x1 > x0 and y1 > y0:
            self.image.paste(grid.resize((x1 - x0, y1 - y0), Image.Resampling.BICUBIC), (x0, y0))
