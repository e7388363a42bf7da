"""Metrics of restored images and of predicted classes.

Every metric returns one value per example: two batches of images [b, h, w, c], or logits and labels, -> [b]. Average
once over a whole split, as the sum over all examples divided by their number.

Images are in [0, 1]. Estimates may be outside that range, e.g. images with noise that is not clipped.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from aeden.measures.metric import Metric
from aeden.shapes import Array, Bool, Float, Integer, Scalar

# Probabilities are clipped before a logarithm as in Keras, so that values are comparable.
EPSILON = 1e-7
# Caps the PSNR at 100 dB: an estimate equal to its target has infinite PSNR, which would make every mean infinite.
SMALLEST_MSE = 1e-10


def _flat(*batches: Float[Array, "b h w c"]) -> tuple[Array, ...]:
    """Each batch as [b, h * w * c], for means over all but the first axis.

    On CPUs, XLA computes a mean over one long axis up to 25 times as fast as over three short ones, with the same
    result. The barrier stops it from undoing the reshape.
    """
    return jax.lax.optimization_barrier(tuple(x.reshape(len(x), -1) for x in batches))


BCE = Metric("bce", "BCE", "nats", higher_is_better=False, digits=4)


def bce(estimate: Float[Array, "b h w c"], target: Float[Array, "b h w c"]) -> Float[Array, b]:
    """Binary cross-entropy in nats, mean over pixels and channels; the estimate is clipped to [1e-7, 1 - 1e-7].

    It is not 0 for a perfect estimate of a gray target, see `bce_excess`.
    """
    p, target, rest = _flat(jnp.clip(estimate, EPSILON, 1.0 - EPSILON), target, 1.0 - target)
    return -jnp.mean(target * jnp.log(p) + rest * jnp.log1p(-p), axis=1)


BCE_EXCESS = Metric("bce_excess", "BCE excess", "nats", higher_is_better=False, digits=4)


def bce_excess(estimate: Float[Array, "b h w c"], target: Float[Array, "b h w c"]) -> Float[Array, b]:
    """Binary cross-entropy minus that of a perfect estimate: the Kullback-Leibler divergence, in nats, >= 0."""
    return bce(estimate, target) - bce(target, target)


MSE = Metric("mse", "MSE", "", higher_is_better=False, digits=5)


def mse(estimate: Float[Array, "b h w c"], target: Float[Array, "b h w c"]) -> Float[Array, b]:
    """Mean squared error over pixels and channels, >= 0."""
    estimate, target = _flat(estimate, target)
    return jnp.mean(jnp.square(estimate - target), axis=1)


# docs/method.md, "Margin", says why 0.1 dB.
PSNR = Metric("psnr", "PSNR", "dB", higher_is_better=True, digits=2, margin=0.1)


def psnr(estimate: Float[Array, "b h w c"], target: Float[Array, "b h w c"]) -> Float[Array, b]:
    """Peak signal-to-noise ratio in dB for a peak of 1, capped at 100.

    To average over images, average their dB values, not their squared errors.
    """
    return -10.0 * jnp.log10(jnp.maximum(mse(estimate, target), SMALLEST_MSE))


SSIM = Metric("ssim", "SSIM", "", higher_is_better=True, digits=4)


def ssim(estimate: Float[Array, "b h w c"], target: Float[Array, "b h w c"]) -> Float[Array, b]:
    """Structural similarity (Wang et al. 2004), at most 1, the value of equal images.

    The window is a Gaussian of 11 pixels with sigma 1.5; K is 0.01 and 0.03, the data range 1. The result is the mean
    over channels and over the pixels whose window lies inside the image. It equals scikit-image's with
    `gaussian_weights=True, use_sample_covariance=False`. In images smaller than 11 pixels the window shrinks to fit.
    """

    x, y = estimate, target
    # All five in one product: separate means of the target would be shared by several estimates, and XLA would then
    # round the variance differently.
    stacked = jnp.concatenate([x, y, x * x, y * y, x * y])
    rows, columns = (jnp.asarray(_window_matrix(size), x.dtype) for size in x.shape[1:3])
    means = jnp.einsum("Hh,bhwc,Ww->bHWc", rows, stacked, columns, precision="highest")
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = jnp.split(_flat(means)[0], 5)
    var_x, var_y = mean_xx - mean_x**2, mean_yy - mean_y**2
    covariance = mean_xy - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    return jnp.mean(luminance * structure, axis=1)


def _window_matrix(size: int) -> np.ndarray:
    """[size - window + 1, size]: each row is the 11-tap Gaussian window at one position inside the image.

    Multiplying with this band matrix along both axes applies the separable filter, much faster on a CPU than a
    one-channel convolution.
    """
    radius = min(5, (size - 1) // 2)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / 1.5) ** 2)
    taps /= taps.sum()
    matrix = np.zeros((size - len(taps) + 1, size))
    for i, row in enumerate(matrix):
        row[i : i + len(taps)] = taps
    return matrix


ACCURACY = Metric("accuracy", "accuracy", "", higher_is_better=True, digits=4)


def accuracy(logits: Float[Array, "b k"], labels: Integer[Array, b]) -> Float[Array, b]:
    """1 if the predicted class, the one with the highest logit, is the label; 0 if not."""
    return (jnp.argmax(logits, axis=-1) == labels).astype(jnp.float32)


CROSS_ENTROPY = Metric("cross_entropy", "cross-entropy", "nats", higher_is_better=False, digits=4)


def cross_entropy(logits: Float[Array, "b k"], labels: Integer[Array, b]) -> Float[Array, b]:
    """-log of the softmax probability of the label, in nats."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=-1)[:, 0]


# Metrics of restored images: key in summaries -> function.
RESTORATION_METRICS = {BCE.name: bce, BCE_EXCESS.name: bce_excess, MSE.name: mse, PSNR.name: psnr, SSIM.name: ssim}


def masked_sum(values: Float[Array, b], mask: Bool[Array, b]) -> Scalar:
    """Sum over the examples where `mask` is true. Others (padding) add nothing, even if their value is not finite."""
    return jnp.sum(jnp.where(mask, values, 0.0))


def restoration_sums(
    estimate: Float[Array, "b h w c"], target: Float[Array, "b h w c"], mask: Bool[Array, b]
) -> dict[str, jax.Array]:
    """Each of `RESTORATION_METRICS`, summed over the examples where `mask` is true."""
    return {name: masked_sum(metric(estimate, target), mask) for name, metric in RESTORATION_METRICS.items()}
