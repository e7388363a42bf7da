"""The metrics against NumPy in float64 and against scikit-image."""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from aeden.measures import checkerboard, image_quality


@pytest.fixture
def pair(rng):
    target = rng.uniform(size=(3, 28, 20, 2)).astype(np.float32)
    estimate = np.clip(target + 0.2 * rng.normal(size=target.shape), 0, 1).astype(np.float32)
    return jnp.asarray(estimate), jnp.asarray(target)


def test_bce_and_its_excess(pair):
    estimate, target = (np.asarray(x, np.float64) for x in pair)

    def expected(p, t):
        # As Keras clips: in float32, where 1 - 1e-7 is 1 - 1.19e-7.
        p = np.clip(p, 1e-7, float(np.float32(1) - np.float32(1e-7)))
        return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(axis=(1, 2, 3))

    np.testing.assert_allclose(image_quality.bce(*pair), expected(estimate, target), rtol=1e-5)
    excess = expected(estimate, target) - expected(target, target)
    np.testing.assert_allclose(image_quality.bce_excess(*pair), excess, rtol=1e-4)
    np.testing.assert_array_equal(image_quality.bce_excess(pair[1], pair[1]), np.zeros(3))


def test_mse_and_psnr_agree_with_scikit_image(pair):
    estimate, target = map(np.asarray, pair)
    np.testing.assert_allclose(image_quality.mse(*pair), ((estimate - target) ** 2).mean(axis=(1, 2, 3)), rtol=1e-5)
    expected = [peak_signal_noise_ratio(t, e, data_range=1) for e, t in zip(estimate, target, strict=True)]
    np.testing.assert_allclose(image_quality.psnr(*pair), expected, rtol=1e-5)


def test_a_perfect_image_has_100_db():
    image = jnp.full((1, 4, 4, 1), 0.3)
    np.testing.assert_array_equal(image_quality.psnr(image, image), [100.0])


def test_ssim_agrees_with_scikit_image(pair):
    estimate, target = map(np.asarray, pair)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    expected = [structural_similarity(t, e, channel_axis=-1, **options) for e, t in zip(estimate, target, strict=True)]
    np.testing.assert_allclose(image_quality.ssim(*pair), expected, atol=2e-5)


@pytest.mark.parametrize("size", [1, 2, 5, 10])
def test_ssim_of_images_smaller_than_its_window(rng, size):
    image = jnp.asarray(rng.uniform(size=(2, size, size, 1)), jnp.float32)
    np.testing.assert_allclose(image_quality.ssim(image, image), np.ones(2), atol=1e-5)


def test_padded_examples_add_nothing_even_when_not_finite(pair):
    estimate, target = (jnp.concatenate([x, jnp.full((1, *x.shape[1:]), jnp.nan)]) for x in pair)
    sums = image_quality.restoration_sums(estimate, target, jnp.array([True, True, True, False]))
    for name, metric in image_quality.METRICS.items():
        np.testing.assert_allclose(sums[name], np.sum(metric(*pair)), rtol=1e-6)


def smooth(rng, count, size=32):
    """Images without anything that repeats with a period of 2 or 4 pixels: low frequencies only."""
    spectrum = np.zeros((count, size, size), complex)
    spectrum[:, :5, :5] = rng.normal(size=(count, 5, 5)) + 1j * rng.normal(size=(count, 5, 5))
    spectrum[:, 0, 0] = 0
    images = np.real(np.fft.ifft2(spectrum))
    return 0.1 * images / images.std(axis=(1, 2), keepdims=True)


@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("strength", [0.0, 0.01, 0.1, 0.5])
def test_a_planted_pattern_is_found_at_its_strength(rng, stride, strength):
    """A pattern of known variance on images of known variance: the share is known."""
    images = smooth(rng, 3, 24)
    tile = rng.normal(size=(stride, stride))
    tile = strength * (tile - tile.mean()) / tile.std()
    pattern = np.tile(tile, (24 // stride, 24 // stride))
    mine = checkerboard.harmonic_energy(jnp.asarray(images + pattern, jnp.float32)[..., None], stride)
    np.testing.assert_allclose(mine, strength**2 / (strength**2 + 0.01), atol=2e-3)


def test_harmonic_energy_is_the_spectrums(rng):
    """By the Fourier transform: the bins at multiples of a quarter cycle a pixel, the Nyquist bins among them."""
    images = rng.normal(size=(2, 14, 21, 3))
    cropped = images[:, :12, :20]
    power = np.abs(np.fft.fft2(cropped, axes=(1, 2))) ** 2
    bins = power[:, ::3, ::5].sum(axis=(1, 2, 3)) - power[:, 0, 0].sum(-1)
    expected = bins / (power.sum(axis=(1, 2, 3)) - power[:, 0, 0].sum(-1))
    np.testing.assert_allclose(checkerboard.harmonic_energy(jnp.asarray(images, jnp.float32), 4), expected, rtol=1e-4)


def test_uneven_gains_vary_the_variance_by_place(rng):
    noise = rng.normal(size=(4, 64, 64, 1))
    gains = np.tile(np.sqrt([[1.0, 2.0], [3.0, 4.0]]), (32, 32))[None, :, :, None]
    variances = np.array([1.0, 2.0, 3.0, 4.0])
    even, uneven = (checkerboard.phase_variation(jnp.asarray(x, jnp.float32), 2) for x in (noise, noise * gains))
    assert float(even.max()) < 0.1
    np.testing.assert_allclose(uneven, variances.std() / variances.mean(), atol=0.08)
    # Their sign is the noise's: nothing of it repeats.
    assert float(checkerboard.harmonic_energy(jnp.asarray(noise * gains, jnp.float32), 2).max()) < 0.01


def test_images_of_one_value_have_no_artifacts():
    flat = jnp.full((1, 8, 8, 1), 0.3)
    assert float(checkerboard.harmonic_energy(flat, 2)[0]) == float(checkerboard.phase_variation(flat, 2)[0]) == 0.0
    for stride in (1, 9):
        with pytest.raises(ValueError, match=f"a stride of {stride} has no period in images of 8 x 8"):
            checkerboard.harmonic_energy(flat, stride)


def test_a_wave_is_at_its_frequency_and_white_noise_at_all(rng):
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
