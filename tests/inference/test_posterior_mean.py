"""The posterior mean, compared with its definition in float64."""

import numpy as np
import pytest
from scipy import stats

from aeden.inference import posterior_mean


@pytest.mark.parametrize("clipped", [False, True])
def test_the_posterior_mean_agrees_with_its_definition(rng, monkeypatch, clipped):
    monkeypatch.setattr(posterior_mean, "BLOCK", 3)
    prior, level = rng.uniform(size=(20, 3, 2, 1)), 0.4
    noisy = prior[:7] + level * rng.normal(size=(7, 3, 2, 1))
    noisy = np.clip(noisy, 0, 1) if clipped else noisy
    expected = []
    for y in noisy:
        density = stats.norm.logpdf(y[None], prior, level)
        if clipped:
            density = np.where(y[None] <= 0, stats.norm.logcdf(0, prior, level), density)
            density = np.where(y[None] >= 1, stats.norm.logsf(1, prior, level), density)
        logs = density.sum((1, 2, 3))
        weights = np.exp(logs - logs.max())
        expected.append(np.tensordot(weights / weights.sum(), prior, 1))
    np.testing.assert_allclose(posterior_mean.posterior_mean(noisy, prior, level, clipped), expected, atol=1e-5)


def test_no_other_estimator_is_better_on_images_of_the_prior(rng):
    prior = rng.uniform(size=(30, 4, 4, 1))
    index = rng.integers(0, 30, 2000)
    noisy = np.clip(prior[index] + 0.5 * rng.normal(size=(2000, 4, 4, 1)), 0, 1)
    errors = {
        "posterior": posterior_mean.posterior_mean(noisy, prior, 0.5, clipped=True),
        "clipping ignored": posterior_mean.posterior_mean(noisy, prior, 0.5, clipped=False),
        "nearest": prior[np.argmin(((noisy[:, None] - prior[None]) ** 2).sum((2, 3, 4)), axis=1)],
    }
    errors = {name: np.mean((image - prior[index]) ** 2) for name, image in errors.items()}
    assert min(errors, key=errors.get) == "posterior"


def test_a_level_of_zero_is_refused():
    with pytest.raises(ValueError, match="level 0 is not above 0"):
        posterior_mean.posterior_mean(np.zeros((1, 2, 2, 1)), np.zeros((1, 2, 2, 1)), 0.0, clipped=True)
