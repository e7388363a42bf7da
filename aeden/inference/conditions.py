"""How an image is made worse to see how well methods restore it: smaller, noisy, or both.

All methods get the same pixels. The noise of an image depends on its pixels, the level and a seed, and on nothing
else: not on its file, the other images, or the methods. Clipped noise is the same noise, clipped.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from aeden.random_keys import Stream, stream_key
from aeden.transforms.downsampling import crop_to_multiple, downsample
from aeden.transforms.noise import corrupt


class Resolution(NamedTuple):
    """How images are made smaller before they are given to a method, see `aeden.transforms.downsampling`.

    Attributes:
      factor: how many times, along each axis; 1 leaves them as they are.
      antialias: whether a pixel is a mean over those that it stands for, or one of them.
    """

    factor: int = 1
    antialias: bool = True


FULL = Resolution()


@dataclasses.dataclass(frozen=True)
class Condition:
    """How images are made worse: smaller, then noisy.

    Attributes:
      kind: of noise, one of `aeden.transforms.noise.KINDS`.
      level: of the noise, in the unit of its kind.
      clip: whether the noisy image is clipped to [0, 1].
      seed: of the noise.
      resolution: how images are made smaller.
    """

    kind: str
    level: float
    clip: bool
    seed: int = 0
    resolution: Resolution = FULL

    def target(self, image: np.ndarray) -> np.ndarray:
        """What a method should return for an image: all of it that the factor divides, from the top left.

        Raises:
          ValueError: it is smaller than the factor.
        """
        return np.asarray(crop_to_multiple(jnp.asarray(image[None]), self.resolution.factor)[0])

    def corrupt(self, image: np.ndarray) -> np.ndarray:
        """The image that methods get of a clean one, `target`, in [0, 1].

        Args:
          image: float32 [h, w, c].

        Returns:
          float32 [h/factor, w/factor, c].
        """
        if self.resolution.factor > 1:
            image = np.asarray(downsample(jnp.asarray(image[None]), *self.resolution)[0])
        key = noise_key(image, self.level, self.seed)
        noisy = corrupt(key[None], jnp.asarray(image[None]), self.kind, self.level, self.level, self.clip)
        return np.asarray(noisy[0])


def noise_key(image: np.ndarray, level: float, seed: int) -> jax.Array:
    """The random key of an image's noise at a level: the seed's test key, with a hash of the pixels and the level.

    Args:
      image: float32 [h, w, c].
      level: its bits as float32 count.
      seed: of the noise.
    """
    digest = hashlib.sha256(f"{image.shape}".encode() + np.ascontiguousarray(image, np.float32).tobytes()).digest()
    of_image = jax.random.fold_in(stream_key(seed, Stream.TEST), np.frombuffer(digest[:4], "<u4")[0])
    return jax.random.fold_in(of_image, np.float32(level).view(np.uint32))
