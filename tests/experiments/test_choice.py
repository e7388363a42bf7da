"""Which trial is chosen: smoothing compared with a Gaussian process, and what it is robust to."""

import numpy as np
import pytest
from scipy.stats import gaussian_kde
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from experiments.ablate import choice, search_space

RATE = {"learning_rate": (6e-3, 1e-1)}
BOTH = {"learning_rate": (6e-3, 1e-1), "optimizer.weight_decay": (1e-5, 1e-2)}


def points(ranges, trials=9):
    return [point.values for point in search_space.first_search(ranges, trials).points]


def rates(trials=9):
    return np.array([point["learning_rate"] for point in points(RATE, trials)])


def chosen(results, higher_is_better=True):
    """The rate that nine trials choose."""
    smooth = choice.smoothed(points(RATE), results, RATE, 9, higher_is_better)
    return rates()[choice.best(results, smooth, higher_is_better)]


@pytest.mark.parametrize("ranges", [RATE, BOTH], ids=len)
def test_the_smoothing_is_the_mean_of_a_gaussian_process(rng, ranges):
    results = 20 + rng.normal(0, 0.1, 12)
    smooth = choice.smoothed(points(ranges, 12), list(results), ranges, 12, True)
    floor = results.max() - 4 * (results.max() - np.median(np.sort(results)[6:]))
    unit = np.array(
        [
            [np.log(p[name] / low) / np.log(high / low) for name, (low, high) in ranges.items()]
            for p in points(ranges, 12)
        ]
    )
    # Scott's rule, by SciPy, times the standard deviation of a uniform distribution.
    width = gaussian_kde(unit.T).scotts_factor() / np.sqrt(12)
    process = GaussianProcessRegressor(RBF(width, "fixed"), alpha=1.0, optimizer=None)
    above = np.maximum(results, floor) - floor
    np.testing.assert_allclose(smooth, floor + process.fit(unit, above).predict(unit), rtol=1e-9)


def test_one_lucky_trial_does_not_win_over_a_good_neighbourhood():
    results = list(21 - np.log10(rates() / 0.025) ** 2)
    lucky = int(np.argmin(rates()))
    results[lucky] = max(results) + 0.05
    assert choice.best(results, results, True) == lucky
    assert chosen(results) == pytest.approx(0.025, rel=0.2)


@pytest.mark.parametrize("best", [0.012, 0.02, 0.03, 0.045])
def test_without_noise_the_trial_closest_to_the_best_rate_is_chosen(best):
    results = list(21 - np.log10(rates() / best) ** 2)
    nearest = np.sort(rates())[np.argsort(np.abs(np.log(np.sort(rates()) / best)))[:2]]
    assert chosen(results) in nearest
    # The same for a metric of which less is better.
    assert chosen([-result for result in results], False) == chosen(results)


@pytest.mark.parametrize("failed", [None, 10.4, -1e6])
def test_it_does_not_matter_how_badly_a_trial_failed(failed):
    results = [21 - np.log10(rate / 0.025) ** 2 if rate < 0.05 else failed for rate in rates()]
    usual = [19.0 if result == failed else result for result in results]
    assert chosen(results) == chosen(usual) == pytest.approx(0.025, rel=0.3)


@pytest.mark.parametrize("failed", [None, 10.4], ids=str)
@pytest.mark.parametrize("best", [0.008, 0.012, 0.016])
def test_the_choice_holds_if_five_of_nine_trials_collapse(rng, failed, best):
    """Those with the highest rates, as decoders on MNIST do: they end with the mean image, which has 10.4 dB."""
    truth = 21 - np.log10(rates() / best) ** 2
    works = rates() <= np.sort(rates())[3]
    for noise in (0.0, 0.02, 0.05):
        results = [one if fine else failed for one, fine in zip(truth + rng.normal(0, noise, 9), works, strict=True)]
        lost = truth[works].max() - truth[list(rates()).index(chosen(results))]
        assert lost <= 0.05


@pytest.mark.parametrize("first", range(6))
@pytest.mark.parametrize("place", [1, 2])
def test_the_choice_holds_at_whichever_end_the_trials_collapse(first, place):
    works = np.sort(rates())[first : first + 4]
    truth = 21 - np.log10(rates() / works[place]) ** 2
    results = [result if rate in works else 10.4 for rate, result in zip(rates(), truth, strict=True)]
    assert max(results) - truth[list(rates()).index(chosen(results))] <= 0.05


def test_a_better_half_of_equal_results_still_tells_the_others_apart():
    results = [1.0 if 0.01 < rate < 0.05 else 0.5 for rate in rates()]
    assert 0.01 < chosen(results) < 0.05
    two = [None] * 7 + [19.0, 20.0]
    assert chosen(two) == rates()[8]
    assert chosen([20.0] * 9) in rates()


def test_a_collapse_is_neither_noise_nor_a_slope(rng):
    slope = list(21 - np.log10(rates() / 0.025) ** 2)
    assert not any(choice.collapsed(slope, 0.1, True))
    assert not any(choice.collapsed(list(20 + rng.normal(0, 0.05, 9)), 0.1, True))
    results = [*slope[:6], 10.4, 10.4, None]
    assert choice.collapsed(results, 0.1, True) == [False] * 6 + [True] * 3
    less = [None if result is None else -result for result in results]
    assert choice.collapsed(less, 0.1, False) == [False] * 6 + [True] * 3


def test_the_mean_of_the_best_third_ranks_and_variance_does_not(rng):
    assert choice.standing([1.0, 5.0, 2.0, None, 4.0, 3.0, 0.0, 6.0, 7.0], True) == pytest.approx(np.mean([5, 6, 7]))
    assert choice.standing([3.0, 1.0, None, 2.0], False) == 1.0
    assert choice.standing([3.0, 1.0, 4.0, 2.0], False) == 1.5
    calm, wild = (20 + rng.normal(0, deviation, (500, 9)) for deviation in (0.05, 0.15))

    def gain(rank):
        return np.mean([rank(list(row)) for row in wild]) - np.mean([rank(list(row)) for row in calm])

    assert 0 < gain(lambda row: choice.standing(row, True)) < 0.7 * gain(max)


def test_a_trial_that_diverged_is_not_chosen_whatever_its_neighbours_are():
    for i in range(9):
        results = [None if k == i else 20.0 for k in range(9)]
        assert chosen(results) != rates()[i]
    only = [None] * 8 + [20.0]
    assert chosen(only) == rates()[8]


def test_luck_moves_the_choice_less(rng):
    """The loss to the best rate, by the result without noise; and the variance of the choice."""
    truth = 21 - np.log10(rates() / 0.025) ** 2
    lost = {"best": [], "smoothed": []}
    for _ in range(200):
        results = list(truth + rng.normal(0, 0.1, 9))
        smooth = choice.smoothed(points(RATE), results, RATE, 9, True)
        for name, rated in (("best", results), ("smoothed", smooth)):
            lost[name].append(truth.max() - truth[choice.best(results, rated, True)])
    assert np.mean(lost["smoothed"]) < 0.6 * np.mean(lost["best"])
    assert np.std(lost["smoothed"]) < 0.6 * np.std(lost["best"])
