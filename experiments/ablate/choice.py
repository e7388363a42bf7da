"""Which trial's values a contender gets: those of the best result after smoothing over the trials nearby."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.ablate.search_space import Ranges

# Strength of the smoothing: the noise of a result has the variance that results have between points far apart.
RIDGE = 1.0
# A result counts at worst as this many times as far below the best one as the median of the better half is.
DEPTH = 4.0
# A trial collapsed if it is worse than the best one by this many margins, and by this many times the distance to the
# median of the better half. So neither noise nor a slope of the results passes for a collapse.
COLLAPSE = 10.0


def smoothed(
    points: Sequence[Mapping[str, float]],
    results: Sequence[float | None],
    configured: Ranges,
    trials: int,
    higher_is_better: bool,
) -> list[float]:
    """The results of a contender's trials, each smoothed over the trials nearby.

    The best of several noisy results is one that had luck. Smoothing takes much of the luck away. It is kernel ridge
    regression (Gaussian process regression) on the logarithms of the fields, with a Gaussian kernel.

    Before that, a result counts at worst as four times as far below the best one as the median of the better half is,
    and so does that of a trial that diverged: a trial that failed warns off its neighbours, but does not bend the fit
    elsewhere. The better half, so that it holds if half of the trials failed. Far from all trials the fit returns to
    this floor.

    Args:
      points: the values of the fields in each trial.
      results: the result of each trial; None for one that diverged. At least one is known.
      configured: the ranges that the search began with.
      trials: number of trials of the first search.
      higher_is_better: whether a higher result is better.

    Returns:
      One smoothed result per trial, in the unit of the results. They lie closer to the floor than the results do, so
      they compare the trials of one contender only.
    """
    from sklearn.kernel_ridge import KernelRidge

    sign = 1.0 if higher_is_better else -1.0
    known = sign * np.array([result for result in results if result is not None])
    distance = _distance(known)
    # If the better half has equal results, the worst one is the floor, so that those nearby are told apart.
    floor = known.max() - DEPTH * distance if distance else known.min()
    above = np.array([0.0 if result is None else max(sign * result - floor, 0.0) for result in results])
    # Each field's configured range has length 1.
    places = np.array(
        [[math.log(point[name]) / math.log(high / low) for name, (low, high) in configured.items()] for point in points]
    )
    model = KernelRidge(alpha=RIDGE, kernel="rbf", gamma=0.5 / kernel_width(trials, len(configured)) ** 2)
    return (sign * (model.fit(places, above).predict(places) + floor)).tolist()


def collapsed(results: Sequence[float | None], margin: float, higher_is_better: bool) -> list[bool]:
    """Whether each trial diverged or collapsed, i.e. ended with a finite result that is far worse than the best one.

    Args:
      results: the result of each trial; None for one that diverged. At least one is known.
      margin: smallest difference to act on, in the unit of the results; 0 if there is none.
      higher_is_better: whether a higher result is better.
    """
    sign = 1.0 if higher_is_better else -1.0
    known = sign * np.array([result for result in results if result is not None])
    limit = known.max() - COLLAPSE * max(_distance(known), margin)
    return [result is None or bool(sign * result < limit) for result in results]


def _distance(known: np.ndarray) -> float:
    """How far the median of the better half (rounded up) of some results lies below the best one; more is better."""
    better = np.sort(known)[len(known) // 2 :]
    return float(known.max() - np.median(better))


def standing(results: Sequence[float | None], higher_is_better: bool) -> float:
    """What ranks a contender among the others: the mean of the best third (rounded up) of its known results.

    The best one alone would favour contenders whose results vary much.

    Args:
      results: the result of each trial; None for one that diverged. At least one is known.
      higher_is_better: whether a higher result is better.
    """
    known = sorted((result for result in results if result is not None), reverse=higher_is_better)
    return float(np.mean(known[: -(-len(known) // 3)]))


def kernel_width(trials: int, fields: int) -> float:
    """The kernel's standard deviation, as a share of a field's range: 0.19 for nine trials of one field.

    Scott's rule (Scott 1992, "Multivariate density estimation", equation 6.42) for points spread evenly over the range.

    Args:
      trials: number of trials, 1 or more.
      fields: number of fields, 1 or more.
    """
    return float(trials ** (-1 / (fields + 4)) / math.sqrt(12))


def best(results: Sequence[float | None], rated: Sequence[float], higher_is_better: bool) -> int:
    """The number of the trial that is rated best, of those that did not diverge; the first of equals.

    Args:
      results: the result of each trial; None for one that diverged. At least one is known.
      rated: what decides for each trial, e.g. its smoothed result.
      higher_is_better: whether a higher rating is better.
    """
    known = [i for i, result in enumerate(results) if result is not None]
    return (max if higher_is_better else min)(known, key=lambda i: rated[i])
