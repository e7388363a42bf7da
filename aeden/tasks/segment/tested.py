"""The test of segmentation: the network, and the baseline on the same images."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.measures import segmentation
from aeden.nn.parameters import apply
from aeden.nn.stack import Autoencoder
from aeden.runtime import example_maps
from aeden.shapes import Array, PyTree
from aeden.tasks.objectives.noisy_images import FixedNoise, corrupted
from aeden.tasks.objectives.restoration import corrupt_split
from aeden.tasks.objectives.samples import shown
from aeden.tasks.objectives.segmentation import make_scores, score_labels
from aeden.tasks.segment import threshold
from aeden.tasks.segment.threshold import ThresholdBaseline
from aeden.training.gradient_step import part_pixels

# How a summary names the network, and the baseline.
NETWORK, THRESHOLD = "test", "threshold"


@dataclasses.dataclass(frozen=True, eq=False)
class Tested:
    """What the test of a run found.

    Attributes:
      figures: NETWORK and THRESHOLD -> metric -> value on the test split.
      iou: the same names -> class -> its intersection over union; classes without pixels are left out.
      confusion: pixels per image of each class (row) that the network takes for each class (column), [k, k].
      baseline: the baseline.
    """

    figures: dict[str, dict[str, float]]
    iou: dict[str, dict[str, float]]
    confusion: np.ndarray
    baseline: ThresholdBaseline

    @property
    def chosen(self) -> dict[str, Any]:
        """What the baseline chose by the validation split, for the summary."""
        return {"separation": self.baseline.separation, "limit": self.baseline.limit}


def compare(
    model: Autoencoder,
    params: PyTree,
    noises: tuple[FixedNoise, FixedNoise],
    dataset: Dataset,
    names: tuple[str, ...],
) -> Tested:
    """Measures the network and the baseline on the test split.

    Args:
      model, params: the network.
      noises: those of the validation and of the test.
      dataset: the data, with labels of pixels.
      names: the classes.
    """
    test, validation = dataset.test, dataset.validation.first(threshold.CHOOSING_IMAGES)
    assert dataset.train.pixel_labels is not None
    assert validation.pixel_labels is not None
    assert test.pixel_labels is not None
    figures, counts = make_scores(model, noises[1], len(names))(params, test)
    baseline = threshold.learn(dataset.train.pixel_labels).chosen(
        _gray(corrupt_split(noises[0], validation)[1]), np.asarray(validation.pixel_labels)
    )
    labels = baseline.predict(_gray(corrupt_split(noises[1], test)[1]))
    others, other_counts = score_labels(labels, np.asarray(test.pixel_labels), len(names))
    return Tested(
        {NETWORK: figures, THRESHOLD: others},
        {NETWORK: _by_class(counts, names), THRESHOLD: _by_class(other_counts, names)},
        counts,
        baseline,
    )


def samples(
    model: Autoencoder, params: PyTree, noise: FixedNoise, split: Split, baseline: ThresholdBaseline
) -> dict[str, np.ndarray]:
    """Some images of a split, as in the test.

    Returns:
      `image` float32 [n, h, w, c] in [0, 1]; `truth`, `test` (the network) and `threshold`, the classes of the pixels,
      uint8 [n, h, w].
    """
    index = shown(len(split))
    batch = split.take(index, len(index))
    images = np.asarray(corrupted(noise, batch["index"], batch["image"]))
    return {
        "image": images,
        "truth": batch["pixel_label"],
        NETWORK: predict(model, params, images),
        THRESHOLD: baseline.predict(_gray(images)),
    }


def predict(model: Autoencoder, params: PyTree, images: np.ndarray) -> np.ndarray:
    """The class of each pixel of images [n, h, w, c] in [0, 1] by the network: uint8 [n, h, w]."""

    def classes(params: PyTree, images: Array) -> Array:
        return jnp.argmax(apply(model, params, images), axis=-1).astype(jnp.uint8)

    return example_maps.map_examples(classes, params, part_pixels(model, images.shape[1:]))(images)


def _gray(images: np.ndarray) -> np.ndarray:
    return images.mean(-1)


def _by_class(counts: np.ndarray, names: tuple[str, ...]) -> dict[str, float]:
    values = segmentation.class_iou(counts)
    return {name: float(value) for name, value in zip(names, values, strict=True) if np.isfinite(value)}
