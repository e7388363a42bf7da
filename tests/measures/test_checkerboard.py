"""Checkerboard metrics and spectra, compared with the Fourier transform and with images of known artifacts."""

import jax.numpy as jnp
import numpy as np
import pytest

from aeden.measures import checkerboard


def smooth(rng, count, size=32):
    """Images of low frequencies only, without any pattern of a period of 2 to 4 pixels."""
    spectrum = np.zeros((count, size, size), complex)
    spectrum[:, :5, :5] = rng.normal(size=(count, 5, 5)) + 1j * rng.normal(size=(count, 5, 5))
    spectrum[:, 0, 0] = 0
    images = np.real(np.fft.ifft2(spectrum))
    return 0.1 * images / images.std(axis=(1, 2), keepdims=True)


@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("strength", [0.0, 0.01, 0.1, 0.5])
def test_harmonic_energy_is_the_variance_share_of_an_added_pattern(rng, stride, strength):
    """Images and pattern have known variances, so the share of the pattern is known."""
    images = smooth(rng, 3, 24)
    tile = rng.normal(size=(stride, stride))
    tile = strength * (tile - tile.mean()) / tile.std()
    pattern = np.tile(tile, (24 // stride, 24 // stride))
    energy = checkerboard.harmonic_energy(jnp.asarray(images + pattern, jnp.float32)[..., None], stride)
    np.testing.assert_allclose(energy, strength**2 / (strength**2 + 0.01), atol=2e-3)


def test_harmonic_energy_agrees_with_the_fourier_transform(rng):
    """It is the energy at the multiples of a quarter cycle per pixel, including the Nyquist frequency."""
    images = rng.normal(size=(2, 14, 21, 3))
    cropped = images[:, :12, :20]
    power = np.abs(np.fft.fft2(cropped, axes=(1, 2))) ** 2
    bins = power[:, ::3, ::5].sum(axis=(1, 2, 3)) - power[:, 0, 0].sum(-1)
    expected = bins / (power.sum(axis=(1, 2, 3)) - power[:, 0, 0].sum(-1))
    np.testing.assert_allclose(checkerboard.harmonic_energy(jnp.asarray(images, jnp.float32), 4), expected, rtol=1e-4)


def test_phase_variation_detects_gains_that_depend_on_the_position(rng):
    noise = rng.normal(size=(4, 64, 64, 1))
    gains = np.tile(np.sqrt([[1.0, 2.0], [3.0, 4.0]]), (32, 32))[None, :, :, None]
    variances = np.array([1.0, 2.0, 3.0, 4.0])
    even, uneven = (checkerboard.phase_variation(jnp.asarray(x, jnp.float32), 2) for x in (noise, noise * gains))
    assert float(even.max()) < 0.1
    np.testing.assert_allclose(uneven, variances.std() / variances.mean(), atol=0.08)
    # The pattern has the sign of the noise, so it does not repeat and harmonic_energy does not detect it.
    assert float(checkerboard.harmonic_energy(jnp.asarray(noise * gains, jnp.float32), 2).max()) < 0.01


def test_a_constant_image_has_no_artifacts_and_bad_strides_are_refused():
    flat = jnp.full((1, 8, 8, 1), 0.3)
    assert float(checkerboard.harmonic_energy(flat, 2)[0]) == float(checkerboard.phase_variation(flat, 2)[0]) == 0.0
    for stride in (1, 9):
        with pytest.raises(ValueError, match=f"a stride of {stride} has no period in images of 8 x 8"):
            checkerboard.harmonic_energy(flat, stride)


@pytest.mark.parametrize("shape", [(3, 28, 28, 1), (2, 13, 30, 3), (1, 1, 5, 1), (1, 64, 97, 1)])
def test_the_power_spectrum_is_that_of_numpys_fourier_transform(rng, shape):
    images = rng.uniform(size=shape)
    expected = np.abs(np.fft.fft2(images, axes=(1, 2))) ** 2
    expected = np.fft.fftshift(expected.mean(-1) / np.prod(shape[1:3]), axes=(1, 2))
    power = checkerboard.power_spectrum(jnp.asarray(images, jnp.float32))
    np.testing.assert_allclose(power, expected, rtol=1e-4, atol=1e-9 * expected.max())


def test_the_radial_spectrum_of_a_wave_and_of_white_noise(rng):
    x = np.arange(32)
    wave = np.cos(2 * np.pi * 5 * x / 32)[None, None, :, None] * np.ones((1, 32, 1, 1))
    spectrum = np.asarray(checkerboard.radial_spectrum(jnp.asarray(wave, jnp.float32)))[0]
    assert spectrum.argmax() == 5
    assert spectrum.sum() == pytest.approx(spectrum[5], rel=1e-3)
    noise = jnp.asarray(rng.normal(size=(200, 32, 32, 2)), jnp.float32)
    mean = checkerboard.radial_spectrum(noise).mean(0)
    np.testing.assert_allclose(mean, 1.0, rtol=0.1)
    assert float(checkerboard.spectrum_distance(mean, 10.0 * mean)) == pytest.approx(10.0, rel=1e-5)
    assert float(checkerboard.spectrum_distance(mean, mean)) == 0.0
