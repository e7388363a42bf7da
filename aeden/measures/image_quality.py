"""Metrics per example: two images [b, h, w, c], or logits and labels -> [b]. Reduce once, by sum over count.

Images are in [0, 1]; an estimate may leave that range (noise that is not clipped does).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from aeden.shapes import Array, Bool, Float, Integer, Scalar

# Keras' clipping of probabilities before a logarithm, so that figures compare.
EPSILON = 1e-7
# An estimate that equals its target would have infinite PSNR, and spoil every mean: 100 dB is the most reported.
SMALLEST_MSE = 1e-10


def bce(estimate: Float[Array, "b h w c"], target: Float[Array, "b h w c"]) -> Float[Array, b]:
    """Binary cross-entropy in nats, mean over pixels; the estimate is clipped to [1e-7, 1 - 1e-7].

    It is not 0 for a perfect estimate of a gray target: see `bce_excess`.
    """
    p = jnp.clip(estimate, EPSILON, 1.0 - EPSILON)
    return -jnp.mean(target * jnp.log(p) + (1.0 - target) * jnp.log1p(-p), axis=(1, 2, 3))


def bce_excess(estimate: Float[Array, "b h w c"], target: Float[Array, "b h w c"]) -> Float[Array, b]:
    """Binary cross-entropy above that of the perfect estimate (nats, >= 0): the Kullback-Leibler divergence."""
    return bce(estimate, target) - bce(target, target)


def mse(estimate: Float[Array, "b h w c"], target: Float[Array, "b h w c"]) -> Float[Array, b]:
    """Mean squared error over pixels and channels."""
    return jnp.mean(jnp.square(estimate - target), axis=(1, 2, 3))


def psnr(estimate: Float[Array, "b h w c"], target: Float[Array, "b h w c"]) -> Float[Array, b]:
    """Peak signal-to-noise ratio in dB for a peak of 1; at most 100. Average the dB of images, not their errors."""
    return -10.0 * jnp.log10(jnp.maximum(mse(estimate, target), SMALLEST_MSE))


def ssim(estimate: Float[Array, "b h w c"], target: Float[Array, "b h w c"]) -> Float[Array, b]:
    """Structural similarity (Wang et al. 2004): Gaussian window, sigma 1.5, 11 pixels, K 0.01 and 0.03, range 1.

    Mean over the pixels whose window lies inside the image, and over channels; equal to scikit-image's with
    `gaussian_weights=True, use_sample_covariance=False`. On images smaller than 11 pixels the window shrinks to fit.
    """

    def window_mean(x: Array) -> Array:
        rows, columns = (jnp.asarray(_window_matrix(size), x.dtype) for size in x.shape[1:3])
        return jnp.einsum("Hh,bhwc,Ww->bHWc", rows, x, columns, precision="highest")

    mean_x, mean_y = window_mean(estimate), window_mean(target)
    var_x = window_mean(estimate * estimate) - mean_x**2
    var_y = window_mean(target * target) - mean_y**2
    covariance = window_mean(estimate * target) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    return jnp.mean(luminance * structure, axis=(1, 2, 3))


def _window_matrix(size: int) -> np.ndarray:
    """[size - window + 1, size]: each row is the 11-tap Gaussian window at one place inside the image.

    A product with this band is the separable filter, and much faster than a one-channel convolution on a CPU.
    """
    radius = min(5, (size - 1) // 2)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / 1.5) ** 2)
    taps /= taps.sum()
    return np.stack([np.convolve(np.eye(size)[i], taps, mode="valid") for i in range(size)], axis=1)


def accuracy(logits: Float[Array, "b k"], labels: Integer[Array, b]) -> Float[Array, b]:
    """1 where the label's logit is the highest, 0 elsewhere."""
    return (jnp.argmax(logits, axis=-1) == labels).astype(jnp.float32)


def cross_entropy(logits: Float[Array, "b k"], labels: Integer[Array, b]) -> Float[Array, b]:
    """-log of the softmax's probability of the label, in nats."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=-1)[:, 0]


METRICS = {"bce": bce, "bce_excess": bce_excess, "mse": mse, "psnr": psnr, "ssim": ssim}


def masked_sum(values: Float[Array, b], mask: Bool[Array, b]) -> Scalar:
    """Sum over the examples that count. A padded example adds nothing, even if its value is not finite."""
    return jnp.sum(jnp.where(mask, values, 0.0))


def restoration_sums(
    estimate: Float[Array, "b h w c"], target: Float[Array, "b h w c"], mask: Bool[Array, b]
) -> dict[str, jax.Array]:
    """Each of `METRICS`, summed over the examples that count."""
    return {name: masked_sum(metric(estimate, target), mask) for name, metric in METRICS.items()}
