"""Measures of checkerboard artifacts and of the spectrum of images."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from aeden.measures.image_quality import SMALLEST_MSE
from aeden.shapes import Array, Float, Scalar


def harmonic_energy(images: Float[Array, "b h w c"], stride: int) -> Float[Array, b]:
    """Share of an image's variance that repeats with a period of `stride` pixels along both axes, in [0, 1].

    It is the spectrum's energy at the frequencies (i, j) / stride, without (0, 0): the stride's own, its harmonics and,
    for an even stride, the Nyquist frequency; over the energy at all frequencies but (0, 0). A transposed convolution
    whose kernel overlaps itself unevenly leaves such a pattern, a checkerboard (Odena et al. 2016), and any other
    pattern of that period counts too, so compare it with that of real images. By Parseval's theorem it is the variance
    of the means over pixels that are `stride` apart, for which no Fourier transform is needed; rows and columns
    beyond the last multiple of `stride` are left out, so that the period fits in. 0 for an image of one value.

    Raises:
      ValueError: the stride is less than 2, or more than the image has pixels.
    """
    phases = _phases(images, stride)
    centred = phases - jnp.mean(phases, axis=(1, 2, 3, 4), keepdims=True)
    total = jnp.mean(jnp.square(centred), axis=(1, 2, 3, 4, 5))
    periodic = jnp.mean(jnp.square(jnp.mean(centred, axis=(1, 3))), axis=(1, 2, 3))
    return jnp.where(total > SMALLEST_MSE, periodic / jnp.maximum(total, SMALLEST_MSE), 0.0)


def phase_variation(images: Float[Array, "b h w c"], stride: int) -> Float[Array, b]:
    """How unlike each other the variances of pixels at different places within a stride are: their standard deviation
    over their mean, 0 where no place within the stride is special.

    It sees what `harmonic_energy` cannot: a pattern whose sign follows the image, as where one pixel in four is summed
    from more products than its neighbours.

    Raises:
      ValueError: the stride is less than 2, or more than the image has pixels.
    """
    phases = _phases(images, stride)
    centred = phases - jnp.mean(phases, axis=(1, 3), keepdims=True)
    variances = jnp.mean(jnp.square(centred), axis=(1, 3, 5))
    mean = jnp.mean(variances, axis=(1, 2))
    return jnp.where(mean > SMALLEST_MSE, jnp.std(variances, axis=(1, 2)) / jnp.maximum(mean, SMALLEST_MSE), 0.0)


def _phases(images: Array, stride: int) -> Array:
    """[b, h, w, c] -> [b, h / stride, stride, w / stride, stride, c]."""
    b, h, w, c = images.shape
    if not 2 <= stride <= min(h, w):
        raise ValueError(f"a stride of {stride} has no period in images of {h} x {w}: use 2 to {min(h, w)}")
    rows, columns = h // stride, w // stride
    cropped = images[:, : rows * stride, : columns * stride]
    return cropped.reshape(b, rows, stride, columns, stride, c)


def power_spectrum(images: Float[Array, "b h w c"]) -> Float[Array, "b h w"]:
    """|DFT|^2 / (h w) by frequency, averaged over channels; frequency 0 is in the middle."""
    h, w = images.shape[1:3]
    power = jnp.mean(jnp.square(jnp.abs(jnp.fft.fft2(images, axes=(1, 2)))), axis=-1) / (h * w)
    return jnp.fft.fftshift(power, axes=(1, 2))


def radial_spectrum(images: Float[Array, "b h w c"]) -> Float[Array, "b r"]:
    """Power by spatial frequency, averaged over directions and channels (Durall et al. 2020, section 3).

    Entry k holds the mean of |DFT|^2 / (h w) over the frequencies whose distance from 0 rounds to k / min(h, w) cycles
    a pixel, for k from 0 (the mean) up to the corner of the spectrum, sqrt(1/2) cycles a pixel.
    """
    h, w = images.shape[1:3]
    distance = np.hypot(np.fft.fftfreq(h)[:, None], np.fft.fftfreq(w)[None])
    ring = np.round(distance * min(h, w)).astype(np.int32)
    share = np.eye(ring.max() + 1, dtype=np.float32)[ring.ravel()]
    power = jnp.fft.ifftshift(power_spectrum(images), axes=(1, 2))
    return power.reshape(len(images), -1) @ jnp.asarray(share / np.maximum(share.sum(0), 1.0))


def spectrum_distance(spectrum: Float[Array, r], reference: Float[Array, r]) -> Scalar:
    """Mean distance in dB between two mean radial spectra, over all frequencies but 0."""
    floor = 1e-12
    ratio = jnp.log10(jnp.maximum(spectrum[1:], floor)) - jnp.log10(jnp.maximum(reference[1:], floor))
    return 10.0 * jnp.mean(jnp.abs(ratio))
