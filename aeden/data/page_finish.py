"""From the drawing of a page to its image: as on a screen, from a scanner, or photographed.

No grain is added: the result is the clean image that a network learns to restore.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from aeden.data.page_random import Dice, Real

# Share of each finish, by scene of `page_scenes.SHARES`.
_PAPER = {"scan": 0.5, "photo": 0.25, "screen": 0.17, "fax": 0.08}
_SCREEN = {"screen": 0.85, "scan": 0.08, "photo": 0.07}
SHARES = {
    "article": _PAPER,
    "form": _PAPER,
    "drawing": {"scan": 0.4, "photo": 0.15, "screen": 0.4, "fax": 0.05},
    "handwriting": {"scan": 0.35, "photo": 0.65},
    "screenshot": _SCREEN,
    "slide": _SCREEN,
}
# The share of the longer side that is drawn beyond each edge, by finish, and then lost when the page is warped.
BORDERS = {"screen": 0.0, "scan": 0.05, "photo": 0.16, "fax": 0.03}


def finish(drawing: Image.Image, height: int, width: int, border: int, kind: str, dice: Dice) -> np.ndarray:
    """The image of a page.

    Args:
      drawing: the drawing in mode L, of any resolution, with the border.
      height, width: size of the result in pixels.
      border: pixels of the result that the drawing has beyond each of its edges.
      kind: a key of `BORDERS`.
      dice: the random choices of this page.

    Returns:
      uint8 [height, width].
    """
    image = _resize(drawing, (width + 2 * border, height + 2 * border), dice)
    if border:
        image = _warp(image, (width, height), border, dice, strength=1.0 if kind == "photo" else 0.3)
    blur = {"scan": dice.uniform(0.2, 0.9), "photo": dice.uniform(0.4, 1.3), "fax": 0.4}.get(kind, 0.0)
    if kind == "screen" and dice.chance(0.12):
        blur = dice.uniform(0.3, 0.8)
    if blur and not (kind == "scan" and dice.chance(0.25)):
        image = image.filter(ImageFilter.GaussianBlur(blur))
    if kind == "fax":
        threshold = dice.integer(110, 170)
        return np.asarray(image.point([255 * (level > threshold) for level in range(256)]))
    if kind == "scan" and dice.chance(0.4):  # the scanner's contrast
        low, high = dice.integer(0, 50), dice.integer(190, 250)
        image = image.point([min(255, max(0, round(255 * (level - low) / (high - low)))) for level in range(256)])
    if kind == "screen" or (kind == "scan" and dice.chance(0.35)):
        return np.asarray(image)
    return _light(np.asarray(image), dice, strong=kind == "photo")


def _resize(drawing: Image.Image, size: tuple[int, int], dice: Dice) -> Image.Image:
    if drawing.size == size:
        return drawing
    filters = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
    return drawing.resize(size, dice.choose(filters[1:] if drawing.width < size[0] else filters))


def _warp(image: Image.Image, size: tuple[int, int], border: int, dice: Dice, strength: Real) -> Image.Image:
    """Rotates, tilts and bends: each corner moves by at most `border` pixels, the edges bow by a third of that."""
    width, height = size
    reach, turn = border * strength, dice.uniform(-1, 1) * border * 0.6
    # Corners of the view in the drawing, clockwise from top left: a rotation, and a move of each corner alone.
    turns = ((turn, -turn), (turn, turn), (-turn, turn), (-turn, -turn))
    corners, share = [], 0.4 * reach
    for (x, y), (dx, dy) in zip(((0, 0), (width, 0), (width, height), (0, height)), turns, strict=True):
        x_moved = border + x + dx * height / max(size) + dice.uniform(-share, share)
        corners.append((x_moved, border + y + dy * width / max(size) + dice.uniform(-share, share)))
    bow = [dice.uniform(-1, 1) * reach / 3 if strength == 1.0 else 0.0 for _ in range(2)]
    cells = 1 if not any(bow) else 8
    edges = [(k * width // cells, k * height // cells) for k in range(cells + 1)]

    def source(u: Real, v: Real) -> tuple[Real, Real]:
        weights = ((1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v)
        x, y = (sum(w * corner[axis] for w, corner in zip(weights, corners, strict=True)) for axis in (0, 1))
        return x + bow[0] * 4 * v * (1 - v), y + bow[1] * 4 * u * (1 - u)

    mesh = []
    for row in range(cells):
        for column in range(cells):
            x0, y0, x1, y1 = edges[column][0], edges[row][1], edges[column + 1][0], edges[row + 1][1]
            quad = [source(x / width, y / height) for x, y in ((x0, y0), (x0, y1), (x1, y1), (x1, y0))]
            mesh.append(((x0, y0, x1, y1), tuple(value for point in quad for value in point)))
    return image.transform(size, Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)


def _light(image: np.ndarray, dice: Dice, strong: bool) -> np.ndarray:
    """Multiplies by a smooth light, at the darkest 0.3 (strong) or 0.75, and seldom by spots of the paper."""
    height, width = image.shape
    darkest = dice.uniform(0.3, 0.85) if strong else dice.uniform(0.75, 1.0)
    grid = dice.choose(((2, 2), (2, 2), (1, 3), (3, 3), (4, 4)))
    light = _field(dice, (height, width), grid, darkest if grid[1] < 3 else max(darkest, 0.55))
    if dice.chance(0.3):  # darker towards the corners
        x, y = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
        light *= 1 - np.float32(dice.uniform(0.1, 0.4)) * (x * x + y[:, None] * y[:, None]) / 2
    if dice.chance(0.2):  # the shadow of a book's spine, or of a page's edge
        x = np.linspace(0, 1, width, dtype=np.float32)
        near = np.maximum(1 - (x if dice.chance(0.5) else 1 - x) / np.float32(dice.uniform(0.1, 0.4)), 0)
        light *= 1 - np.float32(dice.uniform(0.2, 0.7)) * near * near
    if dice.chance(0.3 if strong else 0.15):
        cells = dice.integer(6, 16)
        light *= _field(dice, (height, width), (cells, cells), dice.uniform(0.86, 0.97))
    return np.clip(np.rint(image * light), 0, 255).astype(np.uint8)


def _field(dice: Dice, size: tuple[int, int], grid: tuple[int, int], darkest: Real) -> np.ndarray:
    """A smooth field of values from about `darkest` to 1: float32 [height, width]."""
    values = np.array([dice.uniform(darkest, 1) for _ in range(grid[0] * grid[1])], np.float32).reshape(grid)
    height, width = size
    return np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)).copy()
