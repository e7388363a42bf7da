"""The spread over seeds, compared with definitions and on simulated data."""

import math

import numpy as np
import pytest
from scipy import stats

from aeden.measures.paired_statistics import holm
from aeden.measures.seed_spread import compare_spreads, equal_spread_p, plus_minus, spread


def test_the_interval_of_a_spread_is_that_of_the_variance(rng):
    """(n - 1) s^2 / sigma^2 follows the chi-square distribution: both tails hold 5 % at the ends of the interval."""
    values = rng.normal(3, 2, 6)
    found = spread(values, 0.9)
    assert found.deviation == pytest.approx(values.std(ddof=1))
    assert stats.chi2.sf(5 * (found.deviation / found.low) ** 2, 5) == pytest.approx(0.05)
    assert stats.chi2.cdf(5 * (found.deviation / found.high) ** 2, 5) == pytest.approx(0.05)
    assert found.seeds == 6


def test_the_interval_contains_the_true_deviation_as_often_as_stated(rng):
    contains = [(one := spread(rng.normal(0, 0.07, 6))).low < 0.07 < one.high for _ in range(1000)]
    assert 0.93 < np.mean(contains) < 0.97


def test_a_single_seed_has_no_spread():
    one = spread([2.0])
    assert math.isnan(one.deviation)
    assert (one.low, one.high, one.seeds) == (0, math.inf, 1)
    assert spread([2.0, 2.0]).high == 0
    with pytest.raises(ValueError, match="1 or more values"):
        spread([])


def test_the_test_of_equal_spreads_agrees_with_its_formula(rng):
    """Snedecor & Cochran: t = (F - 1) sqrt(n - 2) / (2 sqrt(F (1 - r^2))), for the ratio F of both variances."""
    one, other = rng.multivariate_normal([20, 21], [[0.02, 0.005], [0.005, 0.01]], 8).T
    f, r = one.var(ddof=1) / other.var(ddof=1), np.corrcoef(one, other)[0, 1]
    t = (f - 1) * math.sqrt(6) / (2 * math.sqrt(f * (1 - r**2)))
    assert equal_spread_p(one, other) == pytest.approx(2 * stats.t.sf(abs(t), 6))
    assert equal_spread_p(other, one) == pytest.approx(equal_spread_p(one, other))


def test_spreads_that_are_equal_or_differ_by_much(rng):
    """With as much correlation of the pairs as decoders have under the same seeds."""

    def p(ratio):
        pairs = rng.multivariate_normal([0, 0], [[0.01, 0.005 * ratio], [0.005 * ratio, 0.01 * ratio**2]], (500, 8))
        return np.array([equal_spread_p(*pair.T) for pair in pairs])

    assert 0.02 < np.mean(p(1.0) <= 0.05) < 0.09
    assert np.mean(p(4.0) <= 0.05) > 0.9


def test_pairs_without_a_test_of_their_spreads(rng):
    values = rng.normal(20, 0.1, 6)
    assert equal_spread_p(values + 0.3, values) == 1.0
    assert equal_spread_p(40 - values, values) == 1.0
    assert equal_spread_p(values[:2], values[2:4]) == 1.0
    assert equal_spread_p(np.ones(6), np.ones(6)) == 1.0
    with pytest.raises(ValueError, match="2 and 1"):
        equal_spread_p([1.0, 2.0], [1.0])


def test_comparisons_of_spreads_are_corrected_together(rng):
    reference = rng.normal(0, 0.1, 8)
    pairs = {name: (list(rng.normal(0, sd, 8)), list(reference)) for name, sd in (("a", 0.1), ("b", 0.5), ("c", 0.2))}
    found = compare_spreads(pairs)
    assert [one.corrected for one in found.values()] == holm([one.p for one in found.values()])
    assert found["b"].ratio == pytest.approx(np.std(pairs["b"][0]) / np.std(reference))
    assert found["b"].corrected <= 0.05
    assert math.isnan(compare_spreads({"one": ([1.0], [0.0])})["one"].ratio)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_values_that_are_not_finite_have_no_spread(wrong):
    values, others = [1.0, 2.0, wrong, 4.0], [1.0, 2.5, 3.0, 4.0]
    for some in (values, [wrong]):
        with pytest.raises(ValueError, match=f"a value is {wrong}"):
            spread(some)
    for pair in ((values, others), (others, values), (values[2:], others[2:])):
        with pytest.raises(ValueError, match=f"a value is {wrong}"):
            equal_spread_p(*pair)
        with pytest.raises(ValueError, match=f"a value is {wrong}"):
            compare_spreads({"k3": pair})


@pytest.mark.parametrize(
    ("mean", "deviation", "printed"),
    [
        (20.1234, 0.1789, "20.12 ± 0.18"),
        (0.7446667, 0.0048, "0.7447 ± 0.0048"),
        (28.0, 0.0996, "28.00 ± 0.10"),
        (28.0, 0.0994, "28.000 ± 0.099"),
        (1234.5, 67.8, "1234 ± 68"),
        (28.00000012, 2.4e-8, "28.000000120 ± 0.000000024"),
        (1.234e-7, 5.6e-9, "(1.234 ± 0.056)e-07"),
        (-1.234e-7, 5.6e-8, "(-1.23 ± 0.56)e-07"),
        (0.0, 3.2e-8, "(0.0 ± 3.2)e-08"),
    ],
)
def test_a_mean_has_as_many_digits_as_its_spread_needs(mean, deviation, printed):
    assert plus_minus(mean, deviation) == printed


def test_rounding_a_mean_loses_less_than_a_tenth_of_its_spread(rng):
    for mean, deviation in zip(rng.normal(size=200) * 10.0 ** rng.integers(-9, 4, 200), rng.random(200), strict=True):
        spread = abs(mean) * deviation * 10.0 ** rng.integers(-4, 2)
        shown = plus_minus(mean, spread)
        bare, _, power = shown.replace("(", "").partition(")e")
        one, other = (float(word) * 10.0 ** int(power or 0) for word in bare.split(" ± "))
        # Whole units are enough above 10.
        assert abs(one - mean) <= max(0.051 * spread, 0.5 * (spread >= 10))
        assert abs(other - spread) <= max(0.051 * spread, 0.5 * (spread >= 10))
