"""Which pixels a strided convolution connects, and the plain XLA convolution of images."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from jax import lax

from aeden.shapes import Array

DIMENSIONS = ("NHWC", "HWIO", "NHWC")


@dataclasses.dataclass(frozen=True)
class Geometry:
    """How a low-resolution and a high-resolution image are connected: a strided convolution maps high to low.

    On each axis, kernel tap m connects low[i] with high[stride*i + m - before]. All sizes are in pixels.

    Attributes:
      taps: kernel height and width.
      strides: strides of the rows and of the columns.
      before: rows above and columns left of `high` that the kernel also covers; negative if it starts inside `high`.
      low, high: height and width of the two images.
      spread: tap m connects low[i] with so many pixels of `high`, from high[stride*i + m - before] on. A nearest resize
        by the stride followed by a convolution is such a connection, see `aeden.nn.fast_convolution`.
    """

    taps: tuple[int, int]
    strides: tuple[int, int]
    before: tuple[int, int]
    low: tuple[int, int]
    high: tuple[int, int]
    spread: tuple[int, int] = (1, 1)

    def without_spread(self) -> Geometry:
        """The geometry that connects each tap with one pixel of an image larger by `spread - 1` in front.

        `high` is a sum over neighbours in that image: high[j] = image[j] + ... + image[j + spread - 1].
        """
        (top, left), (height, width), (down, right) = self.before, self.high, self.spread
        return dataclasses.replace(
            self,
            before=(top - down + 1, left - right + 1),
            high=(height + down - 1, width + right - 1),
            spread=(1, 1),
        )

    def pads(self) -> list[tuple[int, int]]:
        """Padding (before, after) of each axis of `high` with which the convolution has the output size `low`."""
        axes = zip(self.taps, self.strides, self.before, self.low, self.high, strict=True)
        return [(before, (low - 1) * stride + taps - before - high) for taps, stride, before, low, high in axes]

    def each_tap(self) -> list[tuple[int, int]]:
        """Row and column of every kernel tap."""
        return [(m, n) for m in range(self.taps[0]) for n in range(self.taps[1])]


def convolve(x: Array, kernel: Array, strides: tuple[int, int], pads: Sequence[tuple[int, int]]) -> Array:
    """XLA's convolution of images [b, h, w, c] with a kernel [k, l, c, f]; negative padding crops the images."""
    # XLA's CPU convolution reads outside its input if a padding is negative, so crop first.
    crops = [slice(max(-a, 0), size - max(-b, 0)) for size, (a, b) in zip(x.shape[1:3], pads, strict=True)]
    x, pads = x[:, crops[0], crops[1]], [(max(a, 0), max(b, 0)) for a, b in pads]
    return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=DIMENSIONS)
