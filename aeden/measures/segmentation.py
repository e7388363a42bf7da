"""Metrics of segmentation: which class each pixel of an image belongs to.

Predictions and truth are whole numbers [b, h, w], the classes from 0 on. docs/method.md has the definitions.
"""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from aeden.measures.metric import Metric
from aeden.shapes import Array, Bool, Float, Integer

MEAN_IOU = Metric("mean_iou", "mean IoU", "", higher_is_better=True, digits=4)
BOUNDARY_F1 = Metric("boundary_f1", "boundary F1 (1 pixel)", "", higher_is_better=True, digits=4)
BOUNDARY_F1_2 = Metric("boundary_f1_2", "boundary F1 (2 pixels)", "", higher_is_better=True, digits=4)
PIXEL_ACCURACY = Metric("accuracy", "pixel accuracy", "", higher_is_better=True, digits=4)
CROSS_ENTROPY = Metric("cross_entropy", "cross-entropy", "nats", higher_is_better=False, digits=4)
# Name of a boundary F-score -> its tolerance in pixels.
TOLERANCES = {BOUNDARY_F1.name: 1, BOUNDARY_F1_2.name: 2}


def confusion(
    prediction: Integer[Array, "b h w"], truth: Integer[Array, "b h w"], classes: int
) -> Float[Array, "b k k"]:
    """How many pixels of each class (row) were predicted as each class (column), for each image."""
    truth, prediction = (jax.nn.one_hot(x.reshape(len(x), -1), classes) for x in (truth, prediction))
    # Sums of ones are exact up to 2^24 pixels.
    return jnp.einsum("bpt,bpk->btk", truth, prediction, precision="highest")


def class_iou(counts: np.ndarray) -> np.ndarray:
    """Intersection over union of each class (Jaccard index): [k]; NaN for a class without pixels in the truth.

    Args:
      counts: the confusion matrix of a whole split [k, k], rows the truth; also divided by any number.
    """
    counts = np.asarray(counts, np.float64)
    both, true, predicted = np.diag(counts), counts.sum(1), counts.sum(0)
    present = true > 0
    return np.where(present, both / np.where(present, true + predicted - both, 1.0), np.nan)


def mean_iou(counts: np.ndarray) -> float:
    """The mean of `class_iou` over the classes that have pixels (Everingham et al. 2015, "The PASCAL visual object
    classes challenge: a retrospective", section 4.3); 0 if none has.
    """
    values = class_iou(counts)
    return float(np.mean(values[np.isfinite(values)])) if np.isfinite(values).any() else 0.0


def pixel_accuracy(prediction: Integer[Array, "b h w"], truth: Integer[Array, "b h w"]) -> Float[Array, b]:
    """The share of the pixels of each image whose class is right."""
    return jnp.mean((prediction == truth).reshape(len(truth), -1).astype(jnp.float32), axis=1)


def pixel_cross_entropy(
    logits: Float[Array, "b h w k"], truth: Integer[Array, "b h w"], weights: Float[Array, k] | None = None
) -> Float[Array, b]:
    """-log of the softmax probability of the right class, in nats: mean over the pixels of each image.

    Args:
      logits: one per class.
      truth: the right classes.
      weights: what the term of a pixel of each class is multiplied by; None for 1.
    """
    flat = logits.reshape(len(logits), -1, logits.shape[-1])
    right = jax.nn.one_hot(truth.reshape(len(truth), -1), logits.shape[-1])
    # Sums in place of an index: the gradient of reading single entries is slow.
    losses = jax.nn.logsumexp(flat, axis=-1) - jnp.sum(right * flat, axis=-1)
    return jnp.mean(losses if weights is None else losses * (right @ weights), axis=1)


def boundary_f1(
    prediction: Integer[Array, "b h w"], truth: Integer[Array, "b h w"], classes: int, tolerance: int
) -> Float[Array, b]:
    """The boundary F-score of each image (Csurka et al. 2013, "What is a good evaluation measure for semantic
    segmentation?"): for each class, how well the boundaries of its regions agree, and the mean over the classes that
    have a boundary in the truth of the image.

    A pixel is on the boundary of its class if one of its four neighbours inside the image has another class. Precision
    is the share of the predicted boundary within `tolerance` pixels (Euclidean) of the true boundary of the class,
    found by dilation with a disk as by Perazzi et al. 2016, "A benchmark dataset and evaluation methodology for video
    object segmentation"; recall the reverse. F is their harmonic mean, and 0 for a class without predicted boundary.
    Where the truth has no boundary, the score is 1 if the prediction has none either, else 0.
    """
    found, true = _edges(prediction), _edges(truth)
    found_each, true_each = (jax.nn.one_hot(edges.reshape(len(edges), -1), classes) for edges in (found, true))
    found_count, true_count = found_each.sum(1), true_each.sum(1)
    precision = _share(_near(found, true, tolerance), found_each, found_count)
    recall = _share(_near(true, found, tolerance), true_each, true_count)
    scores = 2 * precision * recall / jnp.maximum(precision + recall, 1e-12)
    present = true_count > 0
    mean = jnp.sum(jnp.where(present, scores, 0.0), axis=1) / jnp.maximum(present.sum(1), 1)
    nothing = (found_count.sum(1) == 0).astype(jnp.float32)
    return jnp.where(present.any(1), mean, nothing)


def _edges(labels: Integer[Array, "b h w"]) -> Integer[Array, "b h w"]:
    """The class of each pixel on the boundary of its class, and -1 elsewhere."""
    labels = labels.astype(jnp.int32)
    down, right = labels[:, 1:] != labels[:, :-1], labels[:, :, 1:] != labels[:, :, :-1]
    edge = jnp.pad(down, ((0, 0), (1, 0), (0, 0))) | jnp.pad(down, ((0, 0), (0, 1), (0, 0)))
    edge |= jnp.pad(right, ((0, 0), (0, 0), (1, 0))) | jnp.pad(right, ((0, 0), (0, 0), (0, 1)))
    return jnp.where(edge, labels, -1)


def _near(edges: Integer[Array, "b h w"], others: Integer[Array, "b h w"], tolerance: int) -> Bool[Array, "b h w"]:
    """Whether a boundary pixel has a pixel of the other boundary of the same class within the tolerance."""
    reach = range(-tolerance, tolerance + 1)
    height, width = edges.shape[1:]
    padded = jnp.pad(others, ((0, 0), (tolerance, tolerance), (tolerance, tolerance)), constant_values=-1)
    near = jnp.zeros(edges.shape, jnp.bool)
    for dy, dx in itertools.product(reach, reach):
        if dy * dy + dx * dx <= tolerance * tolerance:
            top, left = tolerance + dy, tolerance + dx
            near |= padded[:, top : top + height, left : left + width] == edges
    return near & (edges >= 0)


def _share(near: Bool[Array, "b h w"], each: Float[Array, "b p k"], count: Float[Array, "b k"]) -> Float[Array, "b k"]:
    hits = jnp.einsum("bp,bpk->bk", near.reshape(len(near), -1).astype(jnp.float32), each, precision="highest")
    return hits / jnp.maximum(count, 1)
