"""Objective "classification": a model of logits learns the classes of images. Loss, dropout, objective, evaluation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from aeden import random_keys
from aeden.data.batches import to_unit
from aeden.data.splits import Split
from aeden.measures import image_quality
from aeden.nn.stack import Drop
from aeden.shapes import Array, Float, Integer, Key, PyTree
from aeden.training.evaluation import make_means
from aeden.training.gradient_step import GradientStep, TrainState
from aeden.training.objective import Objective
from aeden.transforms import Transform

# (parameters, images [b, h, w, c] in [0, 1], dropout or None) -> logits [b, classes]
ApplyLogits = Callable[[PyTree, Array, Drop | None], Array]
# Dropout rates are multiples of 1/256: eight random bits per node cost a quarter of a random float.
DROPOUT_LEVELS = 256
SCORES = {"accuracy": image_quality.accuracy, "cross_entropy": image_quality.cross_entropy}


def smoothed_cross_entropy(logits: Float[Array, "b k"], labels: Integer[Array, b], smoothing: float) -> Float[Array, b]:
    """Cross-entropy in nats with label smoothing (Szegedy et al. 2016, "Rethinking the Inception architecture",
    section 7): the share `smoothing` of each label is spread evenly over all classes.
    """
    targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), smoothing)
    return optax.softmax_cross_entropy(logits, targets)


def dropout_levels(rate: float) -> int:
    """How many of the `DROPOUT_LEVELS` possible values of eight random bits keep a node.

    Raises:
      ValueError: the rate is out of range, or so close to 0 or 1 that it would be rounded to 0 or 1.
    """
    kept = round((1.0 - rate) * DROPOUT_LEVELS) if 0 <= rate < 1 else 0
    if not kept or (kept == DROPOUT_LEVELS and rate):
        raise ValueError(
            f"dropout {rate:g} is out of range: use 0, or from 1/{DROPOUT_LEVELS} to 1 - 1/{DROPOUT_LEVELS}"
        )
    return kept


def make_dropout(example_keys: Key[Array, b], rate: float) -> Drop | None:
    """Dropout of codes (Srivastava et al. 2014) with one key per example; kept nodes are scaled up.

    Args:
      example_keys: one key per example.
      rate: share of the nodes that are dropped; for 0 the result is None.

    Raises:
      ValueError: the rate is out of range.
    """
    kept = dropout_levels(rate)
    if kept == DROPOUT_LEVELS:
        return None

    def drop(layer: int, code: Array) -> Array:
        layer_keys = jax.vmap(jax.random.fold_in, in_axes=(0, None))(example_keys, layer)
        bits = jax.vmap(lambda key: jax.random.bits(key, code.shape[1:], jnp.uint8))(layer_keys)
        return jnp.where(bits < kept, code * (DROPOUT_LEVELS / kept), 0.0)

    return drop


@dataclasses.dataclass(frozen=True)
class Regularization:
    """Regularisation of a classifier during training.

    Attributes:
      noise: corrupts the training images; None for none.
      augment: random transform of the training images, applied before the noise; None for none.
      dropout: share of the nodes of each code that is dropped.
      smoothing: share of each label that is spread evenly over all classes.
    """

    noise: Transform | None = None
    augment: Transform | None = None
    dropout: float = 0.0
    smoothing: float = 0.0


def classification_objective(
    init: Callable[[Array], PyTree],
    gradient_step: GradientStep,
    logits: ApplyLogits,
    regularization: Regularization,
    validate: Callable[[PyTree], dict[str, float]],
) -> Objective:
    """The objective of predicting the classes of images; the batches must have labels.

    Args:
      init: key -> initial parameters.
      gradient_step: how the parameters follow the gradient.
      logits: the model.
      regularization: noise, augmentation, dropout and label smoothing.
      validate: parameters -> metrics on the validation split.
    """
    noise, augment = regularization.noise, regularization.augment

    def step(state: TrainState, batch: PyTree, key: Key[Array, ""]) -> tuple[TrainState, dict[str, Array]]:
        example_keys = random_keys.example_keys(key, state.step, batch["index"])
        noise_keys, drop_keys, augment_keys = random_keys.split_each(example_keys, 3)
        images = to_unit(batch["image"])
        images = images if augment is None else augment(augment_keys, images)
        images = images if noise is None else noise(noise_keys, images)

        def losses(params: PyTree, part: PyTree) -> Array:
            scores = logits(params, part["image"], make_dropout(part["key"], regularization.dropout))
            return smoothed_cross_entropy(scores, part["label"], regularization.smoothing)

        return gradient_step.step(
            state, losses, {"image": images, "label": batch["label"], "key": drop_keys, "mask": batch["mask"]}
        )

    return Objective(lambda key: jax.jit(gradient_step.start)(init(key)), step, lambda state: validate(state.params))


def make_scores(logits: ApplyLogits) -> Callable[[PyTree, Split], dict[str, float]]:
    """Compiles (parameters, split) -> `accuracy` (fraction) and `cross_entropy` (nats), means over the split."""

    def sums(params: PyTree, batch: PyTree) -> dict[str, Array]:
        scores = logits(params, to_unit(batch["image"]), None)
        return {
            name: image_quality.masked_sum(metric(scores, batch["label"]), batch["mask"])
            for name, metric in SCORES.items()
        }

    return make_means(sums)


def score(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The metrics of `make_scores` from logits [n, classes] that are already computed."""
    examples = [jnp.asarray(logits), jnp.asarray(labels)]
    return {name: float(np.mean(np.asarray(metric(*examples), np.float64))) for name, metric in SCORES.items()}


def confusion(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The confusion matrix: number of images of each class (row) predicted as each class (column), int [k, k]."""
    classes = logits.shape[-1]
    return np.bincount(labels * classes + logits.argmax(-1), minlength=classes * classes).reshape(classes, classes)
