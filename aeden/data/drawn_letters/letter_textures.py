"""What lies behind drawn letters: smooth fields, stripes and gradients, or a part of a photo.

All are arithmetic on numbers of `Dice` and on bytes of SHAKE-256, whose values no version of Python or NumPy changes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from aeden.data.drawn_pages.page_random import Dice, Real

# Shares of the kinds of texture, and the share of photos where there are any.
KINDS = {"field": 2.0, "stripes": 1.0, "gradient": 1.0}
PHOTOS = 0.5
# Cells along a side of the coarsest and of the finest smooth field; periods of stripes in pixels.
CELLS, PERIODS = (2, 10), (4.0, 24.0)
# Where a stripe's edge is soft or sharp.
SHARPNESS = (1.0, 1.5, 6.0)


def background(dice: Dice, size: int, photos: Sequence[np.ndarray] = ()) -> np.ndarray:
    """A background: float64 [size, size] with values from 0 to 255.

    Args:
      dice: decides what it is.
      size: height and width in pixels.
      photos: gray photos, uint8 [h, w], each with sides of `size` or more; may be none.
    """
    if photos and dice.chance(PHOTOS):
        return part_of_photo(dice, size, photos)
    kind = dice.weighted(KINDS)
    if kind == "field":
        fields = [_field(dice, size, dice.integer(*CELLS)) for _ in range(dice.integer(1, 3))]
        pattern = np.sum(fields, axis=0)
        pattern = pattern / max(float(np.abs(pattern).max()), 1e-6)
    else:
        pattern = stripes(dice, size) if kind == "stripes" else _gradient(dice, size)
    # Tones in the middle leave room for letters that are darker and letters that are lighter.
    tone, contrast = dice.uniform(40, 215), dice.uniform(5, 60)
    return np.clip(tone + contrast * pattern, 0, 255)


def grain(dice: Dice, size: int) -> np.ndarray:
    """Independent noise of each pixel: float64 [size, size], within ± 1, with a triangular distribution."""
    both = noise_bytes(dice, 2 * size * size).astype(np.float64).reshape(2, size, size)
    return both.sum(0) / 255.0 - 1.0


def noise_bytes(dice: Dice, count: int) -> np.ndarray:
    """Random bytes: uint8 [count]."""
    return np.frombuffer(hashlib.shake_256(repr(dice.uniform(0, 1)).encode()).digest(count), np.uint8)


def part_of_photo(dice: Dice, size: int, photos: Sequence[np.ndarray]) -> np.ndarray:
    """A square of a photo, made smaller if it is larger than `size`: float64 [size, size]."""
    photo = dice.choose(photos)
    height, width = photo.shape
    side = dice.integer(size, min(height, width, 3 * size))
    top, left = dice.integer(0, height - side), dice.integer(0, width - side)
    part = Image.fromarray(np.ascontiguousarray(photo[top : top + side, left : left + side]))
    return np.asarray(part.resize((size, size), Image.Resampling.BILINEAR), np.float64)


def stripes(dice: Dice, size: int) -> np.ndarray:
    """Parallel stripes of any direction, within ± 1."""
    phase = _ramp(dice, size) / dice.log_uniform(*PERIODS) + dice.uniform(0, 1)
    triangle = 4 * np.abs(phase - np.floor(phase) - 0.5) - 1
    return np.clip(dice.choose(SHARPNESS) * triangle, -1, 1)


def _gradient(dice: Dice, size: int) -> np.ndarray:
    ramp = _ramp(dice, size)
    return ramp / np.abs(ramp).max()


def _ramp(dice: Dice, size: int) -> np.ndarray:
    """The distance of each pixel from a line through the middle, in pixels."""
    angle: Real = dice.uniform(0, 2 * math.pi)
    place = np.arange(size) - (size - 1) / 2
    return math.cos(angle) * place[None, :] + math.sin(angle) * place[:, None]


def _field(dice: Dice, size: int, cells: int) -> np.ndarray:
    """A coarse grid of random values, enlarged smoothly, about within ± 1."""
    coarse = Image.fromarray(noise_bytes(dice, cells * cells).reshape(cells, cells))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), np.float64) / 127.5 - 1.0
