"""Augmentation: random shifts, rotations, zooms, flips and quarter turns of images, with one random key per image."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

from aeden.shapes import Array, Float, Key


def check_augmentation(shift: float, turn: float, zoom: float) -> None:
    """Checks the ranges of the arguments of `augment`.

    Raises:
      ValueError: a value is out of range.
    """
    for name, value, largest in (("shift", shift, math.inf), ("turn", turn, 180.0), ("zoom", zoom, 0.9)):
        if not (math.isfinite(value) and 0 <= value <= largest):
            bound = "0 or more, and finite" if largest == math.inf else f"from 0 to {largest:g}"
            raise ValueError(f"augment.{name} {value:g} is out of range: use {bound}")


def augment(
    keys: Key[Array, b], images: Float[Array, "b h w c"], shift: float, turn: float, zoom: float
) -> Float[Array, "b h w c"]:
    """Shifts each image at random, and rotates and zooms it about its centre, with bilinear interpolation.

    Pixels outside the image repeat the nearest border pixel. If all three arguments are 0, the images are returned
    unchanged.

    Args:
      keys: one key per image.
      images: [b, h, w, c].
      shift: largest shift along each axis, in pixels, >= 0.
      turn: largest rotation in either direction, in degrees, 0 to 180.
      zoom: largest relative change of size, 0 to 0.9: 0.1 scales by 0.9 to 1.1.

    Raises:
      ValueError: a value is out of range.
    """
    check_augmentation(shift, turn, zoom)
    if not (shift or turn or zoom):
        return images
    h, w = images.shape[1:3]
    centre = jnp.array([[(h - 1) / 2], [(w - 1) / 2]])
    positions = jnp.stack([x.ravel() for x in jnp.mgrid[:h, :w]]) - centre  # (2, h * w)

    def augment_one(key: Array, image: Array) -> Array:
        dy, dx, angle, scale = jax.random.uniform(key, (4,), minval=-1.0)
        angle, scale = angle * math.radians(turn), 1.0 + scale * zoom
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        # Maps the position of a result pixel to its position in the source image.
        inverse = jnp.stack([jnp.stack([cos, sin]), jnp.stack([-sin, cos])]) / scale
        shifted = positions - shift * jnp.stack([dy, dx])[:, None]
        # Accelerators default to less than float32 precision, which would move pixels visibly.
        source = jnp.matmul(inverse, shifted, precision="highest") + centre
        channels = [
            map_coordinates(image[..., k], list(source), order=1, mode="nearest") for k in range(image.shape[-1])
        ]
        return jnp.stack(channels, axis=-1).reshape(image.shape)

    return jax.vmap(augment_one)(keys, images)


# Makes the key of an orientation from that of an image, which `augment` uses up.
ORIENTATION = 1


def orient(
    keys: Key[Array, b], images: Float[Array, "b h w c"], flip: bool, quarter_turns: bool
) -> Float[Array, "b h w c"]:
    """Mirrors each image at random, and turns it by a random number of right angles. No pixel changes its value.

    The keys may be those of `augment`. The same keys orient a noisy image like its clean one.

    Args:
      keys: one key per image.
      images: [b, h, w, c]; square (h = w) for quarter turns.
      flip: mirrors left and right, with probability 1/2.
      quarter_turns: turns by 0, 90, 180 or 270 degrees, equally likely.
    """

    def orient_one(key: Array, image: Array) -> Array:
        flip_key, turn_key = jax.random.split(jax.random.fold_in(key, ORIENTATION))
        if flip:
            image = jnp.where(jax.random.bernoulli(flip_key), image[:, ::-1], image)
        if quarter_turns:
            turned = [functools.partial(jnp.rot90, k=k) for k in range(4)]
            image = jax.lax.switch(jax.random.randint(turn_key, (), 0, 4), turned, image)
        return image

    return jax.vmap(orient_one)(keys, images)
