"""Restoring corrupted images with any autoencoder: the loss, the training task, the evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from aeden import random_keys
from aeden.data.batches import to_unit
from aeden.data.splits import Split, spread
from aeden.measures import image_quality
from aeden.nn.parameters import apply
from aeden.nn.stack import Autoencoder
from aeden.runtime import devices
from aeden.shapes import Array, Float, Key, PyTree
from aeden.training.evaluation import EVALUATION_BATCH, make_means
from aeden.training.gradient_step import GradientStep, TrainState, part_pixels
from aeden.training.loop import Objective
from aeden.transforms import Transform

Figures = dict[str, float]
# noisy images -> restored images
Restore = Callable[[np.ndarray], np.ndarray]

SAMPLES = 10


def reconstruction_loss(kind: str, logits: Float[Array, "b h w c"], target: Float[Array, "b h w c"]) -> Float[Array, b]:
    """Loss of each image, mean over its pixels: "bce" (nats), "mse" or "l1" of the logits' sigmoid.

    Raises:
      ValueError: unknown kind.
    """
    if kind == "bce":
        losses = optax.sigmoid_binary_cross_entropy(logits, target)
    elif kind == "mse":
        losses = jnp.square(nn.sigmoid(logits) - target)
    elif kind == "l1":
        losses = jnp.abs(nn.sigmoid(logits) - target)
    else:
        raise ValueError(f"unknown loss {kind!r}: use bce, mse or l1")
    return jnp.mean(losses, axis=(1, 2, 3))


def restoration_objective(
    init: Callable[[Array], PyTree],
    descent: GradientStep,
    noise: Transform,
    losses: Callable[[PyTree, Array, Array], Array],
    validate: Callable[[PyTree], Figures],
    moves: Transform | None = None,
    target: Callable[[PyTree, Array], Array] = lambda params, images: images,
) -> Objective:
    """A task that restores corrupted images, or what is made of them.

    Args:
      init: key -> the initial parameters; compiled by whoever makes it.
      descent: how they follow the gradient.
      noise: (keys, targets) -> corrupted targets.
      losses: (params, corrupted, targets) -> the loss of each [b].
      validate: params -> figures on the validation split.
      moves: (keys, images) -> images moved at random, before all else; None for none.
      target: (params, images [b, h, w, c] in [0, 1]) -> what is corrupted and restored: the images, or their code.
    """

    def step(state: TrainState, batch: PyTree, key: Key[Array, ""]) -> tuple[TrainState, dict[str, Array]]:
        noise_keys, images = random_keys.example_keys(key, state.step, batch["index"]), to_unit(batch["image"])
        if moves is not None:
            noise_keys, move_keys = random_keys.split_each(noise_keys, 2)
            images = moves(move_keys, images)
        clean = target(state.params, images)
        noisy = noise(noise_keys, clean)
        return descent.step(
            state,
            lambda params, part: losses(params, part["noisy"], part["clean"]),
            {"clean": clean, "noisy": noisy, "mask": batch["mask"]},
        )

    return Objective(lambda key: jax.jit(descent.start)(init(key)), step, lambda state: validate(state.params))


def image_losses(kind: str, model: Autoencoder) -> Callable[[PyTree, Array, Array], Array]:
    """(params, noisy images, images) -> `reconstruction_loss` of a kind of what a model restores."""
    return lambda params, noisy, clean: reconstruction_loss(kind, apply(model, params, noisy), clean)


def make_evaluation(
    model: Autoencoder, noises: dict[str, Transform], seed: int, stream: random_keys.Stream
) -> Callable[[PyTree, Split], dict[str, dict[str, Figures]]]:
    """Compiles the evaluation of a whole split under several corruptions.

    The noise of an example depends on the seed, the stream and its index only.

    Returns:
      (params, split) -> {name of the corruption: {"noisy": metrics of the input, "restored": of the output}}.
    """

    def sums(params: PyTree, batch: PyTree) -> PyTree:
        target, mask = to_unit(batch["image"]), batch["mask"]
        example_keys = random_keys.example_keys(random_keys.stream_key(seed, stream), 0, batch["index"])
        totals: dict[str, Any] = {}
        for name, noise in noises.items():
            noisy = noise(example_keys, target)
            restored = nn.sigmoid(apply(model, params, noisy))
            totals[name] = {
                "noisy": image_quality.restoration_sums(noisy, target, mask),
                "restored": image_quality.restoration_sums(restored, target, mask),
            }
        return totals

    return make_means(sums)


def corrupt_split(
    noise: Transform, split: Split, seed: int, stream: random_keys.Stream
) -> tuple[np.ndarray, np.ndarray]:
    """All images of a split and what `make_evaluation` makes of them: clean and noisy, float32 [n, h, w, c] each."""

    @jax.jit
    def corrupt(index: Array, images: Array) -> Array:
        return noise(random_keys.example_keys(random_keys.stream_key(seed, stream), 0, index), to_unit(images))

    noisy = []
    for start in range(0, len(split), EVALUATION_BATCH):
        index = np.arange(start, min(start + EVALUATION_BATCH, len(split)), dtype=np.int32)
        noisy.append(np.asarray(corrupt(index, np.asarray(split.images[index]))))
    return np.asarray(split.images, np.float32) / 255.0, np.concatenate(noisy)


def make_restore(model: Autoencoder, params: PyTree, image_shape: tuple[int, ...]) -> Restore:
    """Compiles the restoration of noisy images of a shape: float32 [n, h, w, c] -> the same in [0, 1]."""
    pixels = part_pixels(model, image_shape)
    return devices.map_examples(lambda p, images: nn.sigmoid(apply(model, p, images)), params, pixels)


def shown(count: int) -> np.ndarray:
    """Which of so many test images pictures show: int32 [n]."""
    return spread(count, SAMPLES).astype(np.int32)


def restore_samples(
    model: Autoencoder, params: PyTree, noise: Transform, split: Split, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images spread over the test split, as the evaluation saw them.

    Returns:
      clean, noisy, restored: [n, h, w, c] each.
    """
    index = shown(len(split))
    clean = to_unit(jnp.asarray(split.images[index]))
    noisy = noise(
        random_keys.example_keys(random_keys.stream_key(seed, random_keys.Stream.TEST), 0, jnp.asarray(index)), clean
    )
    return np.asarray(clean), np.asarray(noisy), make_restore(model, params, clean.shape[1:])(np.asarray(noisy))
