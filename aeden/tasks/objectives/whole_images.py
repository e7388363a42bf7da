"""The evaluation of restored images of any size. The network is compiled once per size, for all noises together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import numpy as np

from aeden.data.batches import to_unit
from aeden.data.crops import WholeImages
from aeden.data.splits import Batch
from aeden.measures import image_quality
from aeden.measures.holes import hole_sums
from aeden.nn.restore import restore
from aeden.nn.stack import Autoencoder
from aeden.shapes import PyTree
from aeden.tasks.objectives.noisy_images import FixedNoise, noisy_images
from aeden.training.evaluation import make_means
from aeden.training.gradient_step import part_pixels
from aeden.transforms.noise import hole_of, levels_of


def make_whole_evaluation(
    model: Autoencoder, noises: Mapping[str, FixedNoise], holes: Collection[str] = ()
) -> Callable[[PyTree, WholeImages], dict[str, dict[str, Any]]]:
    """Compiles the evaluation of whole images, as `aeden.tasks.objectives.restoration.make_evaluation` does it.

    The noise is a program of its own, which compiles quickly, and not a part of that of the network. So further noises
    do not make the network compile again.

    Args:
      model: the autoencoder.
      noises: name -> noise.
      holes: names of the noises that leave parts of the images out.

    Returns:
      (parameters, images) -> {name of the noise: {"noisy": metrics of the input, "restored": metrics of the output}},
      with the means of `hole_sums`, if it has holes, as "holes" and, of the input, "noisy_holes".
    """

    def sums(params: PyTree, batch: PyTree) -> PyTree:
        target, mask = to_unit(batch["image"]), batch["mask"]
        restored = restore(model, params, batch["noisy"], batch.get("level"))
        totals = {
            "noisy": image_quality.restoration_sums(batch["noisy"], target, mask),
            "restored": image_quality.restoration_sums(restored, target, mask),
        }
        if "hole" in batch:
            totals["holes"] = hole_sums(restored, target, batch["hole"], mask)
            totals["noisy_holes"] = hole_sums(batch["noisy"], target, batch["hole"], mask)
        return totals

    means = make_means(sums, functools.partial(part_pixels, model))
    corruptions = {name: _corruption(noise, name in holes) for name, noise in noises.items()}
    return lambda params, images: {name: means(params, images, corrupt) for name, corrupt in corruptions.items()}


def _corruption(noise: FixedNoise, has_holes: bool) -> Callable[[Batch], Batch]:
    """Compiles what adds noisy images in [0, 1] to a batch [1, share, ...], their levels if needed, and their holes."""

    @jax.jit
    def made(fixed: FixedNoise, batch: PyTree) -> PyTree:
        clean = to_unit(batch["image"])
        found = {"noisy": noisy_images(batch, clean, fixed)}
        found |= {"hole": hole_of(fixed, batch["index"], clean)} if has_holes else {}
        level = levels_of(fixed, batch["index"])
        return found if level is None else {**found, "level": level}

    def corrupt(batch: Batch) -> Batch:
        first = {name: value[0] for name, value in batch.items() if name != "mask"}
        return {**batch, **{name: np.asarray(value)[None] for name, value in made(noise, first).items()}}

    return corrupt
