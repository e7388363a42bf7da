"""The distribution of each kind of noise, compared with its definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aeden.random_keys import example_keys
from aeden.transforms.noise import KINDS, check_noise, corrupt, drawn_levels


def keys_for(count, seed=0):
    return example_keys(jax.random.key(seed), 0, jnp.arange(count))


def gray(value, count=4, size=100):
    return jnp.full((count, size, size, 1), value, jnp.float32)


def test_gaussian_noise_has_the_given_standard_deviation():
    noise = np.asarray(corrupt(keys_for(4), gray(0.5), "gaussian", 0.4, 0.4, False)) - 0.5
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 0.4) < 0.01


def test_clip_only_clips():
    unclipped = corrupt(keys_for(4), gray(0.5), "gaussian", 0.4, 0.4, False)
    clipped = corrupt(keys_for(4), gray(0.5), "gaussian", 0.4, 0.4, True)
    assert unclipped.min() < 0 < 1 < unclipped.max()
    np.testing.assert_array_equal(clipped, np.clip(unclipped, 0, 1))


def test_speckle_is_proportional_to_the_image():
    noise = np.asarray(corrupt(keys_for(4), gray(0.25), "speckle", 0.4, 0.4, False)) - 0.25
    assert abs(noise.std() - 0.1) < 0.005
    np.testing.assert_array_equal(corrupt(keys_for(4), gray(0.0), "speckle", 0.4, 0.4, False), gray(0.0))


def test_poisson_counts_photons():
    # Mean the image, variance image x level^2, values multiples of level^2.
    noisy = np.asarray(corrupt(keys_for(4), gray(0.5), "poisson", 0.2, 0.2, False), np.float64)
    assert abs(noisy.mean() - 0.5) < 0.005
    assert abs(noisy.std() - 0.2 * 0.5**0.5) < 0.005
    np.testing.assert_allclose(noisy / 0.04, np.round(noisy / 0.04), atol=1e-3)


@pytest.mark.parametrize("kind", ["masking", "salt_and_pepper"])
def test_the_given_share_of_pixels_changes_in_all_channels(kind):
    images = jnp.full((4, 100, 100, 3), 0.5)
    noisy = np.asarray(corrupt(keys_for(4), images, kind, 0.3, 0.3, True))
    np.testing.assert_array_equal(noisy, noisy[..., :1].repeat(3, axis=-1))
    black, white = (noisy[..., 0] == 0).mean(), (noisy[..., 0] == 1).mean()
    expected = (0.3, 0.0) if kind == "masking" else (0.15, 0.15)
    np.testing.assert_allclose((black, white), expected, atol=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_level_zero_is_the_identity(rng, kind):
    images = jnp.asarray(rng.uniform(size=(2, 8, 8, 1)), jnp.float32)
    np.testing.assert_array_equal(corrupt(keys_for(2), images, kind, 0.0, 0.0, False), images)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_depends_on_the_example_and_not_on_its_batch(rng, kind):
    images = jnp.asarray(rng.uniform(size=(6, 8, 8, 1)), jnp.float32)
    whole = corrupt(keys_for(6), images, kind, 0.1, 0.4, True)
    part = corrupt(keys_for(6)[3:5], images[3:5], kind, 0.1, 0.4, True)
    np.testing.assert_array_equal(whole[3:5], part)
    assert len(np.unique(np.asarray(whole - images).reshape(6, -1), axis=0)) == 6


def test_a_range_draws_one_level_per_image():
    noisy = np.asarray(corrupt(keys_for(500), gray(0.5, 500, 20), "gaussian", 0.1, 0.5, False))
    levels = (noisy - 0.5).std(axis=(1, 2, 3))
    np.testing.assert_allclose((levels.min(), levels.mean(), levels.max()), (0.1, 0.3, 0.5), atol=0.03)


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("gaussian", -0.1),
        ("gaussian", float("nan")),
        ("gaussian", float("inf")),
        ("masking", 1.5),
        ("salt_and_pepper", 2.0),
        ("gausian", 0.1),
    ],
)
def test_unknown_noise_and_levels_out_of_range_are_refused(kind, level):
    with pytest.raises(ValueError, match=r"gausian|out of range"):
        check_noise(kind, {"noise level": level})


def test_levels_are_those_of_the_noise_and_its_keys_are_used_as_before():
    keys = keys_for(500)
    noisy = np.asarray(corrupt(keys, gray(0.5, 500, 20), "gaussian", 0.1, 0.5, False))
    levels = np.asarray(drawn_levels(keys, 0.1, 0.5))
    np.testing.assert_allclose((noisy - 0.5).std(axis=(1, 2, 3)), levels, rtol=0.15)
    np.testing.assert_array_equal(drawn_levels(keys, 0.3, 0.3), np.full(500, 0.3, np.float32))
    # Image by image, the noise is that of its level.
    for i in (0, 7):
        noise = levels[i] * jax.random.normal(jax.random.split(keys[i])[1], (20, 20, 1))
        np.testing.assert_allclose(noisy[i] - 0.5, noise, atol=1e-6)
