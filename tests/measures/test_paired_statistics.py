"""Statistics of paired seeds, compared with SciPy, with their definitions and on simulated data."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from aeden.measures.paired_statistics import (
    compare,
    equivalence_p,
    fewest_pairs,
    holm,
    mean_interval,
    paired_difference,
    sign_flip_p,
)


def test_the_interval_is_that_of_the_paired_t_test(rng):
    one, other = rng.normal(1, 1, 6), rng.normal(0, 1, 6)
    difference = paired_difference(one, other, 0.9)
    expected = stats.ttest_rel(one, other).confidence_interval(0.9)
    assert (difference.mean, difference.low, difference.high) == pytest.approx(
        ((one - other).mean(), expected.low, expected.high)
    )
    assert difference.pairs == 6


def test_variation_between_seeds_does_not_widen_the_interval(rng):
    seeds = rng.normal(0, 10, 5)
    difference = paired_difference(seeds + 1 + rng.normal(0, 0.01, 5), seeds)
    assert difference.high - difference.low < 0.1
    assert difference.verdict == "higher"
    assert paired_difference(seeds, seeds + 1).verdict == "lower"


def test_the_interval_contains_the_true_mean_as_often_as_stated(rng):
    contains = [
        (d := paired_difference(rng.normal(0.3, 1, 3), rng.normal(0, 1, 3), 0.8)).low < 0.3 < d.high for _ in range(400)
    ]
    assert 0.74 < np.mean(contains) < 0.86


def test_one_pair_shows_no_difference():
    one = paired_difference([2.0], [1.0])
    assert (one.mean, one.low, one.high) == (1.0, -math.inf, math.inf)
    assert one.verdict == "no difference shown"
    with pytest.raises(ValueError, match="2 and 1"):
        paired_difference([1.0, 2.0], [1.0])


def test_the_sign_flip_test_agrees_with_its_definition(rng):
    one, other = rng.normal(0.5, 1, 7), rng.normal(size=7)
    signs = np.array(list(itertools.product([1, -1], repeat=7)))
    means = np.abs((signs * (one - other)).mean(1))
    assert sign_flip_p(one, other) == pytest.approx(np.mean(means >= abs((one - other).mean()) - 1e-12))


@pytest.mark.parametrize("sign", [1, -1])
def test_an_allowance_brings_the_differences_closer_to_zero(rng, sign):
    reference = rng.normal(size=7)
    one = reference + sign * rng.normal(0.5, 0.4, 7)
    closer = sign * (one - reference) - 0.2
    means = np.abs((np.array(list(itertools.product([1, -1], repeat=7))) * closer).mean(1))
    expected = np.mean(means >= abs(closer.mean()) - 1e-12)
    assert sign_flip_p(one, reference, 0.2) == pytest.approx(expected)
    assert sign_flip_p(one, reference, float(abs((one - reference).mean())) + 0.01) == 1.0
    with pytest.raises(ValueError, match=r"allowance=-1\.0 is not a size"):
        sign_flip_p(one, reference, -1.0)


def test_a_difference_as_large_as_the_allowance_is_seldom_shown():
    rng = np.random.default_rng(3)
    shown = larger = 0
    for _ in range(200):
        reference, other = rng.normal(21.0, 0.07, (2, 8))
        shown += sign_flip_p(other + 0.1, reference, 0.1) <= 0.05
        larger += sign_flip_p(other + 0.3, reference, 0.1) <= 0.05
    assert shown <= 10
    assert larger >= 190
    found = compare({"n": (list(other + 0.3), list(reference))}, allowance=0.1)["n"]
    assert (found.allowance, found.p) == (0.1, sign_flip_p(other + 0.3, reference, 0.1))


def test_equality_leaves_room_for_the_allowance(rng):
    """Otherwise a true difference of a margin would often be called equal, once other causes have changed it."""
    reference = rng.normal(size=8)
    one = reference + rng.normal(0.03, 0.02, 8)
    pairs = {"x": (list(one), list(reference))}
    found = {allowance: compare(pairs, margin=0.1, allowance=allowance)["x"] for allowance in (0.0, 0.05)}
    assert [both.p_equal for both in found.values()] == [equivalence_p(one, reference, x) for x in (0.1, 0.05)]
    assert found[0.0].p_equal < found[0.05].p_equal
    assert compare({"x": (list(one), list(reference))}, margin=0.1, allowance=0.2)["x"].p_equal == 1.0


def test_the_interval_of_a_mean_contains_it_as_often_as_it_says():
    rng = np.random.default_rng(5)
    values = rng.normal(0.1, 1.0, (1000, 8))
    contained = [low < 0.1 < high for low, high in map(mean_interval, values)]
    assert np.mean(contained) == pytest.approx(0.95, abs=0.02)
    expected = stats.t.interval(0.95, 7, values[0].mean(), stats.sem(values[0]))
    assert mean_interval(values[0]) == pytest.approx(expected)
    assert mean_interval([1.0]) == (-math.inf, math.inf)


def test_holm_agrees_with_values_computed_by_hand():
    # 0.01 x 4, 0.02 x 3, then no less than before: 0.03 x 2 = 0.06, 0.04 x 1 -> 0.06
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_compare_finds_a_simulated_difference_and_no_other():
    """Six seeds with the measured spread of 0.07 dB: 100 comparisons without and 100 with 0.3 dB added."""
    rng = np.random.default_rng(7)
    false_positives, true_positives = 0, 0
    for _ in range(100):
        reference, other = rng.normal(21.0, 0.07, (2, 6))
        false_positives += (
            compare({"itself": (list(other), list(reference))})["itself"].verdict() != "no difference shown"
        )
        true_positives += compare({"better": (list(other + 0.3), list(reference))})["better"].verdict() == "higher"
    assert false_positives <= 5
    assert true_positives >= 95


def test_the_values_of_a_comparison():
    reference = [20.0, 20.5, 21.0, 20.2, 20.8, 20.4, 20.6, 20.1]
    worse = [value - 0.3 - 0.01 * i for i, value in enumerate(reference)]
    both = compare({"worse": (worse, reference), "same": (reference, reference)})
    assert both["worse"].verdict() == "lower"
    assert (both["worse"].p, both["worse"].corrected) == (2 / 2**8, 4 / 2**8)
    assert both["worse"].low < both["worse"].mean < both["worse"].high < -0.3
    assert (both["worse"].wins, both["worse"].pairs) == (0, 8)
    assert both["same"].verdict() == "no difference shown"
    lower_is_better = compare({"worse": (worse, reference)}, higher_is_better=False)["worse"]
    assert (lower_is_better.wins, lower_is_better.mean, lower_is_better.verdict()) == (8, both["worse"].mean, "lower")
    expected = np.mean([(one < other) + 0.5 * (one == other) for one in worse for other in reference])
    assert lower_is_better.improvement == pytest.approx(expected)
    assert both["worse"].improvement == pytest.approx(1 - expected)
    assert (both["same"].low, both["same"].high, both["same"].improvement) == (0, 0, 0.5)
    assert compare({"one": ([1.0], [0.0])})["one"].verdict() == "no difference shown"
    with pytest.raises(ValueError, match="worse: pairs need"):
        compare({"worse": (worse[:3], reference)})


def test_equality_is_shown_if_the_90_percent_interval_lies_within_the_margin(rng):
    """The definition of Schuirmann 1987 and its well-known equivalent."""
    found = []
    for _ in range(100):
        one, other = rng.normal(0.02, 0.1, 8), rng.normal(0, 0.1, 8)
        p = equivalence_p(one, other, 0.1)
        d = one - other
        t = (0.1 - abs(d.mean())) / (d.std(ddof=1) / math.sqrt(8))
        assert p == pytest.approx(stats.t.sf(t, 7))
        interval = stats.ttest_rel(one, other).confidence_interval(0.9)
        assert (p <= 0.05) == (interval.low > -0.1 and interval.high < 0.1)
        found.append(p <= 0.05)
    assert 0 < sum(found) < 100


def test_equality_is_seldom_shown_for_a_difference_as_large_as_the_margin():
    rng = np.random.default_rng(3)
    for true in (0.1, -0.1):
        reference = rng.normal(21.0, 0.07, (1000, 6))
        one = reference + rng.normal(true, 0.05, reference.shape)
        shown = [equivalence_p(*pair, 0.1) <= 0.05 for pair in zip(one, reference, strict=True)]
        # Four standard errors of a share of 5 %.
        assert 0.02 < np.mean(shown) < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 1000)


def test_equality_of_few_or_identical_pairs():
    same = [1.0, 2.0, 3.0]
    assert equivalence_p(same, same, 0.1) == 0.0
    assert equivalence_p([value + 0.1 for value in same], same, 0.05) == 1.0
    assert equivalence_p(same, same, 0.0) == 1.0
    assert equivalence_p([1.0], [1.0], 0.1) == 1.0
    for margin in (-0.1, math.inf, math.nan):
        with pytest.raises(ValueError, match=r"margin=.* is not a size: use 0 or a positive number"):
            equivalence_p(same, same, margin)


def test_a_difference_that_is_shown_and_too_small_to_act_on_counts_as_equal():
    rng = np.random.default_rng(5)
    reference = rng.normal(21.0, 0.07, 8)
    small, none, large = (reference + rng.normal(mean, 0.01, 8) for mean in (0.04, 0.0, 0.3))
    pairs = {name: (list(values), list(reference)) for name, values in (("s", small), ("n", none), ("l", large))}
    found = compare(pairs, margin=0.1)
    assert found["s"].corrected < 0.05
    assert [found[name].verdict() for name in pairs] == ["equal for practical use", "equal for practical use", "higher"]
    p = [equivalence_p(*pair, 0.1) for pair in pairs.values()]
    assert [one.p_equal for one in found.values()] == p
    assert [one.corrected_equal for one in found.values()] == holm(p)
    assert [compare(pairs)[name].verdict() for name in pairs] == ["higher", "no difference shown", "higher"]
    # A true difference of the size of the spread needs more seeds.
    assert compare({"n": pairs["n"]}, margin=0.001)["n"].verdict() == "no difference shown"


def test_the_effect_is_cohens_d_with_the_pooled_standard_deviation(rng):
    one, other = rng.normal(1, 2, 7), rng.normal(0, 1, 7)
    found = compare({"one": (list(one), list(other)), "single": ([1.0], [0.0]), "same": ([1.0, 1.0], [1.0, 1.0])})
    # With equal numbers, t of the unpaired t-test is d times the root of half the number.
    assert found["one"].effect == pytest.approx(stats.ttest_ind(one, other).statistic * math.sqrt(2 / 7))
    assert found["one"].spread == pytest.approx(found["one"].mean / found["one"].effect)
    assert math.isnan(found["single"].spread)
    assert math.isnan(found["single"].effect)
    assert found["same"].spread == 0
    assert math.isnan(found["same"].effect)


def test_fewest_pairs_is_the_smallest_number_that_can_show_a_difference():
    for comparisons in (1, 4, 10):
        pairs = fewest_pairs(comparisons)
        assert comparisons * 2.0 ** (1 - pairs) <= 0.05 < comparisons * 2.0 ** (2 - pairs)
    assert fewest_pairs(1) == 6


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(wrong):
    """SciPy's permutation test gives them p = 0: they would pass for the firmest of differences."""
    values, others = [1.0, 2.0, wrong, 4.0, 5.0, 6.0], [1.1, 2.3, 2.9, 4.2, 5.0, 6.1]
    calls = [paired_difference, sign_flip_p, lambda one, other: equivalence_p(one, other, 0.1)]
    for call in calls:
        for pair in ((values, others), (others, values), ([wrong], [1.0])):
            with pytest.raises(ValueError, match=f"a value is {wrong}"):
                call(*pair)
    for alone in (values, [wrong]):
        with pytest.raises(ValueError, match=f"a value is {wrong}"):
            mean_interval(alone)
    for pair in ((values, others), (others, values)):
        with pytest.raises(ValueError, match=f"k3: a value is {wrong}"):
            compare({"k4": (others, others), "k3": pair})
    with pytest.raises(ValueError, match="a value is nan"):
        holm([0.5, math.nan])
