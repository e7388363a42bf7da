"""Max-pooling with a gradient that is fast on a CPU, and its opposite, max-unpooling."""

from __future__ import annotations

from functools import reduce

import jax
import jax.numpy as jnp

from aeden.shapes import Array, Float


def max_pool(x: Float[Array, "b h w c"], factor: int) -> Float[Array, "b H W c"]:
    """Maximum over non-overlapping windows of factor x factor: [b, h, w, c] -> [b, h//factor, w//factor, c].

    Rows and columns after the last whole window are dropped. The values equal those of
    `flax.linen.max_pool(x, (factor, factor), (factor, factor))`. The gradient differs where several pixels of a window
    share the maximum: Flax gives all of it to the first one, this function divides it equally. XLA's gradient of a
    pooling window (select-and-scatter) is about 15 times slower on a CPU.
    """
    if factor == 1:
        return x
    b, h, w, c = x.shape
    H, W = h // factor, w // factor
    windows = x[:, : H * factor, : W * factor].reshape(b, H, factor, W, factor, c)
    return _maximum(windows)


def max_unpool(x: Float[Array, "b h w c"], pooled: Float[Array, "b H W k"], factor: int) -> Float[Array, "b H W c"]:
    """Puts each value where the maximum of its window was, and 0 elsewhere: [b, h, w, c] -> [b, factor*h, ..., c].

    The opposite of `max_pool(pooled, factor)`. Of several pixels that share a maximum, the first one in reading order
    gets the value, as in PyTorch. No gradient goes to `pooled`.

    Args:
      x: values, one per window.
      pooled: what was pooled; its height and width are those of `x` times the factor.
      factor: height and width of the windows, in pixels.

    Raises:
      ValueError: the shapes do not fit.
    """
    b, h, w, c = x.shape
    if pooled.shape != (b, h * factor, w * factor, c):
        raise ValueError(
            f"max-unpooling needs pooled features of the same channels, {factor} times as large: got {pooled.shape} "
            f"for {x.shape}. Choose model.decoder_features so that each stage starts with the encoder's channels there"
        )
    pixels = _pixels(jax.lax.stop_gradient(pooled).reshape(b, h, factor, w, factor, c))
    largest = reduce(jnp.maximum, pixels)
    taken, placed = jnp.zeros_like(largest, dtype=bool), []
    for pixel in pixels:
        first = (pixel == largest) & ~taken
        taken |= first
        placed.append(jnp.where(first, x, 0))
    windows = jnp.stack(placed, axis=3).reshape(b, h, w, factor, factor, c)
    return windows.swapaxes(2, 3).reshape(b, h * factor, w * factor, c)


@jax.custom_jvp
def _maximum(windows: Float[Array, "b H s W t c"]) -> Float[Array, "b H W c"]:
    """The maximum of each window, pixel by pixel: XLA then fuses this loop with its neighbours, e.g. a bias."""
    return reduce(jnp.maximum, _pixels(windows))


@_maximum.defjvp
def _maximum_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """The mean of the tangents of those pixels of a window that share the maximum.

    Equal to the rule of `jnp.max`, without its two arrays of ones and zeros as large as the input.
    """
    (windows,), (moved,) = primals, tangents
    largest = _maximum(windows)
    shares = sum((pixel == largest).astype(largest.dtype) for pixel in _pixels(windows))
    at_maximum = windows == largest[:, :, None, :, None]
    return largest, jnp.sum(jnp.where(at_maximum, moved, 0), axis=(2, 4)) / shares


def _pixels(windows: Array) -> list[Array]:
    """The pixels of the windows [b, H, s, W, t, c], one array [b, H, W, c] for each position in a window."""
    return [windows[:, :, i, :, j] for i in range(windows.shape[2]) for j in range(windows.shape[4])]
