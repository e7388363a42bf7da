"""Classical denoisers reduce noise, at the strength that is best on validation images."""

import numpy as np
import pytest

from aeden.inference import classical


@pytest.fixture
def images(rng):
    """Smooth blobs, clean and noisy."""
    grid = np.linspace(-1, 1, 24)
    centres = rng.uniform(-0.5, 0.5, (24, 2))
    clean = np.stack([np.exp(-((grid[:, None] - y) ** 2 + (grid[None] - x) ** 2) / 0.2) for y, x in centres])[..., None]
    return clean, np.clip(clean + 0.3 * rng.normal(size=clean.shape), 0, 1)


def mean_psnr(images, clean):
    return np.mean(-10 * np.log10(np.mean((images - clean) ** 2, axis=(1, 2, 3))))


@pytest.mark.parametrize("name", [name for name in classical.DENOISERS if name != "BM3D"])
def test_each_denoiser_reduces_the_noise_at_some_strength(images, name):
    if not classical.present(name):
        pytest.skip(f"{name} needs {classical.DENOISERS[name][1]}")
    clean, noisy = images
    best = max(
        mean_psnr(classical._restore_part(name, strength, noisy[:6]), clean[:6])
        for strength in classical.DENOISERS[name][2]
    )
    assert best > mean_psnr(noisy[:6], clean[:6]) + 2


def test_the_strength_is_chosen_on_validation_images_and_parallel_equals_serial(images):
    clean, noisy = images
    (restored,) = classical.restore((clean[:8], noisy[:8]), noisy[8:], ["Gaussian"])
    blurred = {s: classical._restore_part("Gaussian", s, noisy) for s in classical.DENOISERS["Gaussian"][2]}
    best = max(blurred, key=lambda s: mean_psnr(blurred[s][:8], clean[:8]))
    assert (restored.name, restored.strength) == ("Gaussian", best)
    np.testing.assert_array_equal(restored.images, blurred[best][8:])


def test_a_denoiser_that_is_not_installed_is_skipped(images, monkeypatch):
    monkeypatch.setitem(classical.DENOISERS, "BM3D", (*classical.DENOISERS["BM3D"][:1], "no_such_package", (0.1,)))
    assert not classical.present("BM3D")
    assert list(classical.restore(images, images[1], ["BM3D"])) == []


def test_holes_are_filled_from_around_them_and_parallel_equals_scikit_image(images, rng):
    skimage = pytest.importorskip("skimage.restoration")
    clean = images[0]
    holes = rng.uniform(size=clean.shape) < 0.3
    holes[0] = True  # nothing is left to fill it from
    damaged = np.where(holes, 0.0, clean)
    filled = classical.fill_holes(damaged, holes)
    expected = [skimage.inpaint_biharmonic(damaged[i, ..., 0], holes[i, ..., 0]) for i in range(1, len(clean))]
    np.testing.assert_allclose(filled[1:, ..., 0], np.clip(expected, 0, 1), atol=1e-12)
    np.testing.assert_array_equal(filled[0], damaged[0])
    assert mean_psnr(filled[1:], clean[1:]) > mean_psnr(damaged[1:], clean[1:]) + 20
