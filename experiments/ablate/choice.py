"""Which trial's values a contender gets: the one with the best result after smoothing over its neighbours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from aeden.measures.local_regression import local_linear, scott_width
from experiments.ablate.search_space import Ranges


def smoothed(
    points: Sequence[Mapping[str, float]],
    results: Sequence[float | None],
    configured: Ranges,
    trials: int,
    higher_is_better: bool,
) -> list[float]:
    """The results of a contender's trials, each smoothed over its neighbours.

    The best of several noisy results is one that had luck. Smoothing takes most of the luck away. It is local linear
    regression over the logarithms of the fields, with the width of Scott's rule for the trials of the first search.

    Before that, a result counts at worst as far below the median as the best one is above it, and so does that of a
    trial that diverged. So a trial that failed warns off its neighbours, without bending the fit elsewhere.

    Args:
      points: the values of the fields in each trial.
      results: the result of each trial; None for one that diverged. At least one is known.
      configured: the ranges that the search began with.
      trials: number of trials of the first search.
      higher_is_better: whether a higher result is better.

    Returns:
      One smoothed result per trial, in the unit of the results.
    """
    sign = 1.0 if higher_is_better else -1.0
    known = sign * np.array([result for result in results if result is not None])
    floor = 2 * np.median(known) - known.max()
    values = np.array([floor if result is None else max(sign * result, floor) for result in results])
    # Each field's configured range has length 1.
    logs = [
        [math.log(point[name]) / math.log(high / low) for name, (low, high) in configured.items()] for point in points
    ]
    return (sign * local_linear(np.array(logs), values, scott_width(trials, len(configured)))).tolist()


def best(results: Sequence[float | None], smooth: Sequence[float], higher_is_better: bool) -> tuple[int, float]:
    """The trial with the best smoothed result, of those that did not diverge; the first of equals.

    Args:
      results: the result of each trial; None for one that diverged. At least one is known.
      smooth: the smoothed result of each trial.
      higher_is_better: whether a higher result is better.

    Returns:
      Its number, and its own result.
    """
    known = [(i, result) for i, result in enumerate(results) if result is not None]
    return (max if higher_is_better else min)(known, key=lambda pair: smooth[pair[0]])
