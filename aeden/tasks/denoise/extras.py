"""Further measures of a trained autoencoder: equivariance to shifts, and the gap between training and test images."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aeden.data.dataset import Dataset
from aeden.data.splits import Split, spread
from aeden.measures import equivariance, image_quality
from aeden.measures.metric import Metric
from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.decoders import DECODERS
from aeden.nn.unet import Network, UNet
from aeden.shapes import PyTree
from aeden.tasks.objectives.noisy_images import FixedNoise, corrupted
from aeden.tasks.objectives.restoration import make_evaluation, make_restore
from aeden.training.evaluation import EVALUATION_BATCH, in_batches
from aeden.transforms.noise import levels_of

# Number of test images whose restoration is compared with that of shifted ones.
SHIFTED_IMAGES = 2 * EVALUATION_BATCH
# By how many total strides an image is enlarged at each border for that, at least. The padding of a network of two
# stages with kernels of 3 pixels then reaches no pixel of the image.
MARGIN = 4
# What a network does worse on test images than on training images. Neither direction is better: a network that learns
# nothing has no gap.
PSNR_GAP = Metric("generalisation_gap_db", "gap to training images", "dB", higher_is_better=None, digits=3)
BCE_GAP = Metric("generalisation_gap_bce", "BCE gap to training images", "nats", higher_is_better=None, digits=5)
# Names of all metrics of this file.
NAMES = (equivariance.SHIFT_EQUIVARIANCE.name, PSNR_GAP.name, BCE_GAP.name)


def measure_extras(model: Network, params: PyTree, noise: FixedNoise, dataset: Dataset) -> dict[str, Any]:
    """The entries of a summary about training images and shifts.

    Args:
      model: the autoencoder.
      params: its trained parameters.
      noise: the noise of the test.
      dataset: its training and test images are used.

    Returns:
      `train`, the metrics of restored training images; and `shift_equivariance_db`, see `shift_equivariance`, for a
      convolutional network that reduces images.
    """
    found: dict[str, Any] = {"train": on_training_images(model, params, noise, dataset)}
    if isinstance(model, ConvAutoencoder | UNet):
        decibels = shift_equivariance(model, params, noise, dataset.test)
        if decibels is not None:
            found[equivariance.SHIFT_EQUIVARIANCE.name] = decibels
    return found


def on_training_images(model: Network, params: PyTree, noise: FixedNoise, dataset: Dataset) -> dict[str, float]:
    """The metrics of up to as many training images as there are test images, evenly spread over the split.

    The i-th of them gets the noise of the i-th test image, which no training step used.
    """
    some = dataset.train.select(spread(len(dataset.train), len(dataset.test)))
    return make_evaluation(model, {"test": noise})(params, some)["test"]["restored"]


def gaps(test: dict[str, float], train: dict[str, float]) -> dict[str, float]:
    """How much better training images are restored than test images, by `PSNR_GAP` and `BCE_GAP`."""
    psnr, bce = image_quality.PSNR.name, image_quality.BCE.name
    return {PSNR_GAP.name: train[psnr] - test[psnr], BCE_GAP.name: test[bce] - train[bce]}


def shift_equivariance(model: ConvAutoencoder | UNet, params: PyTree, noise: FixedNoise, split: Split) -> float | None:
    """EQ-T in dB of a network over images of a split, see `aeden.measures.equivariance`.

    Images are enlarged by repeating their edge, and the enlarged image gets noise of its own.

    Returns:
      None for a network of stride 1, which is equivariant.
    """
    period = model.stride
    if period < 2:
        return None
    margin = _margin(model)
    height, width, channels = split.images.shape[1:]
    shape = (height + 2 * margin, width + 2 * margin, channels)
    restore = make_restore(model, jax.device_get(params), shape)
    sides = (margin + period - 1, margin)
    errors = []
    chosen = spread(len(split), SHIFTED_IMAGES).astype(np.int32)
    for start in range(0, len(chosen), EVALUATION_BATCH):
        index = chosen[start : start + EVALUATION_BATCH]
        enlarged = np.pad(split.images[index], ((0, 0), sides, sides, (0, 0)), mode="edge")
        level = levels_of(noise, jnp.asarray(index))
        # A chunk is one batch, so that the levels go with their images.
        at_level = functools.partial(restore, level=None if level is None else np.asarray(level))
        noisy = np.asarray(corrupted(noise, index, enlarged))
        errors.append(equivariance.shift_errors(functools.partial(in_batches, at_level), noisy, period, margin))
    return equivariance.decibels(float(np.concatenate(errors).mean()))


def _margin(model: ConvAutoencoder | UNet) -> int:
    """By how many pixels an image is enlarged at each border: `MARGIN` strides, more if a deep network sees further."""
    seen = model.receptive_radius() if isinstance(model, UNet) and not DECODERS[model.decoder].moves else 0
    return max(MARGIN, -(-seen // model.stride)) * model.stride
