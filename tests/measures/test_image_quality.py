"""Image metrics, compared with NumPy in float64 and with scikit-image."""

import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from aeden.measures import image_quality


@pytest.fixture
def pair(rng):
    target = rng.uniform(size=(3, 28, 20, 2)).astype(np.float32)
    estimate = np.clip(target + 0.2 * rng.normal(size=target.shape), 0, 1).astype(np.float32)
    return jnp.asarray(estimate), jnp.asarray(target)


def test_bce_and_bce_excess_agree_with_numpy(pair):
    estimate, target = (np.asarray(x, np.float64) for x in pair)

    def expected(p, t):
        # Clipped as in Keras: in float32, where 1 - 1e-7 is 1 - 1.19e-7.
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


def test_psnr_is_capped_at_100_db():
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


def test_padded_examples_add_nothing_even_if_not_finite(pair):
    estimate, target = (jnp.concatenate([x, jnp.full((1, *x.shape[1:]), jnp.nan)]) for x in pair)
    sums = image_quality.restoration_sums(estimate, target, jnp.array([True, True, True, False]))
    for name, metric in image_quality.RESTORATION_METRICS.items():
        np.testing.assert_allclose(sums[name], np.sum(metric(*pair)), rtol=1e-6)


def test_accuracy_and_cross_entropy_agree_with_numpy(rng):
    logits, labels = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -np.log(probabilities[np.arange(6), labels])
    arguments = jnp.asarray(logits, jnp.float32), jnp.asarray(labels, jnp.int32)
    np.testing.assert_allclose(image_quality.cross_entropy(*arguments), expected, rtol=1e-5)
    np.testing.assert_array_equal(image_quality.accuracy(*arguments), logits.argmax(1) == labels)
