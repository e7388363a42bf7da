"""The estimate of the noise: compared with the noise that was added, and with scikit-image."""

import io

import numpy as np
import pytest
from PIL import Image

from aeden.inference.noise_level import (
    SMALLEST,
    NoiseEstimate,
    channels_share_noise,
    estimate_noise,
    far_from_training,
)


def scene(size=256):
    """Smooth shading and two edges, values between 0.25 and 0.75."""
    y, x = np.mgrid[:size, :size] / size
    return (0.5 + 0.2 * np.sin(5 * x) * np.cos(4 * y) + 0.05 * (x > 0.6) - 0.05 * (y > 0.3))[..., None]


def page(size=256):
    """Black strokes on white."""
    image = np.ones((size, size, 1))
    image[::16, 8:-8] = image[1::16, 8:-8] = 0.0
    image[:, ::24] *= 0.3
    return image


@pytest.mark.parametrize("level", [0.01, 0.05, 0.15])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_noise_that_was_added_is_found(rng, level, channels):
    image = np.repeat(scene(), channels, axis=2)
    found = estimate_noise(image + level * rng.normal(size=image.shape))
    assert found.level == pytest.approx(level, rel=0.05)
    assert found.clipped < 0.01


@pytest.mark.parametrize("level", [0.05, 0.1, 0.2, 0.4])
def test_clipping_is_made_up_for(rng, level):
    for image in (page(), 1 - page(), scene()):
        noisy = np.clip(image + level * rng.normal(size=image.shape), 0, 1)
        assert estimate_noise(noisy).level == pytest.approx(level, rel=0.2)


def test_an_image_without_noise():
    assert estimate_noise(page()).level < 1e-6
    assert estimate_noise(page()).clipped > 0.5
    assert estimate_noise(scene()).level < 1e-3


def test_any_type_and_range(rng):
    noisy = np.clip(scene() + 0.1 * rng.normal(size=(256, 256, 1)), 0, 1)
    eight, sixteen = np.rint(noisy * 255).astype(np.uint8), np.rint(noisy * 65535).astype(np.uint16)
    expected = estimate_noise(noisy).level
    assert estimate_noise(eight, 0.0, 255.0).level == pytest.approx(expected, rel=0.01)
    assert estimate_noise(sixteen, 0.0, 65535.0).level == pytest.approx(expected, rel=0.01)
    assert estimate_noise(noisy * 1e4 - 1e3, -1e3, 9e3).level == pytest.approx(expected, rel=0.01)


def test_a_tall_image_is_looked_at_in_bands(rng):
    image = np.full((9000, 32, 1), 0.5) + 0.1 * rng.normal(size=(9000, 32, 1))
    assert estimate_noise(image).level == pytest.approx(0.1, rel=0.05)


def test_small_images():
    assert estimate_noise(np.zeros((SMALLEST - 1, 99, 1))) is None
    assert estimate_noise(np.zeros((SMALLEST, SMALLEST, 3))).level < 1e-6


def test_without_clipping_it_is_the_estimate_of_scikit_image(rng):
    restoration = pytest.importorskip("skimage.restoration")
    pytest.importorskip("pywt")
    image = scene() + 0.07 * rng.normal(size=(256, 256, 1))
    assert estimate_noise(image).level == pytest.approx(restoration.estimate_sigma(image[..., 0]), rel=0.02)


def test_noise_that_is_far_from_that_of_the_training():
    noise = {"kind": "gaussian", "level": 0.1, "level_max": 0.2, "clip": True}

    def said(level, noise=noise):
        return far_from_training(noise, level and NoiseEstimate(level, 0.0))

    assert said(0.1) == said(0.2) == said(0.29) == said(0.07) == said(None) == ""
    assert "far above the 0.1 to 0.2" in said(0.31)
    assert "far below the 0.1 to 0.2" in said(0.06)
    assert "far above the 0.1 of" in said(0.2, {**noise, "level_max": 0.0})
    assert said(0.9, {**noise, "kind": "masking"}) == ""


@pytest.mark.parametrize("level", [10, 40])
def test_channels_that_share_their_noise(rng, level):
    y, x = np.mgrid[:96, :128]
    scene = np.stack([90 + 40 * np.sin(x / 9), 120 + 0.5 * y, 150 - 30 * np.cos(y / 7)], -1)
    own = (scene + level * rng.normal(size=scene.shape)).clip(0, 255).round().astype(np.uint8)
    common = (scene + level * rng.normal(size=(96, 128, 1))).clip(0, 255).round().astype(np.uint8)

    def jpeg(subsampling):
        file = io.BytesIO()
        Image.fromarray(own).save(file, "JPEG", quality=90, subsampling=subsampling)
        return np.asarray(Image.open(file))

    assert not channels_share_noise(own)
    assert not channels_share_noise(jpeg(0))
    assert channels_share_noise(common)
    assert channels_share_noise(jpeg(2))
    assert channels_share_noise(own.astype(np.float32)[:, :, :1] * np.ones(3, np.float32) / 255)
    assert not channels_share_noise(own[:8])
