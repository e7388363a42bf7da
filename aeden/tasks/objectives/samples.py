"""The test images that pictures show: which, corrupted and restored as in the evaluation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from aeden.data.batches import to_unit
from aeden.data.splits import Split, spread
from aeden.measures import image_quality
from aeden.nn.stack import Autoencoder
from aeden.shapes import PyTree
from aeden.tasks.objectives.noisy_images import FixedNoise, noisy_images
from aeden.tasks.objectives.restoration import make_restore
from aeden.transforms.noise import levels_of

# Number of test images that pictures show.
SAMPLES = 10


def shown(count: int) -> np.ndarray:
    """The indices of the test images that pictures show, out of `count`: int32 [n].

    They differ and are evenly spread. Each is shifted by one more than the one before, as far as the next one is away:
    labels that repeat with a period, as those of glyphs do, would otherwise all be equal.
    """
    index = spread(count, SAMPLES)
    gap = max(count // SAMPLES, 1)
    return (index + np.arange(len(index)) % gap).astype(np.int32)


def restore_samples(
    model: Autoencoder, params: PyTree, noise: FixedNoise, split: Split, index: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Some images of a split, corrupted as in the evaluation.

    Args:
      model, params: the network.
      noise: the noise of the evaluation.
      split: the images.
      index: which of them, int32 [n]; None for those that `shown` gives.

    Returns:
      `clean`, `noisy` and `restored` images: [n, h, w, c] each.
    """
    index = shown(len(split)) if index is None else index
    batch = jax.tree.map(jnp.asarray, split.take(index, len(index)))
    clean, level = to_unit(batch["image"]), levels_of(noise, batch["index"])
    noisy = noisy_images(batch, clean, noise)
    restored = make_restore(model, params, clean.shape[1:])(np.asarray(noisy), level)
    return {"clean": np.asarray(clean), "noisy": np.asarray(noisy), "restored": restored}


def psnr_of(images: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """The PSNR in dB of each `noisy` and each `restored` image, compared with the `clean` ones."""
    clean = jnp.asarray(images["clean"])
    return {
        name: np.asarray(image_quality.psnr(jnp.asarray(images[name]), clean)).tolist()
        for name in ("noisy", "restored")
    }
