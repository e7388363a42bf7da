"""Metrics of checkerboard artifacts, and spectra of images."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from aeden.measures.image_quality import SMALLEST_MSE
from aeden.measures.metric import Metric
from aeden.shapes import Array, Float, Scalar

# Lower is better for the residual of a restored image. Generated images should have the value of real images.
HARMONIC_ENERGY = Metric("harmonic_energy", "checkerboard energy", "", higher_is_better=False, digits=5)


def harmonic_energy(images: Float[Array, "b h w c"], stride: int) -> Float[Array, b]:
    """Share of an image's variance that repeats with a period of `stride` pixels along both axes, in [0, 1].

    This is the spectral energy at the frequencies (i, j) / stride without (0, 0), divided by the energy at all
    frequencies without (0, 0). The frequencies (i, j) / stride are that of the stride, its harmonics and, for an even
    stride, the Nyquist frequency. A transposed convolution whose kernel overlaps itself unevenly leaves such a pattern,
    a checkerboard (Odena et al. 2016). Other patterns of the same period count too, so compare with real images.

    By Parseval's theorem the energy is the variance of the means over pixels that are `stride` apart, so no Fourier
    transform is needed. Rows and columns after the last multiple of `stride` are dropped, so that the image holds whole
    periods. The result is 0 for an image of a single value.

    Raises:
      ValueError: the stride is less than 2, or larger than the image.
    """
    phases = _split_by_phase(images, stride)
    centred = phases - jnp.mean(phases, axis=(1, 2, 3, 4), keepdims=True)
    total = jnp.mean(jnp.square(centred), axis=(1, 2, 3, 4, 5))
    periodic = jnp.mean(jnp.square(jnp.mean(centred, axis=(1, 3))), axis=(1, 2, 3))
    return jnp.where(total > SMALLEST_MSE, periodic / jnp.maximum(total, SMALLEST_MSE), 0.0)


# Lower is better for the residual of a restored image. Generated images should have the value of real images.
PHASE_VARIATION = Metric("phase_variation", "phase variation", "", higher_is_better=False, digits=4)


def phase_variation(images: Float[Array, "b h w c"], stride: int) -> Float[Array, b]:
    """How much the variance of pixels depends on their position modulo the stride.

    It is the standard deviation of the variances of all stride^2 positions, divided by their mean; 0 if all positions
    have equal variance. It detects what `harmonic_energy` cannot: a pattern whose sign follows the image, e.g. if one
    pixel in four is the sum of more products than its neighbours.

    Raises:
      ValueError: the stride is less than 2, or larger than the image.
    """
    phases = _split_by_phase(images, stride)
    centred = phases - jnp.mean(phases, axis=(1, 3), keepdims=True)
    variances = jnp.mean(jnp.square(centred), axis=(1, 3, 5))
    mean = jnp.mean(variances, axis=(1, 2))
    return jnp.where(mean > SMALLEST_MSE, jnp.std(variances, axis=(1, 2)) / jnp.maximum(mean, SMALLEST_MSE), 0.0)


def _split_by_phase(images: Array, stride: int) -> Array:
    """Splits rows and columns by their position modulo the stride: [b, h / stride, stride, w / stride, stride, c]."""
    b, h, w, c = images.shape
    if not 2 <= stride <= min(h, w):
        raise ValueError(f"a stride of {stride} has no period in images of {h} x {w}: use 2 to {min(h, w)}")
    rows, columns = h // stride, w // stride
    cropped = images[:, : rows * stride, : columns * stride]
    return cropped.reshape(b, rows, stride, columns, stride, c)


def power_spectrum(images: Float[Array, "b h w c"]) -> Float[Array, "b h w"]:
    """|DFT|^2 / (h w) per frequency, averaged over channels, with frequency 0 in the middle.

    It is made of matrix products, for images of up to some hundred pixels. `jnp.fft` must not be used in a compiled
    program: on CPUs, two transforms at the same time can wait for each other forever (seen with jaxlib 0.10.2 and
    0.11.2: each holds threads of XLA's pool while it waits for others).
    """
    h, w = images.shape[1:3]
    cos_h, sin_h, cos_w, sin_w = *_waves(h), *_waves(w)

    def transformed(pattern: str, *matrices: Array) -> Array:
        return jnp.einsum(pattern, *matrices, precision=jax.lax.Precision.HIGHEST)

    along_w = [transformed("bhwc,wv->bhvc", images, wave) for wave in (cos_w, sin_w)]
    of_cos, of_sin = ([transformed("bhvc,hu->buvc", one, wave) for one in along_w] for wave in (cos_h, sin_h))
    real, imaginary = of_cos[0] - of_sin[1], of_cos[1] + of_sin[0]
    power = jnp.mean(jnp.square(real) + jnp.square(imaginary), axis=-1) / (h * w)
    return jnp.roll(power, (h // 2, w // 2), axis=(1, 2))


def _waves(size: int) -> tuple[Array, Array]:
    """Cosine and sine of 2 pi j k / size: two float32 [size, size]."""
    turns = np.outer(np.arange(size), np.arange(size)) % size / size  # exact: large multiples would lose digits
    return jnp.asarray(np.cos(2 * np.pi * turns), jnp.float32), jnp.asarray(np.sin(2 * np.pi * turns), jnp.float32)


def radial_spectrum(images: Float[Array, "b h w c"]) -> Float[Array, "b r"]:
    """Power per spatial frequency, averaged over directions and channels (Durall et al. 2020, section 3).

    Entry k is the mean of |DFT|^2 / (h w) over the frequencies whose distance from 0 rounds to k / min(h, w) cycles per
    pixel. k runs from 0 (the mean of the image) to the corner of the spectrum, sqrt(1/2) cycles per pixel.
    """
    h, w = images.shape[1:3]
    distance = np.hypot(np.fft.fftfreq(h)[:, None], np.fft.fftfreq(w)[None])
    ring = np.round(distance * min(h, w)).astype(np.int32)
    membership = np.eye(ring.max() + 1, dtype=np.float32)[ring.ravel()]
    power = jnp.roll(power_spectrum(images), (-(h // 2), -(w // 2)), axis=(1, 2))
    return power.reshape(len(images), -1) @ jnp.asarray(membership / np.maximum(membership.sum(0), 1.0))


SPECTRUM_DISTANCE = Metric("spectrum_distance_db", "spectrum distance", "dB", higher_is_better=False, digits=2)


def spectrum_distance(spectrum: Float[Array, r], reference: Float[Array, r]) -> Scalar:
    """Mean absolute difference in dB between two mean radial spectra, over all frequencies except 0."""
    floor = 1e-12
    ratio = jnp.log10(jnp.maximum(spectrum[1:], floor)) - jnp.log10(jnp.maximum(reference[1:], floor))
    return 10.0 * jnp.mean(jnp.abs(ratio))
