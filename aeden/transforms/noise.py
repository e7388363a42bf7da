"""Noise: every kind is a function (key, image [h, w, c] in [0, 1], level) -> noisy image.

Every kind is the identity at level 0. `corrupt` applies a kind to a batch, with one key per image.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from aeden.shapes import Array, Bool, Float, Key
from aeden.transforms import holes


def gaussian(key: Key[Array, ""], image: Float[Array, "h w c"], level: Float[Array, ""]) -> Float[Array, "h w c"]:
    """Adds Gaussian noise with standard deviation `level`. The result is not clipped."""
    return image + level * jax.random.normal(key, image.shape)


def speckle(key: Key[Array, ""], image: Float[Array, "h w c"], level: Float[Array, ""]) -> Float[Array, "h w c"]:
    """Multiplies by 1 + `level` x standard normal noise, so dark pixels stay dark. The result is not clipped."""
    return image * (1.0 + level * jax.random.normal(key, image.shape))


def poisson(key: Key[Array, ""], image: Float[Array, "h w c"], level: Float[Array, ""]) -> Float[Array, "h w c"]:
    """Photon noise: Poisson(image / level^2) x level^2.

    `level` is the standard deviation of the noise at white. One photon has the brightness `level`^2: at level 0.1, a
    white pixel receives 100 photons on average.
    """
    photon = jnp.maximum(level, 1e-3) ** 2
    counts = jax.random.poisson(key, jnp.clip(image, 0.0, 1.0) / photon).astype(image.dtype)
    return jnp.where(level > 0, counts * photon, image)


def salt_and_pepper(
    key: Key[Array, ""], image: Float[Array, "h w c"], level: Float[Array, ""]
) -> Float[Array, "h w c"]:
    """Sets a random share `level` of the pixels to 0 or 1 in all channels, equally likely (Vincent et al. 2010)."""
    draw = jax.random.uniform(key, (*image.shape[:-1], 1))
    return jnp.where(draw >= level, image, jnp.where(draw < level / 2, 0.0, 1.0))


Corruption = Callable[..., Array]
# Value of config.noise.kind -> the function and its largest meaningful level.
KINDS: dict[str, tuple[Corruption, float]] = {
    "gaussian": (gaussian, math.inf),
    "salt_and_pepper": (salt_and_pepper, 1.0),
    "masking": (holes.masking, 1.0),
    "speckle": (speckle, math.inf),
    "poisson": (poisson, 1.0),
    "blocks": (holes.blocks, 1.0),
    "strokes": (holes.strokes, 1.0),
}
# Kinds that leave parts of an image out, whatever it shows.
HOLES = ("masking", "blocks", "strokes")


def check_noise(kind: str, levels: Mapping[str, float]) -> None:
    """Checks the kind of noise and its levels.

    Args:
      kind: one of `KINDS`.
      levels: what a message calls a level -> the level, in the unit of the kind.

    Raises:
      ValueError: unknown kind, or a level out of the kind's range.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown noise {kind!r}: use one of {', '.join(KINDS)}")
    highest = KINDS[kind][1]
    for name, level in levels.items():
        if not (math.isfinite(level) and 0 <= level <= highest):
            bound = f"between 0 and {highest:g}" if math.isfinite(highest) else "0 or more, and finite"
            raise ValueError(f"{name} {level:g} is out of range: {kind} takes a level {bound}")


def corrupt(
    keys: Key[Array, b],
    images: Float[Array, "b h w c"],
    kind: str,
    low: float,
    high: float,
    clip: bool,
) -> Float[Array, "b h w c"]:
    """Adds noise to each image with its own key, at a level drawn uniformly from [low, high].

    Args:
      keys: one key per image.
      images: [b, h, w, c] in [0, 1].
      kind: one of `KINDS`.
      low, high: range of the level, in the unit of the kind; equal for a fixed level.
      clip: whether to clip the result to [0, 1].

    Raises:
      ValueError: unknown kind, or a level out of the kind's range.
    """
    check_noise(kind, {"noise level": low, "largest noise level": high})
    noise = KINDS[kind][0]

    def corrupt_one(key: Array, image: Array) -> Array:
        if low == high:
            return noise(key, image, jnp.float32(low))
        level_key, noise_key = jax.random.split(key)
        return noise(noise_key, image, _level(level_key, low, high))

    noisy = jax.vmap(corrupt_one)(keys, images)
    return jnp.clip(noisy, 0.0, 1.0) if clip else noisy


def hole_of(noise: Callable[[Array, Array], Array], keys: Array, images: Array) -> Bool[Array, "b h w 1"]:
    """What a noise of one of the kinds `HOLES` leaves out of images [b, h, w, c]. It does not depend on their values.

    Args:
      noise: (keys or indices, images) -> images with holes.
      keys: the keys or indices of the images [b].
      images: the images.
    """
    return noise(keys, jnp.ones_like(images))[..., :1] == 0.0


def drawn_levels(keys: Key[Array, b], low: float, high: float) -> Float[Array, b]:
    """The level at which `corrupt` corrupts each image, given the same keys and range."""
    if low == high:
        return jnp.full(len(keys), low, jnp.float32)
    return jax.vmap(lambda key: _level(jax.random.split(key)[0], low, high))(keys)


def _level(key: Key[Array, ""], low: float, high: float) -> Float[Array, ""]:
    return jax.random.uniform(key, minval=low, maxval=high)


@functools.partial(jax.tree_util.register_dataclass, data_fields=("noise", "levels"), meta_fields=())
@dataclasses.dataclass(frozen=True)
class LevelledNoise:
    """A noise that also tells the level of each image, for networks that are given it. It is called as any other.

    A tree of arrays if its functions are (`jax.tree_util.Partial`), so that it can be an argument of compiled programs.

    Attributes:
      noise: (keys or indices of the images [b], images [b, h, w, c]) -> noisy images.
      levels: the same keys or indices -> level of each image [b].
    """

    noise: Callable[[Array, Array], Array]
    levels: Callable[[Array], Array]

    def __call__(self, keys: Array, images: Array) -> Array:
        return self.noise(keys, images)


def levels_of(noise: Callable[[Array, Array], Array], keys: Array) -> Array | None:
    """The level of each image [b] of a `LevelledNoise`; None for any other noise."""
    return noise.levels(keys) if isinstance(noise, LevelledNoise) else None
