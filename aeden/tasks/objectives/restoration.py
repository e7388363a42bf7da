"""Objective "restoration": an autoencoder learns to restore corrupted images or codes. Loss, step, evaluation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from aeden import random_keys
from aeden.data.batches import to_unit
from aeden.data.splits import Split
from aeden.measures import image_quality
from aeden.measures.holes import hole_sums
from aeden.nn.restore import is_linear, model_output, restore, takes_level
from aeden.nn.stack import Autoencoder
from aeden.runtime import example_maps
from aeden.shapes import Array, Float, Key, PyTree
from aeden.tasks.objectives.noisy_images import FixedNoise, corrupted, noisy_images
from aeden.training.evaluation import EVALUATION_BATCH, make_means, make_means_of_states
from aeden.training.gradient_step import GradientStep, TrainState, part_pixels
from aeden.training.objective import Objective
from aeden.transforms import Transform
from aeden.transforms.noise import LevelledNoise, hole_of, levels_of

Figures = dict[str, float]
# (noisy images, float32 [n, h, w, c]; level=None: their noise levels [n], for networks that are given them)
# -> restored images in [0, 1], the shape of the noisy ones
Restore = Callable[..., np.ndarray]
# (parameters, corrupted targets, targets, their noise levels [b] or None) -> loss of each example [b]
Losses = Callable[[PyTree, Array, Array, Array | None], Array]
# (clean images, restored images, mask [b]) -> sums over the images that the mask marks
Measure = Callable[[Array, Array, Array], PyTree]

LOSSES = ("bce", "mse", "l1")


def reconstruction_loss(
    kind: str, output: Float[Array, "b h w c"], target: Float[Array, "b h w c"], linear: bool = False
) -> Float[Array, b]:
    """Loss of each image, mean over its pixels.

    Args:
      kind: "bce" (binary cross-entropy, nats), "mse" or "l1".
      output: output of the model.
      target: clean images in [0, 1].
      linear: whether the output is the restored image, without limits; if not, it is logits, whose sigmoid is it.

    Raises:
      ValueError: unknown kind, or "bce" of an output that is no probability.
    """
    # One long axis: XLA's sum over three short ones takes ten times as long on a CPU.
    output, target = output.reshape(len(output), -1), target.reshape(len(target), -1)
    if kind == "bce" and linear:
        raise ValueError("loss=bce needs logits, and this network returns images: use loss=mse or loss=l1")
    if kind == "bce":
        # optax.sigmoid_binary_cross_entropy up to 1e-6 nats, with one logarithm per pixel in place of two.
        losses = nn.softplus(output) - target * output
    elif kind == "mse":
        losses = jnp.square((output if linear else nn.sigmoid(output)) - target)
    elif kind == "l1":
        losses = jnp.abs((output if linear else nn.sigmoid(output)) - target)
    else:
        raise ValueError(f"unknown loss {kind!r}: use bce, mse or l1")
    return jnp.mean(losses, axis=1)


def image_losses(kind: str, model: Autoencoder) -> Losses:
    """The reconstruction loss of a model for noisy and clean images.

    The output of a residual network is not clipped here: where it is outside [0, 1], clipping would leave no gradient.
    """

    def losses(params: PyTree, noisy: Array, clean: Array, level: Array | None = None) -> Array:
        return reconstruction_loss(kind, model_output(model, params, noisy, level), clean, is_linear(model))

    return losses


def restoration_objective(
    init: Callable[[Array], PyTree],
    gradient_step: GradientStep,
    noise: Transform,
    losses: Losses,
    validate: Callable[[PyTree], Figures],
    augment: Transform | None = None,
    target: Callable[[PyTree, Array], Array] = lambda params, images: images,
) -> Objective:
    """The objective of restoring corrupted images, or the corrupted code of images.

    Args:
      init: key -> initial parameters.
      gradient_step: how the parameters follow the gradient.
      noise: corrupts the targets, unless the batches have noisy images (pairs). If it is a `LevelledNoise`, the losses
        are given its levels.
      losses: loss of each example.
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
        parts = {
            "clean": clean,
            "noisy": noise(noise_keys, clean) if given is None else given,
            "mask": batch["mask"],
        }
        level = levels_of(noise, noise_keys)
        if level is not None:
            parts["level"] = level
        return gradient_step.step(
            state, lambda params, part: losses(params, part["noisy"], part["clean"], part.get("level")), parts
        )

    return Objective(lambda key: jax.jit(gradient_step.start)(init(key)), step, lambda state: validate(state.params))


def fixed_noise(noise: Transform, seed: int, stream: random_keys.Stream) -> FixedNoise:
    """The noise of an evaluation: that of an example depends on the seed, the stream and its index only.

    Args:
      noise: the transform. That of a `LevelledNoise` tells its levels, by the index too.
      seed: seed of the run.
      stream: `Stream.VALIDATION` or `Stream.TEST`.
    """

    return keyed_noise(noise, random_keys.stream_key_data(seed, stream))


def keyed_noise(noise: Transform, key_data: np.ndarray | Array) -> FixedNoise:
    """`fixed_noise` with the key of the stream, as data."""

    def keys(key: np.ndarray | Array, index: Array) -> Array:
        return random_keys.example_keys(jax.random.wrap_key_data(jnp.asarray(key)), 0, index)

    def corrupt(key: np.ndarray | Array, index: Array, images: Array) -> Array:
        return noise(keys(key, index), images)

    corrupted = jax.tree_util.Partial(corrupt, key_data)
    if not isinstance(noise, LevelledNoise):
        return corrupted
    levels = jax.tree_util.Partial(lambda key, index: noise.levels(keys(key, index)), key_data)
    return LevelledNoise(corrupted, levels)


