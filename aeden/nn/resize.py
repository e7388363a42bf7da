"""Enlarging images by an integer factor, without parameters."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from aeden.shapes import Array, Float

RESIZE_METHODS = ("nearest", "bilinear", "cubic", "lanczos3", "lanczos5")
# The interpolations that super-resolution is compared with, by the names of the field.
INTERPOLATIONS = {"nearest": "nearest", "bilinear": "bilinear", "bicubic": "cubic", "lanczos": "lanczos3"}


def upsample(
    x: Float[Array, "*b h w c"], factor: int | Sequence[int], method: str = "nearest"
) -> Float[Array, "*b H W c"]:
    """Resizes [..., h, w, c] to [..., factor*h, factor*w, c], like Keras' UpSampling2D.

    Args:
      x: images or features, any range.
      factor: integer >= 1 for both axes, or (factor of the rows, factor of the columns).
      method: one of `RESIZE_METHODS`, with the half-pixel centres of `jax.image.resize`.

    Raises:
      ValueError: a factor is less than 1, or the method is unknown.
    """
    return enlarge(x, (factor, factor) if isinstance(factor, int) else tuple(factor), method)


def enlarge(x: Array, factors: Sequence[int], method: str) -> Array:
    """Resizes the axes before the last one, one for each factor, as `upsample` does.

    Raises:
      ValueError: a factor is less than 1, or the method is unknown.
    """
    if min(factors) < 1:
        wrong = min(factors) if len(set(factors)) == 1 else factors
        raise ValueError(f"an upsampling factor is an integer of 1 or more, not {wrong}")
    if method not in RESIZE_METHODS:
        raise ValueError(f"unknown resize method {method!r}: use one of {', '.join(RESIZE_METHODS)}")
    first = x.ndim - 1 - len(factors)
    sizes = [factor * size for factor, size in zip(factors, x.shape[first:-1], strict=True)]
    return jax.image.resize(x, (*x.shape[:first], *sizes, x.shape[-1]), method)


def interpolate(x: Float[Array, "b h w c"], factor: int, method: str, shift: float = 0.0) -> Float[Array, "b H W c"]:
    """Enlarges images whose pixels lie at given places: [b, h, w, c] -> [b, factor*h, factor*w, c].

    Borders are treated as by Pillow: the weights of pixels outside the image are left out, and the others sum to 1.
    Cubic and Lanczos methods may leave the range of the image.

    Args:
      x: images.
      factor: integer >= 1.
      method: one of `RESIZE_METHODS`.
      shift: where the pixels of `x` lie, relative to the centres of the squares of factor x factor pixels of the
        result, along both axes in pixels of the result; at most 1/2 either way.

    Raises:
      ValueError: the factor is less than 1, the method is unknown, or the shift is larger than 1/2.
    """
    if not -0.5 <= shift <= 0.5:
        raise ValueError(f"a shift of {shift:g} pixels is more than half a pixel either way")
    # The nearest pixel stays the same for shifts of up to half a pixel (with ties).
    if not shift or method == "nearest":
        return upsample(x, factor, method)
    enlarge(x[:, :1, :1], (factor, factor), method)  # refuses what does not exist
    size = (x.shape[0], factor * x.shape[1], factor * x.shape[2], x.shape[3])
    scale, moved = jnp.full(2, float(factor)), jnp.full(2, shift)
    return jax.image.scale_and_translate(x, size, (1, 2), scale, moved, method, antialias=False)


class Upsample(nn.Module):
    """`upsample` as a layer without parameters: [..., h, w, c] -> [..., factor*h, factor*w, c]."""

    factor: int = 2
    method: str = "nearest"

    def __call__(self, x: Float[Array, "*b h w c"]) -> Float[Array, "*b H W c"]:
        return upsample(x, self.factor, self.method)
