"""Which pixels a strided convolution connects, and the plain XLA convolution of images."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from jax import lax

from aeden.shapes import Array

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


@dataclasses.dataclass(frozen=True)
class Geometry:
    """How a low-resolution and a high-resolution image are connected: a convolution of stride s maps high to low.

    On each axis, kernel tap m connects low[i] with high[stride*i + m - before]. All sizes are in pixels.

    Attributes:
      taps: kernel height and width.
      stride: stride s of both axes.
      before: rows above and columns left of `high` that the kernel also covers; negative if it starts inside `high`.
      low, high: height and width of the two images.
    """

    taps: tuple[int, int]
    stride: int
    before: tuple[int, int]
    low: tuple[int, int]
    high: tuple[int, int]

    def pads(self) -> list[tuple[int, int]]:
        """Padding (before, after) of each axis of `high` with which the convolution has the output size `low`."""
        return [
            (before, (low - 1) * self.stride + taps - before - high)
            for taps, before, low, high in zip(self.taps, self.before, self.low, self.high, strict=True)
        ]

    def each_tap(self) -> list[tuple[int, int]]:
        """Row and column of every kernel tap."""
        return [(m, n) for m in range(self.taps[0]) for n in range(self.taps[1])]


def convolve(x: Array, kernel: Array, stride: int, pads: Sequence[tuple[int, int]]) -> Array:
    """XLA's convolution of images [b, h, w, c] with a kernel [k, l, c, f]; negative padding crops the images."""
    # XLA's CPU convolution reads outside its input if a padding is negative, so crop first.
    crops = [slice(max(-a, 0), size - max(-b, 0)) for size, (a, b) in zip(x.shape[1:3], pads, strict=True)]
    x, pads = x[:, crops[0], crops[1]], [(max(a, 0), max(b, 0)) for a, b in pads]
    return lax.conv_general_dilated(x, kernel, (stride, stride), pads, dimension_numbers=DIMENSIONS)
