"""Results that are numbers and yet worth nothing: outputs that do not depend on the input, or do worse than nothing.

Each function returns sentences for the key "warnings" of a summary; none if all is well.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# Images in [0, 1] that differ by less than a gray level of 255 are alike.
GRAY_LEVEL = 1 / 255
# Mean squared error of an input below which it has no noise, but for rounding.
CLEAN = 1e-10
REMEDY = "train longer, lower learning_rate, or set optimizer.grad_clip=1"
CONSTANT = f"the network gives the same image for every input: {REMEDY}"


def restoration_warnings(
    images: Mapping[str, np.ndarray],
    noisy: Mapping[str, float],
    restored: Mapping[str, float],
) -> list[str]:
    """Warnings of an autoencoder.

    Args:
      images: "clean" and "restored" -> some images [n, h, w, c] in [0, 1].
      noisy, restored: the metrics of the input and of the output, with "mse". The mean PSNR would not do: images with
        hardly any noise, or whose holes hit nothing, have so high a PSNR that they decide it.
    """
    if _constant(images):
        return [CONSTANT]
    before, after = noisy["mse"], restored["mse"]
    if before > CLEAN and not after <= before:
        return [
            f"the restored images are worse than the noisy ones (mean squared error {before:.2g} to {after:.2g}): "
            f"{REMEDY}"
        ]
    return []


def class_warnings(confusion: np.ndarray) -> list[str]:
    """Warnings of a classifier, from int [classes, classes]; row: label, column: predicted class."""
    shares = confusion.sum(1) / max(confusion.sum(), 1)
    if np.count_nonzero(shares) < 2:
        return []
    if np.count_nonzero(confusion.sum(0)) < 2:
        return [f"the classifier predicts the same class for every image: {REMEDY}"]
    accuracy = np.trace(confusion) / confusion.sum()
    if accuracy <= shares.max():
        return [
            f"the accuracy, {accuracy:.2%}, is no better than always predicting the largest class, "
            f"{shares.max():.2%}: train longer, or change learning_rate"
        ]
    return []


def enlargement_warnings(images: Mapping[str, np.ndarray], figures: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Warnings of super-resolution.

    Args:
      images: "clean" and "restored" -> some images [n, h, w, c] in [0, 1].
      figures: "test" and "nearest" (the enlargement that computes nothing) -> metrics, with "psnr".
    """
    if _constant(images):
        return [CONSTANT]
    ours, nearest = figures["test"]["psnr"], figures["nearest"]["psnr"]
    if not ours >= nearest:
        return [f"repeating each pixel is better than the network (PSNR {nearest:.2f} and {ours:.2f} dB): {REMEDY}"]
    return []


def pixel_warnings(confusion: np.ndarray) -> list[str]:
    """Warnings of segmentation, from int [classes, classes]; row: class of a pixel, column: predicted class."""
    if np.count_nonzero(confusion.sum(1)) > 1 and np.count_nonzero(confusion.sum(0)) < 2:
        return [f"the network gives every pixel the same class: {REMEDY}"]
    return []


def sample_warnings(samples: np.ndarray) -> list[str]:
    """Warnings of a generator, from its samples, uint8 [n, h, w, c]."""
    if alike(np.asarray(samples) / 255.0):
        return [f"all samples are the same image: {REMEDY}"]
    return []


def _constant(images: Mapping[str, np.ndarray]) -> bool:
    """Whether all outputs are the same, though the clean images are not."""
    return alike(images["restored"]) and not alike(images["clean"])


def alike(images: np.ndarray) -> bool:
    """Whether two or more images [n, h, w, c] in [0, 1] are all the same."""
    return len(images) > 1 and bool((images.max(0) - images.min(0)).max() < GRAY_LEVEL)
