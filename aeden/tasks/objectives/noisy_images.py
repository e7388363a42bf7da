"""The noisy images of a batch: given with the data, or made by noise."""

from __future__ import annotations

from collections.abc import Callable

import jax

from aeden.data.batches import to_unit
from aeden.shapes import Array, PyTree

# (indices of examples in their split, int32 [b]; images [b, h, w, c] in [0, 1]) -> noisy images
# A tree whose array is its key (`jax.tree_util.Partial`). Give it to compiled programs as an argument: as a constant,
# its key would keep other seeds from finding these programs in the compilation cache.
FixedNoise = Callable[[Array, Array], Array]


@jax.jit
def corrupted(noise: FixedNoise, index: Array, images: Array) -> Array:
    """Images [b, h, w, c] of a split, uint8, with the noise of their indices [b]: float32."""
    return noise(index, to_unit(images))


def noisy_images(batch: PyTree, clean: Array, noise: FixedNoise) -> Array:
    """The noisy images of an evaluation, [b, h, w, c] in [0, 1], or beyond if the noise is not clipped.

    Args:
      batch: with `index`, and with `noisy` if the data have noisy versions of their images (pairs).
      clean: the clean images [b, h, w, c].
      noise: makes the noisy images of data without pairs.
    """
    return to_unit(batch["noisy"]) if "noisy" in batch else noise(batch["index"], clean)
