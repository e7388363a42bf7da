"""Objective "restoration": an autoencoder learns to restore corrupted images or codes. Loss, step, evaluation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from aeden import random_keys
from aeden.data.batches import to_unit
from aeden.data.crops import WholeImages
from aeden.data.splits import Split, spread
from aeden.measures import image_quality
from aeden.nn.parameters import apply
from aeden.nn.stack import Autoencoder
from aeden.runtime import devices
from aeden.shapes import Array, Float, Key, PyTree
from aeden.tasks.objectives.noisy_images import FixedNoise, noisy_images
from aeden.training.evaluation import EVALUATION_BATCH, make_means
from aeden.training.gradient_step import GradientStep, TrainState, part_pixels
from aeden.training.objective import Objective
from aeden.transforms import Transform

Figures = dict[str, float]
# noisy images, float32 [n, h, w, c] -> restored images in [0, 1], the same shape
Restore = Callable[[np.ndarray], np.ndarray]
# (clean images, restored images, mask [b]) -> sums over the images that the mask marks
Measure = Callable[[Array, Array, Array], PyTree]

LOSSES = ("bce", "mse", "l1")
# Number of test images that pictures show.
SAMPLES = 10


def reconstruction_loss(kind: str, logits: Float[Array, "b h w c"], target: Float[Array, "b h w c"]) -> Float[Array, b]:
    """Loss of each image, mean over its pixels.

    Args:
      kind: "bce" (binary cross-entropy, nats), "mse" or "l1", of the sigmoid of the logits.
      logits: output of the model.
      target: clean images in [0, 1].

    Raises:
      ValueError: unknown kind.
    """
    # One long axis: XLA's sum over three short ones takes ten times as long on a CPU.
    logits, target = logits.reshape(len(logits), -1), target.reshape(len(target), -1)
    if kind == "bce":
        # optax.sigmoid_binary_cross_entropy up to 1e-6 nats, with one logarithm per pixel in place of two.
        losses = nn.softplus(logits) - target * logits
    elif kind == "mse":
        losses = jnp.square(nn.sigmoid(logits) - target)
    elif kind == "l1":
        losses = jnp.abs(nn.sigmoid(logits) - target)
    else:
        raise ValueError(f"unknown loss {kind!r}: use bce, mse or l1")
    return jnp.mean(losses, axis=1)


def image_losses(kind: str, model: Autoencoder) -> Callable[[PyTree, Array, Array], Array]:
    """The reconstruction loss of a model: (parameters, noisy images, clean images) -> loss of each image [b]."""
    return lambda params, noisy, clean: reconstruction_loss(kind, apply(model, params, noisy), clean)


def restoration_objective(
    init: Callable[[Array], PyTree],
    gradient_step: GradientStep,
    noise: Transform,
    losses: Callable[[PyTree, Array, Array], Array],
    validate: Callable[[PyTree], Figures],
    augment: Transform | None = None,
    target: Callable[[PyTree, Array], Array] = lambda params, images: images,
) -> Objective:
    """The objective of restoring corrupted images, or the corrupted code of images.

    Args:
      init: key -> initial parameters.
      gradient_step: how the parameters follow the gradient.
      noise: corrupts the targets, unless the batches have noisy images (pairs).
      losses: (parameters, corrupted targets, targets) -> loss of each example [b].
      validate: parameters -> metrics on the validation split.
      augment: random transform of the training images, applied first; None for none.
      target: (parameters, images [b, h, w, c] in [0, 1]) -> what is corrupted and restored: the images or their code.
    """

    def step(state: TrainState, batch: PyTree, key: Key[Array, ""]) -> tuple[TrainState, dict[str, Array]]:
        noise_keys, images = random_keys.example_keys(key, state.step, batch["index"]), to_unit(batch["image"])
        given = to_unit(batch["noisy"]) if "noisy" in batch else None
        if augment is not None:
            noise_keys, augment_keys = random_keys.split_each(noise_keys, 2)
            images = augment(augment_keys, images)
            given = None if given is None else augment(augment_keys, given)
        clean = target(state.params, images)
        noisy = noise(noise_keys, clean) if given is None else given
        return gradient_step.step(
            state,
            lambda params, part: losses(params, part["noisy"], part["clean"]),
            {"clean": clean, "noisy": noisy, "mask": batch["mask"]},
        )

    return Objective(lambda key: jax.jit(gradient_step.start)(init(key)), step, lambda state: validate(state.params))


def fixed_noise(noise: Transform, seed: int, stream: random_keys.Stream) -> FixedNoise:
    """The noise of an evaluation: that of an example depends on the seed, the stream and its index only.

    Args:
      noise: the transform.
      seed: seed of the run.
      stream: `Stream.VALIDATION` or `Stream.TEST`.
    """

    def corrupt(index: Array, images: Array) -> Array:
        return noise(random_keys.example_keys(random_keys.stream_key(seed, stream), 0, index), images)

    return corrupt


def make_evaluation(
    model: Autoencoder, noises: Mapping[str, FixedNoise], measures: Mapping[str, Measure] | None = None
) -> Callable[[PyTree, Split | WholeImages], dict[str, dict[str, Any]]]:
    """Compiles the evaluation of a whole split under several kinds or levels of noise.

    Images of several sizes are compiled for once per size.

    Args:
      model: the autoencoder.
      noises: name -> noise.
      measures: name of a noise -> what else to measure on the images restored from it.

    Returns:
      (parameters, split) -> {name of the noise: {"noisy": metrics of the input, "restored": metrics of the output}},
      with the means of its measure, if it has one, as "measured".
    """
    measures = measures or {}

    def sums(params: PyTree, batch: PyTree) -> PyTree:
        target, mask = to_unit(batch["image"]), batch["mask"]
        totals: dict[str, Any] = {}
        for name, noise in noises.items():
            noisy = noisy_images(batch, target, noise)
            restored = nn.sigmoid(apply(model, params, noisy))
            totals[name] = {
                "noisy": image_quality.restoration_sums(noisy, target, mask),
                "restored": image_quality.restoration_sums(restored, target, mask),
            }
            if name in measures:
                totals[name]["measured"] = measures[name](target, restored, mask)
        return totals

    return make_means(sums, functools.partial(part_pixels, model))


def make_validation(model: Autoencoder, noise: FixedNoise, split: Split) -> Callable[[PyTree], Figures]:
    """Compiles the validation: parameters -> metrics of the restored images of a split."""

    def sums(params: PyTree, batch: PyTree) -> PyTree:
        target = to_unit(batch["image"])
        restored = nn.sigmoid(apply(model, params, noisy_images(batch, target, noise)))
        return image_quality.restoration_sums(restored, target, batch["mask"])

    means = make_means(sums, functools.partial(part_pixels, model))
    return lambda params: means(params, split)


def corrupt_split(noise: FixedNoise, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """All images of a split, clean and noisy as in the evaluation: float32 [n, h, w, c] each."""
    corrupt = jax.jit(lambda index, images: noise(index, to_unit(images)))
    noisy = []
    for start in range(0, len(split), EVALUATION_BATCH):
        index = np.arange(start, min(start + EVALUATION_BATCH, len(split)), dtype=np.int32)
        noisy.append(np.asarray(corrupt(index, np.asarray(split.images[index]))))
    return np.asarray(split.images, np.float32) / 255.0, np.concatenate(noisy)


def make_restore(model: Autoencoder, params: PyTree, image_shape: tuple[int, ...]) -> Restore:
    """Compiles the restoration of noisy images [n, *image_shape] with given parameters."""
    pixels = part_pixels(model, image_shape)
    return devices.map_examples(lambda p, images: nn.sigmoid(apply(model, p, images)), params, pixels)


def shown(count: int) -> np.ndarray:
    """The indices of the test images that pictures show, out of `count`: int32 [n].

    They are evenly spread, and each is shifted by one more than the one before: labels that repeat with a period, as
    those of glyphs do, would otherwise all be equal.
    """
    index = spread(count, SAMPLES)
    return np.minimum(index + np.arange(len(index)), count - 1).astype(np.int32)


def restore_samples(model: Autoencoder, params: PyTree, noise: FixedNoise, split: Split) -> dict[str, np.ndarray]:
    """Some images of a split, corrupted as in the evaluation.

    Returns:
      `clean`, `noisy` and `restored` images: [n, h, w, c] each.
    """
    index = shown(len(split))
    batch = jax.tree.map(jnp.asarray, split.take(index, len(index)))
    clean = to_unit(batch["image"])
    noisy = noisy_images(batch, clean, noise)
    restored = make_restore(model, params, clean.shape[1:])(np.asarray(noisy))
    return {"clean": np.asarray(clean), "noisy": np.asarray(noisy), "restored": restored}


def psnr_of(images: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """The PSNR in dB of each `noisy` and each `restored` image, compared with the `clean` ones."""
    clean = jnp.asarray(images["clean"])
    return {
        name: np.asarray(image_quality.psnr(jnp.asarray(images[name]), clean)).tolist()
        for name in ("noisy", "restored")
    }
