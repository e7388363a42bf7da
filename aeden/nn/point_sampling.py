"""Upsampling by point sampling: where each output pixel is read is learnt (DySample)."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from aeden.nn.convolution import convolution
from aeden.nn.initializers import resized_init
from aeden.nn.layers import EnlargingLayer
from aeden.shapes import Array, Float

# Scope of the offsets, and the standard deviation of the initial kernel that predicts them (Liu et al. 2023, section
# 3.2, and their code).
SCOPE, INITIAL = 0.25, 1e-3


class PointSamplingConv(EnlargingLayer):
    """Point sampling, then convolution: [b, h, w, c] -> [b, factor*h, factor*w, features].

    A convolution of 1 x 1 predicts an offset for every output pixel, and the input is read there by bilinear
    interpolation: Liu et al. 2023, "Learning to upsample by learning to sample" (DySample, with linear projection,
    pixel shuffle and static scope). At the start the offsets are near 0, and it equals a bilinear resize.

    Attributes:
      groups: parts of the channels that have offsets of their own, at most; fewer if they do not divide the channels.
      init_scheme: of the convolution; the offsets always start as in the paper.
      use_bias: of the convolution after the sampling. What is read depends on the scale of the input in any case.
    """

    groups: int = 4

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        options: dict[str, Any] = {"dtype": self.dtype, "lowering": self.lowering}
        groups, f, (b, h, w, c) = sampling_groups(x.shape[-1], self.groups), self.factor, x.shape
        predict = convolution(
            2 * groups * f * f, 1, name="offset", initial={"kernel_init": nn.initializers.normal(INITIAL)}, **options
        )
        # [b, h, w, row and column of the output pixel, groups, y and x]
        offsets = SCOPE * predict(x).astype(jnp.float32).reshape(b, h, w, f, f, groups, 2)
        enlarged = sample(x, offsets)
        values = resized_init(self.init_scheme, self.kernel_size, c)
        conv = convolution(
            self.features, self.kernel_size, name="conv", initial=values, use_bias=self.use_bias, **options
        )
        return conv(enlarged)


def sampling_groups(channels: int, most: int) -> int:
    """The largest number of groups, up to `most`, that divides the channels."""
    return next(groups for groups in range(most, 0, -1) if channels % groups == 0)


def sample(x: Float[Array, "b h w c"], offsets: Float[Array, "b h w s t g o"]) -> Float[Array, "b H W c"]:
    """Reads images at displaced points by bilinear interpolation: [b, h, w, c] -> [b, s*h, t*w, c].

    Args:
      x: images or features.
      offsets: displacement (y, x) of output pixel (i, j) of each pixel, for each group of consecutive channels, in
        pixels of `x`; 0 gives a bilinear resize with half-pixel centres. Points outside read the nearest border pixel.
    """
    b, h, w, c = x.shape
    s, t, g = offsets.shape[3:6]
    rows = _points(offsets[..., 0], jnp.arange(h).reshape(1, h, 1, 1, 1, 1), s, 3, h)
    columns = _points(offsets[..., 1], jnp.arange(w).reshape(1, 1, w, 1, 1, 1), t, 4, w)
    pixels = x.reshape(b, h * w, g, c // g)
    total: Any = 0.0
    for row, down in _neighbours(rows, h):
        for column, right in _neighbours(columns, w):
            index = (row * w + column).reshape(b, h * w * s * t, g, 1)
            weight = (down * right).astype(x.dtype).reshape(b, h * w * s * t, g, 1)
            # All indices are inside, so XLA need not check them: the gradient is almost three times as fast on a CPU.
            total += weight * jnp.take_along_axis(pixels, index, axis=1, mode="promise_in_bounds")
    # [b, h, w, s, t, c] -> [b, h, s, w, t, c]
    return total.reshape(b, h, w, s, t, c).swapaxes(2, 3).reshape(b, h * s, w * t, c)


def _points(offset: Array, pixel: Array, factor: int, axis: int, size: int) -> Array:
    """Coordinates of the points along one axis, in [0, size - 1]."""
    shape = [1] * offset.ndim
    shape[axis] = factor
    start = ((jnp.arange(factor) + 0.5) / factor - 0.5).reshape(shape)
    return jnp.clip(pixel + start + offset, 0.0, size - 1.0)


def _neighbours(points: Array, size: int) -> list[tuple[Array, Array]]:
    """The two pixels next to each point, and their weights."""
    low = jnp.clip(jnp.floor(points), 0, max(size - 2, 0))
    upper = points - low
    index = low.astype(jnp.int32)
    return [(index, 1.0 - upper), (jnp.minimum(index + 1, size - 1), upper)]
