"""Random small moves of images: (keys, images) -> images, one key an image."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

from aeden.shapes import Array, Float, Key


def check_augmentation(shift: float, turn: float, zoom: float) -> None:
    """Refuses moves that make no sense.

    Raises:
      ValueError: naming the value.
    """
    for name, value, most in (("shift", shift, math.inf), ("turn", turn, 180.0), ("zoom", zoom, 0.9)):
        if not (math.isfinite(value) and 0 <= value <= most):
            bound = "0 or more, and finite" if most == math.inf else f"from 0 to {most:g}"
            raise ValueError(f"augment.{name} {value:g} is out of range: use {bound}")


def move(
    keys: Key[Array, b], images: Float[Array, "b h w c"], shift: float, turn: float, zoom: float
) -> Float[Array, "b h w c"]:
    """Shifts, turns and zooms each image at random about its centre, with bilinear interpolation.

    Pixels from outside are as the nearest at the border. Without any move the images come back as they are.

    Args:
      keys: one key an image.
      images: [b, h, w, c].
      shift: pixels at most, along each axis.
      turn: degrees at most, either way.
      zoom: largest relative change of the size: 0.1 for 0.9 to 1.1 times.

    Raises:
      ValueError: a value is out of range.
    """
    check_augmentation(shift, turn, zoom)
    if not (shift or turn or zoom):
        return images
    h, w = images.shape[1:3]
    centre = jnp.array([[(h - 1) / 2], [(w - 1) / 2]])
    grid = jnp.stack([x.ravel() for x in jnp.mgrid[:h, :w]]) - centre  # (2, h * w)

    def one(key: Array, image: Array) -> Array:
        dy, dx, angle, scale = jax.random.uniform(key, (4,), minval=-1.0)
        angle, scale = angle * math.radians(turn), 1.0 + scale * zoom
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        # From each pixel of the result back to where it comes from.
        back = jnp.stack([jnp.stack([cos, sin]), jnp.stack([-sin, cos])]) / scale
        # A matrix product in less than float32, as accelerators do by themselves, would move pixels.
        moved_grid = grid - shift * jnp.stack([dy, dx])[:, None]
        places = jnp.matmul(back, moved_grid, precision="highest") + centre
        moved = [map_coordinates(image[..., k], list(places), order=1, mode="nearest") for k in range(image.shape[-1])]
        return jnp.stack(moved, axis=-1).reshape(image.shape)

    return jax.vmap(one)(keys, images)
