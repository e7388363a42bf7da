"""Bootstrap intervals of ratios: compared with SciPy, with the exact distribution, and by their coverage."""

import math

import numpy as np
import pytest
from scipy import stats

from experiments.benchmark import intervals
from experiments.benchmark.intervals import Interval, number, ratio_interval


def times(rng, rounds, centre, spread=0.1):
    return centre * np.exp(spread * rng.normal(size=rounds))


def test_the_estimate_is_the_ratio_of_medians_and_several_sittings_give_the_geometric_mean():
    first = (np.array([[3.0, 2.0, 9.0]]), np.array([1.0, 1.0, 8.0]))
    second = (np.array([[12.0, 12.0]]), np.array([1.0, 1.0]))
    assert ratio_interval([first]).estimate == pytest.approx(3.0)
    assert ratio_interval([first, second]).estimate == pytest.approx(6.0)


def test_the_interval_is_that_of_scipy():
    rng = np.random.default_rng(1)
    peer, ours = times(rng, 15, 2.0), times(rng, 15, 1.0)

    def statistic(a, b, axis):
        return np.median(a, axis=axis) / np.median(b, axis=axis)

    oracle = stats.bootstrap(
        (peer, ours), statistic, paired=True, vectorized=True, method="percentile", n_resamples=40_000, rng=2
    ).confidence_interval
    measured = ratio_interval([(peer[None], ours)])
    assert measured.low == pytest.approx(oracle.low, rel=0.01)
    assert measured.high == pytest.approx(oracle.high, rel=0.01)


def test_the_interval_of_the_best_peer_is_that_of_scipy():
    """The best peer is chosen within each resample."""
    rng = np.random.default_rng(3)
    peers, ours = np.stack([times(rng, 15, 1.3, 0.2) for _ in range(4)]), times(rng, 15, 1.0)

    def statistic(*samples, axis):
        return np.min([np.median(one, axis=axis) for one in samples[:-1]], axis=0) / np.median(samples[-1], axis=axis)

    oracle = stats.bootstrap(
        (*peers, ours), statistic, paired=True, vectorized=True, method="percentile", n_resamples=40_000, rng=4
    ).confidence_interval
    measured = ratio_interval([(peers, ours)])
    assert (measured.low, measured.high) == pytest.approx((oracle.low, oracle.high), rel=0.01)
    # A peer chosen once and for all would look slower.
    alone = [ratio_interval([(peer[None], ours)]) for peer in peers]
    assert measured.low <= min(one.low for one in alone) + 0.01


def test_the_interval_is_the_exact_quantile_of_the_resampled_median(monkeypatch):
    """With a constant denominator: P(median* <= k-th value) = P(Binomial(n, k / n) >= (n + 1) / 2)."""
    monkeypatch.setattr(intervals, "RESAMPLES", 100_000)
    n = 11
    values = np.arange(1.0, n + 1)
    below = np.array([stats.binom.sf((n + 1) / 2 - 1, n, k / n) for k in range(1, n + 1)])
    exact = [values[np.searchsorted(below, level)] for level in (0.025, 0.975)]
    shuffled = np.random.default_rng(0).permutation(values)
    measured = ratio_interval([(shuffled[None], np.ones(n))])
    assert [measured.low, measured.high] == pytest.approx(exact, rel=1e-9)


def test_sittings_are_resampled_first():
    """Two sittings without any noise in them: a resample has two, one or none of the first, as 1 : 2 : 1."""
    sittings = [(np.full((1, 5), ratio), np.ones(5)) for ratio in (1.0, 4.0)]
    assert ratio_interval(sittings).estimate == pytest.approx(2.0)
    drawn = np.round(intervals._resampled_ratios(sittings, np.random.default_rng(0)), 6)
    shares = [np.mean(drawn == value) for value in (1.0, 2.0, 4.0)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.03)


def test_few_sittings_that_differ_have_the_t_interval_of_scipy():
    ratios = (1.2, 1.5, 1.4)
    measured = ratio_interval([(np.full((1, 5), ratio), np.ones(5)) for ratio in ratios])
    logs = np.log(ratios)
    oracle = stats.ttest_1samp(logs, 0).confidence_interval(0.95)
    assert (measured.low, measured.high) == pytest.approx((math.exp(oracle.low), math.exp(oracle.high)))
    # Sittings that agree have the interval of their rounds.
    rng = np.random.default_rng(7)
    alike = [(times(rng, 15, 2.0)[None], times(rng, 15, 1.0))] * 3
    low, high = np.percentile(intervals._resampled_ratios(alike, np.random.default_rng(0)), [2.5, 97.5])
    assert (ratio_interval(alike).low, ratio_interval(alike).high) == pytest.approx((low, high))


def coverage(monkeypatch, sitting_count, trials, centre=1.4, between=0.0):
    """Share of simulated benchmarks whose interval contains the true ratio."""
    monkeypatch.setattr(intervals, "RESAMPLES", 400)
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(trials):
        sittings = []
        for _ in range(sitting_count):
            true = centre * math.exp(between * rng.normal())
            common = np.exp(0.1 * rng.normal(size=15))  # what slows all peers during a round
            sittings.append((times(rng, 15, true)[None] * common, times(rng, 15, 1.0) * common))
        interval = ratio_interval(sittings)
        hits += interval.low <= centre <= interval.high
    return hits / trials


def test_the_coverage_is_about_95_percent_within_a_sitting(monkeypatch):
    assert 0.91 <= coverage(monkeypatch, 1, 400) <= 0.99


@pytest.mark.parametrize("sittings", [2, 3, pytest.param(12, marks=pytest.mark.proof)])
def test_the_coverage_over_sittings_that_differ_is_about_95_percent(monkeypatch, sittings):
    assert 0.9 <= coverage(monkeypatch, sittings, 150, between=0.2) <= 1.0


def test_the_same_times_give_the_same_interval():
    rng = np.random.default_rng(6)
    sittings = [(np.stack([times(rng, 5, 2.0)]), times(rng, 5, 1.0)) for _ in range(3)]
    assert ratio_interval(sittings) == ratio_interval(sittings)


def test_one_round_has_no_interval():
    interval = ratio_interval([(np.array([[2.0]]), np.array([1.0]))])
    assert math.isnan(interval.low)
    assert str(interval) == "2.00"
    with pytest.raises(ValueError, match="no sitting"):
        ratio_interval([])


def test_intervals_are_written_with_their_ends_rounded_outwards():
    assert str(Interval(1.349, 1.2199, 1.4801)) == "1.35 [1.21, 1.49]"
    assert str(Interval(12.34, 9.999, 101.2)) == "12.3 [9.99, 102]"
    assert number(1.1, math.ceil) == "1.10"
    assert number(2.3, math.floor) == "2.30"
    assert number(0.999, math.floor) == "0.99"