def make_evaluation(
    model: Autoencoder,
    noises: Mapping[str, FixedNoise],
    measures: Mapping[str, Measure] | None = None,
    holes: Collection[str] = (),
) -> Callable[[PyTree, Split], dict[str, dict[str, Any]]]:
    """Compiles the evaluation of a whole split under several kinds or levels of noise.

    Args:
      model: the autoencoder.
      noises: name -> noise.
      measures: name of a noise -> what else to measure on the images restored from it.
      holes: names of the noises that leave parts of the images out (`aeden.transforms.noise.HOLES`).

    Returns:
      (parameters, split) -> {name of the noise: {"noisy": metrics of the input, "restored": metrics of the output}},
      with the means of its measure, if it has one, as "measured", and of `hole_sums`, if it has holes, as "holes" and,
      of the input, "noisy_holes".
    """
    measures = measures or {}

    def sums(params_and_noises: tuple[PyTree, dict[str, FixedNoise]], batch: PyTree) -> PyTree:
        params, fixed = params_and_noises
        target, mask = to_unit(batch["image"]), batch["mask"]
        totals: dict[str, Any] = {}
        for name, noise in fixed.items():
            noisy = noisy_images(batch, target, noise)
            restored = restore(model, params, noisy, levels_of(noise, batch["index"]))
            totals[name] = {
                "noisy": image_quality.restoration_sums(noisy, target, mask),
                "restored": image_quality.restoration_sums(restored, target, mask),
            }
            if name in measures:
                totals[name]["measured"] = measures[name](target, restored, mask)
            if name in holes:
                hole = hole_of(noise, batch["index"], target)
                totals[name]["holes"] = hole_sums(restored, target, hole, mask)
                totals[name]["noisy_holes"] = hole_sums(noisy, target, hole, mask)
        return totals

    means = make_means(sums, functools.partial(part_pixels, model))
    return lambda params, split: means((params, dict(noises)), split)


def make_validation(model: Autoencoder, noise: FixedNoise, split: Split) -> Callable[[PyTree], Figures]:
    """Compiles the validation: parameters -> metrics of the restored images of a split."""

    def sums(params_and_noise: tuple[PyTree, FixedNoise], batch: PyTree) -> PyTree:
        params, fixed = params_and_noise
        return _restored_sums(model, fixed, params, batch)

    means = make_means(sums, functools.partial(part_pixels, model))
    return lambda params: means((params, noise), split)


def make_validation_of_seeds(
    model: Autoencoder, noise: Transform, split: Split
) -> Callable[[PyTree, Sequence[int]], list[Figures]]:
    """Compiles the validation of several seeds in one program, see `Objective.validate_seeds`.

    Args:
      model: the autoencoder.
      noise: the transform; each seed has its own fixed noise, as `make_validation` is given it.
      split: the images.
    """

    def sums(params: PyTree, batch: PyTree, key: Array) -> PyTree:
        return _restored_sums(model, keyed_noise(noise, key), params, batch)

    means = make_means_of_states(sums, functools.partial(part_pixels, model))

    def validate(states: PyTree, seeds: Sequence[int]) -> list[Figures]:
        keys = [random_keys.stream_key_data(seed, random_keys.Stream.VALIDATION) for seed in seeds]
        return means(states.params, keys, split)

    return validate


def _restored_sums(model: Autoencoder, noise: FixedNoise, params: PyTree, batch: PyTree) -> PyTree:
    """The sums of the metrics of the restored images of a batch."""
    target, level = to_unit(batch["image"]), levels_of(noise, batch["index"])
    restored = restore(model, params, noisy_images(batch, target, noise), level)
    return image_quality.restoration_sums(restored, target, batch["mask"])


def corrupt_split(noise: FixedNoise, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """All images of a split, clean and noisy as in the evaluation: float32 [n, h, w, c] each."""
    noisy = []
    for start in range(0, len(split), EVALUATION_BATCH):
        index = np.arange(start, min(start + EVALUATION_BATCH, len(split)), dtype=np.int32)
        noisy.append(np.asarray(corrupted(noise, index, np.asarray(split.images[index]))))
    return np.asarray(split.images, np.float32) / 255.0, np.concatenate(noisy)


def make_restore(model: Autoencoder, params: PyTree, image_shape: tuple[int, ...]) -> Restore:
    """Compiles the restoration of noisy images [n, *image_shape] with given parameters.

    The result raises ValueError if the network is to be given the noise levels, and they are not there.
    """
    pixels = part_pixels(model, image_shape)
    if not takes_level(model):
        plain = example_maps.map_examples(lambda p, images: restore(model, p, images), params, pixels)
        return lambda noisy, level=None: plain(noisy)
    # The level of an image travels with it, as one more channel.
    mapped = example_maps.map_examples(lambda p, x: restore(model, p, x[..., :-1], x[:, 0, 0, -1]), params, pixels)

    def restore_at(noisy: np.ndarray, level: Any = None) -> np.ndarray:
        if level is None:
            raise ValueError("this network needs the noise level of the images (model.level_input=True): give it")
        planes = np.broadcast_to(np.reshape(np.asarray(level, np.float32), (-1, 1, 1, 1)), (*noisy.shape[:3], 1))
        return mapped(np.concatenate([noisy, planes], axis=-1))

    return restore_at
