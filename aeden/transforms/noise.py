"""Corruptions: (keys, images) -> images, one key an example, images in [0, 1].

Every corruption takes a `level` that is one number or one an example, and is the identity at level 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from aeden.shapes import Array, Float, Key


def gaussian(key: Key[Array, ""], image: Float[Array, "h w c"], level: Float[Array, ""]) -> Float[Array, "h w c"]:
    """Adds normal noise of standard deviation `level`. The result is not clipped."""
    return image + level * jax.random.normal(key, image.shape)


def speckle(key: Key[Array, ""], image: Float[Array, "h w c"], level: Float[Array, ""]) -> Float[Array, "h w c"]:
    """Multiplies by 1 + `level` x normal noise: dark pixels stay dark. The result is not clipped."""
    return image * (1.0 + level * jax.random.normal(key, image.shape))


def poisson(key: Key[Array, ""], image: Float[Array, "h w c"], level: Float[Array, ""]) -> Float[Array, "h w c"]:
    """Photon noise: Poisson(image / level^2) x level^2, so that `level` is the noise's standard deviation at white.

    `level`^2 is one photon's share of white: at 0.1 a white pixel counts 100 photons on average.
    """
    photon = jnp.maximum(level, 1e-3) ** 2
    counts = jax.random.poisson(key, jnp.clip(image, 0.0, 1.0) / photon).astype(image.dtype)
    return jnp.where(level > 0, counts * photon, image)


def masking(key: Key[Array, ""], image: Float[Array, "h w c"], level: Float[Array, ""]) -> Float[Array, "h w c"]:
    """Sets a share `level` of the pixels, all their channels, to 0 (Vincent et al. 2010, section 3.3)."""
    kept = jax.random.uniform(key, (*image.shape[:-1], 1)) >= level
    return jnp.where(kept, image, 0.0)


def salt_and_pepper(
    key: Key[Array, ""], image: Float[Array, "h w c"], level: Float[Array, ""]
) -> Float[Array, "h w c"]:
    """Sets a share `level` of the pixels, all their channels, to 0 or 1 with even odds (Vincent et al. 2010)."""
    draw = jax.random.uniform(key, (*image.shape[:-1], 1))
    return jnp.where(draw >= level, image, jnp.where(draw < level / 2, 0.0, 1.0))


Corruption = Callable[..., Array]
# Each kind's function and the largest level that means something for it.
KINDS: dict[str, tuple[Corruption, float]] = {
    "gaussian": (gaussian, math.inf),
    "salt_and_pepper": (salt_and_pepper, 1.0),
    "masking": (masking, 1.0),
    "speckle": (speckle, math.inf),
    "poisson": (poisson, 1.0),
}


def check_noise(kind: str, levels: tuple[float, ...]) -> None:
    """Refuses an unknown kind of noise, or a level out of its range.

    Raises:
      ValueError: naming the value and what is accepted.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown noise {kind!r}: use one of {', '.join(KINDS)}")
    highest = KINDS[kind][1]
    for level in levels:
        if not (math.isfinite(level) and 0 <= level <= highest):
            bound = f"between 0 and {highest:g}" if math.isfinite(highest) else "0 or more, and finite"
            raise ValueError(f"noise level {level:g} is out of range: {kind} takes a level {bound}")


def corrupt(
    keys: Key[Array, b],
    images: Float[Array, "b h w c"],
    kind: str,
    low: float,
    high: float,
    clip: bool,
) -> Float[Array, "b h w c"]:
    """Corrupts each image with its own key, at a level drawn evenly from [low, high].

    Args:
      keys: one key an image.
      images: [b, h, w, c] in [0, 1].
      kind: one of `KINDS`.
      low, high: the strength's range, equal for a fixed strength; the units are the kind's.
      clip: clip the result to [0, 1].

    Raises:
      ValueError: unknown kind, or a level out of the kind's range.
    """
    check_noise(kind, (low, high))
    noise = KINDS[kind][0]

    def one(key: Array, image: Array) -> Array:
        if low == high:
            return noise(key, image, jnp.float32(low))
        level_key, noise_key = jax.random.split(key)
        return noise(noise_key, image, jax.random.uniform(level_key, minval=low, maxval=high))

    noisy = jax.vmap(one)(keys, images)
    return jnp.clip(noisy, 0.0, 1.0) if clip else noisy
