"""FID, KID, precision, recall, density, coverage and authenticity, compared with their definitions."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import polynomial_kernel

from aeden.measures import sample_quality


def test_the_frechet_distance_of_normal_distributions(rng):
    one = rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6))
    other = rng.normal(size=(400, 6)) + rng.normal(size=6)
    a, b = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    expected = np.sum((one.mean(0) - other.mean(0)) ** 2) + np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
    assert sample_quality.frechet_distance(one, other) == pytest.approx(expected, rel=1e-6)
    assert sample_quality.frechet_distance(one, one) == pytest.approx(0, abs=1e-6)
    assert sample_quality.frechet_distance(one, one + 2.0) == pytest.approx(6 * 4.0, rel=1e-6)


def test_the_frechet_distance_with_a_singular_covariance(rng):
    flat = np.concatenate([rng.normal(size=(50, 2)), np.zeros((50, 3))], axis=1)
    assert sample_quality.frechet_distance(flat, flat + 1.0) == pytest.approx(5.0, rel=1e-6)


def test_the_kernel_distance_agrees_with_its_definition(rng, monkeypatch):
    monkeypatch.setattr(sample_quality, "BLOCK", 7)
    x, y = rng.normal(size=(30, 4)), rng.normal(0.5, 1.2, size=(25, 4))
    kernels = {name: polynomial_kernel(a, b, 3, 1 / 4, 1) for name, a, b in (("xx", x, x), ("yy", y, y), ("xy", x, y))}
    expected = (
        (kernels["xx"].sum() - np.trace(kernels["xx"])) / (30 * 29)
        + (kernels["yy"].sum() - np.trace(kernels["yy"])) / (25 * 24)
        - 2 * kernels["xy"].mean()
    )
    assert sample_quality.kernel_distance(x, y) == pytest.approx(expected)


def test_the_kernel_distance_of_one_distribution_is_0_on_average(rng):
    values = [sample_quality.kernel_distance(rng.normal(size=(50, 3)), rng.normal(size=(60, 3))) for _ in range(300)]
    assert min(values) < 0
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(300)


def test_unrealistic_samples_lower_precision_and_missing_ones_lower_recall(rng):
    real = np.concatenate([rng.normal(-10, 1, (200, 2)), rng.normal(10, 1, (200, 2))])
    half = rng.normal(10, 1, (300, 2))
    precision, recall = sample_quality.precision_and_recall(real, half)
    assert precision > 0.85
    assert 0.35 < recall < 0.55
    unrealistic = np.concatenate([half, rng.normal(100, 1, (300, 2))])
    assert sample_quality.precision_and_recall(real, unrealistic)[0] == pytest.approx(precision / 2, abs=0.02)
    assert sample_quality.precision_and_recall(real, real) == (1.0, 1.0)


def test_density_and_coverage_agree_with_their_definition(rng, monkeypatch):
    monkeypatch.setattr(sample_quality, "BLOCK", 7)
    real, fake = rng.normal(size=(30, 2)), rng.normal(0.5, 1.0, size=(20, 2))
    distances = np.linalg.norm(real[:, None] - real[None], axis=-1)
    radii = np.sort(distances, axis=1)[:, 4]  # entry 0 is the distance to itself
    inside = np.linalg.norm(fake[:, None] - real[None], axis=-1) <= radii[None]
    density, coverage = sample_quality.density_and_coverage(real, fake, 4)
    assert density == pytest.approx(inside.sum() / (4 * 20))
    assert coverage == inside.any(0).mean()
    assert 0 < coverage < 1


def test_one_outlier_misleads_precision_but_not_coverage(rng):
    real = np.concatenate([rng.normal(size=(500, 2)), [[40.0, 0.0]]])
    unrealistic = np.full((100, 2), 20.0) + rng.normal(size=(100, 2))
    assert sample_quality.precision_and_recall(real, unrealistic)[0] == 1.0
    assert sample_quality.density_and_coverage(real, unrealistic)[1] < 0.01


def test_authenticity_agrees_with_its_definition(rng):
    training, samples = rng.normal(size=(40, 3)), rng.normal(size=(25, 3))
    distances = np.linalg.norm(training[:, None] - training[None], axis=-1) + np.diag(np.full(40, np.inf))
    to_samples = np.linalg.norm(samples[:, None] - training[None], axis=-1)
    expected = np.mean(to_samples.min(1) > distances.min(1)[to_samples.argmin(1)])
    assert 0 < expected < 1
    assert sample_quality.authenticity(training, samples) == expected


def test_copies_are_not_authentic_and_other_samples_are(rng):
    training = rng.normal(size=(200, 8))
    copies = training[::2] + 1e-3 * rng.normal(size=(100, 8))
    assert sample_quality.authenticity(training, copies) == 0.0
    assert sample_quality.authenticity(training, np.concatenate([copies, copies + 50.0])) == 0.5


def test_the_nearest_image(rng):
    images = rng.uniform(size=(40, 3, 3, 1))
    distances, which = sample_quality.nearest(images[[7, 3]] + 1e-3, images)
    assert which.tolist() == [7, 3]
    np.testing.assert_allclose(distances, 3e-3, rtol=1e-6)
