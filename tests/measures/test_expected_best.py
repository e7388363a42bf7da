"""The expected best of n trials, against all sets of n trials."""

import itertools

import numpy as np
import pytest

from aeden.measures.expected_best import expected_best


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_it_is_the_mean_of_the_best_over_all_sets_of_trials(rng, higher_is_better):
    values = [*rng.normal(20, 1, 6), 20.0, 20.0]  # two are equal
    best = max if higher_is_better else min
    expected = [np.mean([best(some) for some in itertools.combinations(values, n)]) for n in range(1, 9)]
    np.testing.assert_allclose(expected_best(values, higher_is_better), expected, rtol=1e-12)


def test_it_is_unbiased_for_independent_trials(rng):
    """Of 3 uniform values the best is 3/4 on average, from however many values it is estimated."""
    estimates = [expected_best(rng.uniform(size=5))[2] for _ in range(4000)]
    assert abs(np.mean(estimates) - 0.75) < 4 * np.std(estimates) / np.sqrt(len(estimates))


def test_many_trials_do_not_overflow():
    curve = expected_best(np.arange(1200.0))
    np.testing.assert_allclose([curve[0], curve[-1]], [599.5, 1199.0], rtol=1e-9)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")]])
def test_values_that_say_nothing_are_refused(values):
    with pytest.raises(ValueError, match="takes one or more finite values"):
        expected_best(values)
