"""Paired differences: SciPy's interval, and what it says."""

import math

import numpy as np
import pytest
from scipy import stats

from aeden.statistics import paired_difference


def test_the_interval_is_that_of_the_paired_t_test(rng):
    one, other = rng.normal(1, 1, 6), rng.normal(0, 1, 6)
    mine = paired_difference(one, other, 0.9)
    its = stats.ttest_rel(one, other).confidence_interval(0.9)
    assert (mine.mean, mine.low, mine.high) == pytest.approx(((one - other).mean(), its.low, its.high))
    assert mine.pairs == 6


def test_what_pairs_share_does_not_widen_the_interval(rng):
    seeds = rng.normal(0, 10, 5)
    difference = paired_difference(seeds + 1 + rng.normal(0, 0.01, 5), seeds)
    assert difference.high - difference.low < 0.1
    assert difference.verdict == "higher"
    assert paired_difference(seeds, seeds + 1).verdict == "lower"


def test_the_interval_holds_the_truth_as_often_as_it_says(rng):
    held = [
        (d := paired_difference(rng.normal(0.3, 1, 3), rng.normal(0, 1, 3), 0.8)).low < 0.3 < d.high for _ in range(400)
    ]
    assert 0.74 < np.mean(held) < 0.86


def test_one_pair_shows_nothing():
    one = paired_difference([2.0], [1.0])
    assert (one.mean, one.low, one.high) == (1.0, -math.inf, math.inf)
    assert one.verdict == "no difference shown"
    with pytest.raises(ValueError, match="2 and 1"):
        paired_difference([1.0, 2.0], [1.0])
