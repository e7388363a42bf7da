"""Objective "segmentation": a model of one logit per class and pixel learns the class of each pixel."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aeden import random_keys
from aeden.data.batches import to_unit
from aeden.data.splits import Split
from aeden.measures import segmentation
from aeden.measures.image_quality import masked_sum
from aeden.nn.parameters import apply
from aeden.nn.stack import Autoencoder
from aeden.shapes import Array, Key, PyTree
from aeden.tasks.objectives.noisy_images import FixedNoise
from aeden.training.evaluation import make_means
from aeden.training.gradient_step import GradientStep, TrainState, part_pixels
from aeden.training.objective import Objective
from aeden.transforms import Transform

Figures = dict[str, float]


def segmentation_objective(
    init: Callable[[Array], PyTree],
    gradient_step: GradientStep,
    model: Autoencoder,
    noise: Transform,
    weights: np.ndarray | None,
    validate: Callable[[PyTree], Figures],
) -> Objective:
    """The objective of predicting the class of each pixel; the batches must have `pixel_label`.

    The loss of an image is the mean cross-entropy over its pixels.

    Args:
      init: key -> initial parameters.
      gradient_step: how the parameters follow the gradient.
      model: the network, whose output [b, h, w, k] are the logits.
      noise: corrupts the training images.
      weights: what the pixels of each class count in the loss, [k]; None for 1.
      validate: parameters -> metrics on the validation split.
    """

    def losses(params: PyTree, part: PyTree) -> Array:
        given = None if weights is None else jnp.asarray(weights, jnp.float32)
        return segmentation.pixel_cross_entropy(apply(model, params, part["image"]), part["pixel_label"], given)

    def step(state: TrainState, batch: PyTree, key: Key[Array, ""]) -> tuple[TrainState, dict[str, Array]]:
        keys = random_keys.example_keys(key, state.step, batch["index"])
        images = noise(keys, to_unit(batch["image"]))
        parts = {"image": images, "pixel_label": batch["pixel_label"], "mask": batch["mask"]}
        return gradient_step.step(state, losses, parts)

    return Objective(lambda key: jax.jit(gradient_step.start)(init(key)), step, lambda state: validate(state.params))


def label_sums(prediction: Array, truth: Array, mask: Array, classes: int) -> dict[str, Array]:
    """Sums over the images that the mask marks: accuracy, boundary F-scores, and `confusion` [k, k].

    Args:
      prediction, truth: classes of the pixels [b, h, w].
      mask: [b].
      classes: how many there are.
    """
    counts = segmentation.confusion(prediction, truth, classes)
    return {
        segmentation.PIXEL_ACCURACY.name: masked_sum(segmentation.pixel_accuracy(prediction, truth), mask),
        **{
            name: masked_sum(segmentation.boundary_f1(prediction, truth, classes, pixels), mask)
            for name, pixels in segmentation.TOLERANCES.items()
        },
        "confusion": jnp.sum(jnp.where(mask[:, None, None], counts, 0.0), axis=0),
    }


def with_iou(means: dict[str, Any]) -> tuple[Figures, np.ndarray]:
    """The metrics of means of `label_sums`, and the confusion matrix in pixels per image [k, k]."""
    counts = means["confusion"]
    figures = {name: value for name, value in means.items() if name != "confusion"}
    return {segmentation.MEAN_IOU.name: segmentation.mean_iou(counts), **figures}, counts


def make_scores(
    model: Autoencoder, noise: FixedNoise, classes: int
) -> Callable[[PyTree, Split], tuple[Figures, np.ndarray]]:
    """Compiles (parameters, split) -> what `with_iou` gives for the predictions of a network, with `cross_entropy`."""

    def sums(params_and_noise: tuple[PyTree, FixedNoise], batch: PyTree) -> dict[str, Array]:
        (params, fixed), truth = params_and_noise, batch["pixel_label"]
        logits = apply(model, params, fixed(batch["index"], to_unit(batch["image"])))
        entropy = segmentation.pixel_cross_entropy(logits, truth)
        found = label_sums(jnp.argmax(logits, axis=-1), truth, batch["mask"], classes)
        return {**found, segmentation.CROSS_ENTROPY.name: masked_sum(entropy, batch["mask"])}

    means = make_means(sums, functools.partial(part_pixels, model))
    return lambda params, split: with_iou(means((params, noise), split))


def score_labels(prediction: np.ndarray, truth: np.ndarray, classes: int) -> tuple[Figures, np.ndarray]:
    """What `with_iou` gives for predictions that are already there.

    Args:
      prediction, truth: classes of the pixels [n, h, w].
      classes: how many there are.
    """

    @jax.jit
    def each(prediction: Array, truth: Array) -> dict[str, Array]:
        one = jnp.ones(1, jnp.bool)
        return jax.lax.map(lambda pair: label_sums(pair[0][None], pair[1][None], one, classes), (prediction, truth))

    both = np.stack([prediction, truth], axis=1)
    sums = [each(part[:, 0], part[:, 1]) for part in np.array_split(both, -(-len(both) // 256))]
    means = jax.tree.map(lambda *x: np.concatenate([np.asarray(one, np.float64) for one in x]).mean(0), *sums)
    return with_iou({name: value if value.ndim else float(value) for name, value in means.items()})


def class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Weights by median frequency (Eigen and Fergus 2015, "Predicting depth, surface normals and semantic labels with a
    common multi-scale convolutional architecture", section 6.3.2): [k].

    The weight of a class is the median of the classes' shares over its own share of the pixels; here a share counts all
    images. They are then divided by their mean over the pixels, so that the loss keeps its scale.

    Args:
      labels: classes of the pixels of the training split [n, h, w]; each class has some.
      classes: how many there are.
    """
    share = pixel_counts(labels, classes) / labels.size
    weights = np.median(share) / share
    return weights / np.sum(weights * share)


def pixel_counts(labels: np.ndarray, classes: int) -> np.ndarray:
    """The number of pixels of each class: int64 [k], or longer if there are more classes than expected.

    Args:
      labels: uint8 [n, h, w].
      classes: how many are expected.
    """
    counts = np.zeros(256, np.int64)
    for start in range(0, len(labels), 1000):
        counts += np.bincount(np.asarray(labels[start : start + 1000]).ravel(), minlength=256)
    return counts[: max(classes, int(np.flatnonzero(counts).max(initial=0)) + 1)]
