"""The test of super-resolution: the network and interpolations that need no training, on the same images."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aeden.data.batches import to_unit
from aeden.data.crops import WholeImages
from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.measures import image_quality
from aeden.nn.resize import INTERPOLATIONS, interpolate
from aeden.nn.restore import restore
from aeden.nn.super_resolution import SuperResolver
from aeden.shapes import Array, PyTree
from aeden.tasks.denoise.decoder_artifacts import make_residual_sums, residual_figures
from aeden.tasks.objectives.noisy_images import FixedNoise
from aeden.tasks.objectives.restoration import make_restore
from aeden.tasks.objectives.samples import shown
from aeden.training.evaluation import make_means
from aeden.training.gradient_step import part_pixels
from aeden.transforms.downsampling import crop_to_multiple

# How a summary names the network's images.
NETWORK = "test"


@dataclasses.dataclass(frozen=True)
class Tested:
    """What the test of a run found.

    Attributes:
      figures: NETWORK and each of `INTERPOLATIONS` -> metric -> mean over the test images.
      spectra: the same names, and "clean" -> mean radial spectrum (`aeden.measures.checkerboard.radial_spectrum`).
      power: the same names but "clean" -> mean power spectrum of the error [h, w].
    """

    figures: dict[str, dict[str, float]]
    spectra: dict[str, list[float]]
    power: dict[str, np.ndarray]


def enlarged(low: Array, factor: int, shift: float) -> dict[str, Array]:
    """The enlargement of images by each of `INTERPOLATIONS`, clipped to [0, 1].

    Args:
      low: images of low resolution [b, h, w, c].
      factor, shift: see `aeden.nn.resize.interpolate`.
    """
    return {
        name: jnp.clip(interpolate(low, factor, method, shift), 0.0, 1.0) for name, method in INTERPOLATIONS.items()
    }


def compare(model: SuperResolver, params: PyTree, degrade: FixedNoise, dataset: Dataset) -> Tested:
    """Measures the network and the interpolations on the test split.

    Means over whole images, where the data have them; mean spectra, checkerboards and phases need images of one size,
    and are then measured on fixed crops.

    Args:
      model, params: the network.
      degrade: makes the test images of low resolution.
      dataset: its test images.
    """
    sums, both = functools.partial(_sums, model), (params, degrade)
    images = dataset.test_images
    # Measured with the rest where possible, so that no image is enlarged twice.
    together = isinstance(images, Split)
    means = _means(model, functools.partial(sums, figures=True, spectra=together), both, images)
    if together:
        parts = means
    else:
        parts = _means(model, functools.partial(sums, figures=False, spectra=True), both, dataset.test)
    figures: dict[str, dict[str, float]] = {}
    spectra: dict[str, list[float]] = {}
    power: dict[str, np.ndarray] = {}
    for name in means:
        found = residual_figures(parts[name]["residual"])
        both = found.pop("spectrum")
        power[name] = found.pop("power")
        figures[name] = {**means[name]["figures"], **found}
        spectra |= {"clean": both["clean"], name: both["restored"]}
    return Tested(figures, spectra, power)


def _means(model: SuperResolver, sums: Any, both: tuple[PyTree, FixedNoise], images: Split | WholeImages) -> PyTree:
    return make_means(sums, functools.partial(part_pixels, model))(both, images)


def _sums(model: SuperResolver, both: tuple[PyTree, FixedNoise], batch: PyTree, figures: bool, spectra: bool) -> PyTree:
    """Sums over a batch: name -> sums of the metrics as "figures", and of `make_residual_sums` as "residual".

    Args:
      model: the network.
      both: its parameters, and what makes the images of low resolution.
      batch: images.
      figures, spectra: which of the two to measure.
    """
    (params, degrade), mask = both, batch["mask"]
    target = crop_to_multiple(to_unit(batch["image"]), model.scale)
    low = degrade(batch["index"], target)
    images = {NETWORK: restore(model, params, low), **enlarged(low, model.scale, model.shift)}

    def measured(one: Array) -> dict[str, Any]:
        totals: dict[str, Any] = {}
        if figures:
            totals["figures"] = image_quality.restoration_sums(one, target, mask)
        if spectra:
            totals["residual"] = make_residual_sums(model.scale)(target, one, mask)
        return totals

    # One after the other in a loop, which is compiled once and needs the memory of one.
    totals = jax.lax.map(measured, jnp.stack(list(images.values())))
    return {name: jax.tree.map(lambda x, i=i: x[i], totals) for i, name in enumerate(images)}


def samples(model: SuperResolver, params: PyTree, degrade: FixedNoise, split: Split) -> dict[str, np.ndarray]:
    """Some images of a split, as in the test.

    Returns:
      `low` [n, h/s, w/s, c]; `clean`, `restored` and each of `INTERPOLATIONS` [n, h, w, c].
    """
    index = shown(len(split))
    batch = split.take(index, len(index))

    def degraded(fixed: FixedNoise, index: Array, images: Array) -> dict[str, Array]:
        clean = crop_to_multiple(to_unit(images), model.scale)
        low = fixed(index, clean)
        return {"low": low, "clean": clean, **enlarged(low, model.scale, model.shift)}

    arrays = jax.tree.map(np.asarray, jax.jit(degraded)(degrade, batch["index"], batch["image"]))
    restored = make_restore(model, params, arrays["clean"].shape[1:])(arrays["low"])
    return {**arrays, "restored": restored}
