"""How well a restoration follows a shift of its input: restore a shifted image, shift a restored one, compare.

Strides make a network depend on where an image lies (Zhang 2019, "Making convolutional networks shift-invariant
again"). Karras et al. 2021, "Alias-free generative adversarial networks", measure it as a PSNR, EQ-T.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from aeden.measures.image_quality import SMALLEST_MSE
from aeden.measures.metric import Metric

Shift = tuple[int, int]
# Most shifts that are compared: all that a total stride of 4 has. Larger strides take as many, evenly spread.
MOST_SHIFTS = 15

SHIFT_EQUIVARIANCE = Metric("shift_equivariance_db", "shift equivariance", "dB", higher_is_better=True, digits=2)


def decibels(error: float) -> float:
    """A mean squared difference of images in [0, 1] as EQ-T in dB (Karras et al. 2021, appendix E.1), at most 100."""
    return float(-10.0 * np.log10(max(error, SMALLEST_MSE)))


def shifts(period: int) -> list[Shift]:
    """Shifts (down, right) by 0 to `period` - 1 pixels along each axis, without (0, 0); at most `MOST_SHIFTS`."""
    every = list(itertools.product(range(period), range(period)))[1:]
    count = min(len(every), MOST_SHIFTS)
    return [every[i * len(every) // count] for i in range(count)]


def shift_errors(
    restore: Callable[[np.ndarray], np.ndarray], canvas: np.ndarray, period: int, margin: int
) -> np.ndarray:
    """Mean squared difference between restored shifted images and shifted restored images, of each image.

    Each shift cuts another window out of the canvas, and all pixels of the image are compared. What the network does at
    the border of its input does not count if the margin is larger than its receptive field reaches.

    Args:
      restore: noisy images -> restored images in [0, 1], [n, h + 2 margin, w + 2 margin, c] each.
      canvas: noisy images with `margin` further pixels at each border, and `period` - 1 more above and to the left:
        [n, h + 2 margin + period - 1, w + 2 margin + period - 1, c].
      period: the total stride of the network, which is equivariant to its multiples; see `shifts`.
      margin: in pixels, at least `period` - 1.

    Returns:
      Mean over shifts and pixels: float64 [n].
    """
    height, width = (size - (period - 1) for size in canvas.shape[1:3])

    def restored(down: int, right: int) -> np.ndarray:
        """The image, [n, h, w, c], as restored where the shift has moved it."""
        top, left = period - 1 - down, period - 1 - right
        window = restore(canvas[:, top : top + height, left : left + width])
        rows = slice(margin + down, height - margin + down)
        columns = slice(margin + right, width - margin + right)
        return np.asarray(window[:, rows, columns], np.float64)

    still = restored(0, 0)
    return np.mean([np.mean((restored(*shift) - still) ** 2, axis=(1, 2, 3)) for shift in shifts(period)], axis=0)
