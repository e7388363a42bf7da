"""Images to start with, drawn on the spot: no data are needed."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from aeden.data import glyphs
from aeden.data.pages import draw_page

# Height and width of the picture, in pixels.
PICTURE = (192, 256)


@functools.cache
def glyph() -> np.ndarray:
    """A letter in white on black, of a font that runs on glyphs were not trained on: uint8 [28, 28, 1]."""
    return np.asarray(glyphs.load("letters", limit=2)["test"].images[1])


@functools.cache
def page() -> np.ndarray:
    """A page of text of the test split: uint8 [256, 256, 1]."""
    return draw_page(7)


@functools.cache
def picture() -> np.ndarray:
    """A colour picture of smooth shades, sharp edges and stripes that become ever finer: uint8 [192, 256, 3]."""
    y, x = np.mgrid[0:1:192j, 0:1:256j]
    colours = np.stack([0.45 + 0.4 * y, 0.65 - 0.15 * y, 0.9 - 0.5 * y], axis=-1)
    for row, column, radius, colour in ((0.3, 0.72, 0.16, (0.98, 0.85, 0.3)), (0.62, 0.3, 0.2, (0.75, 0.2, 0.2))):
        colours[np.hypot((y - row) * 0.75, x - column) < radius] = colour
    stripes = 0.5 + 0.45 * np.sign(np.sin(2 * np.pi * (4 * x + 20 * x**2)))
    colours[y > 0.8] = stripes[y > 0.8, None]
    return np.rint(255 * colours).astype(np.uint8)


EXAMPLES: dict[str, Callable[[], np.ndarray]] = {"glyph": glyph, "page": page, "picture": picture}
