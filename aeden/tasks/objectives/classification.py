"""Telling the classes of images: the loss, the training task, the evaluation; for any model of logits."""

from __future__ import annotations

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
from aeden.training.loop import Objective
from aeden.transforms import Transform

# (params, images [b, h, w, c] in [0, 1], dropout or None) -> logits [b, classes]
Logits = Callable[[PyTree, Array, Drop | None], Array]
# Dropout's shares in steps of 1/256: eight random bits a node, a quarter of the work of a float's.
DROPOUT_LEVELS = 256
SCORES = {"accuracy": image_quality.accuracy, "cross_entropy": image_quality.cross_entropy}


def smoothed_cross_entropy(logits: Float[Array, "b k"], labels: Integer[Array, b], smoothing: float) -> Float[Array, b]:
    """Cross-entropy in nats with the label's share of 1 spread out: `smoothing` of it evenly over all classes.

    Szegedy et al. 2016, "Rethinking the Inception architecture", section 7.
    """
    targets = optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1]), smoothing)
    return optax.softmax_cross_entropy(logits, targets)


def dropout_levels(rate: float) -> int:
    """How many of `DROPOUT_LEVELS` are kept.

    Raises:
      ValueError: the rate is out of range, or so near to 0 or 1 that all or none would be kept.
    """
    kept = round((1.0 - rate) * DROPOUT_LEVELS) if 0 <= rate < 1 else 0
    if not kept or (kept == DROPOUT_LEVELS and rate):
        raise ValueError(
            f"dropout {rate:g} is out of range: use 0, or from 1/{DROPOUT_LEVELS} to 1 - 1/{DROPOUT_LEVELS}"
        )
    return kept


def make_dropout(example_keys: Key[Array, b], rate: float) -> Drop | None:
    """Dropout of codes (Srivastava et al. 2014), each example with its own key; what is left is scaled up.

    Args:
      example_keys: one an example.
      rate: share of the nodes left out; None comes back for 0.

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


def classification_objective(
    init: Callable[[Array], PyTree],
    descent: GradientStep,
    logits: Logits,
    noise: Transform,
    moves: Transform | None,
    dropout: float,
    smoothing: float,
    validate: Callable[[PyTree], dict[str, float]],
) -> Objective:
    """A task that tells the classes of images whose batches have labels.

    Args:
      init: key -> the initial parameters; compiled by whoever makes it.
      descent: how they follow the gradient.
      logits: the model.
      noise: (keys, images) -> corrupted images, which it learns from.
      moves: (keys, images) -> images moved at random, before they are corrupted; None for none.
      dropout: share of the nodes of each code left out.
      smoothing: of the labels.
      validate: params -> figures on the validation split.
    """

    def step(state: TrainState, batch: PyTree, key: Key[Array, ""]) -> tuple[TrainState, dict[str, Array]]:
        example_keys = random_keys.example_keys(key, state.step, batch["index"])
        noise_keys, drop_keys, move_keys = random_keys.split_each(example_keys, 3)
        images = to_unit(batch["image"])
        noisy = noise(noise_keys, images if moves is None else moves(move_keys, images))

        def losses(params: PyTree, part: PyTree) -> Array:
            scores = logits(params, part["image"], make_dropout(part["key"], dropout))
            return smoothed_cross_entropy(scores, part["label"], smoothing)

        return descent.step(
            state, losses, {"image": noisy, "label": batch["label"], "key": drop_keys, "mask": batch["mask"]}
        )

    return Objective(lambda key: jax.jit(descent.start)(init(key)), step, lambda state: validate(state.params))


def make_scores(logits: Logits) -> Callable[[PyTree, Split], dict[str, float]]:
    """Compiles (params, split) -> its means: `accuracy` (fraction) and `cross_entropy` (nats)."""

    def sums(params: PyTree, batch: PyTree) -> dict[str, Array]:
        scores = logits(params, to_unit(batch["image"]), None)
        return {
            name: image_quality.masked_sum(metric(scores, batch["label"]), batch["mask"])
            for name, metric in SCORES.items()
        }

    return make_means(sums)


def score(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The same means, of logits [n, classes] that are at hand."""
    examples = [jnp.asarray(logits), jnp.asarray(labels)]
    return {name: float(np.mean(np.asarray(metric(*examples), np.float64))) for name, metric in SCORES.items()}


def confusion(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many images of each class (row) were taken for each (column): int [classes, classes]."""
    classes = logits.shape[-1]
    return np.bincount(labels * classes + logits.argmax(-1), minlength=classes * classes).reshape(classes, classes)
