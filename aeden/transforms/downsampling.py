"""Images of low resolution, made from larger ones: the input of super-resolution.

Anti-aliased, every pixel is a mean over its surroundings with the weights of a bicubic kernel that is widened by the
factor (Keys 1981, "Cubic convolution interpolation for digital image processing", a = -1/2), as of MATLAB's `imresize`
and Pillow's `resize`. At the border the weights of pixels outside the image are left out, as by Pillow. Not
anti-aliased, one pixel of each square of factor x factor pixels is kept.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from aeden.shapes import Array, Float

FACTORS = (2, 3, 4)


def downsample(images: Float[Array, "b h w c"], factor: int, antialias: bool) -> Float[Array, "b H W c"]:
    """Images of a resolution that is `factor` times lower: [b, h, w, c] -> [b, h/factor, w/factor, c].

    Args:
      images: values in [0, 1].
      factor: one of `FACTORS`.
      antialias: bicubic means, clipped to [0, 1] (a bicubic kernel overshoots at edges, which a stored image cannot);
        if False, the pixels `kept` of each square.

    Raises:
      ValueError: the factor does not divide height and width, or is none of `FACTORS`.
    """
    check_factor(factor)
    b, h, w, c = images.shape
    if h % factor or w % factor:
        raise ValueError(f"a factor of {factor} does not divide images of {h} x {w}: crop them with `crop_to_multiple`")
    if not antialias:
        first = kept(factor)
        return images[:, first::factor, first::factor]
    smaller = jax.image.resize(images, (b, h // factor, w // factor, c), "cubic", antialias=True)
    return jnp.clip(smaller, 0.0, 1.0)


def check_factor(factor: int) -> None:
    """Refuses a factor that is none of `FACTORS`.

    Raises:
      ValueError: naming the factor and the choices.
    """
    if factor not in FACTORS:
        raise ValueError(f"super_resolve.factor {factor!r} is unknown: use {', '.join(map(str, FACTORS))}")


def kept(factor: int) -> int:
    """Which pixel of a square is kept without anti-aliasing, along both axes: the middle one, or the one before it."""
    return (factor - 1) // 2


def grid_shift(factor: int, antialias: bool) -> float:
    """Where the pixels of `downsample` lie, relative to the centres of the squares, in pixels of the large image.

    0 for means, and for a kept pixel in the middle; -1/2 for a kept one before the middle, where the factor is even.
    """
    return 0.0 if antialias else kept(factor) + 0.5 - factor / 2


def crop_to_multiple(images: Float[Array, "b h w c"], multiple: int) -> Float[Array, "b H W c"]:
    """Leaves out rows at the bottom and columns at the right until `multiple` divides height and width.

    Raises:
      ValueError: the images are smaller than `multiple`.
    """
    height, width = (size // multiple * multiple for size in images.shape[1:3])
    if not height or not width:
        raise ValueError(f"images of {images.shape[1]} x {images.shape[2]} are smaller than {multiple} x {multiple}")
    return images[:, :height, :width]
