"""Max-pooling with a gradient that is fast on a CPU."""

from __future__ import annotations

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
    return jnp.max(windows, axis=(2, 4))
