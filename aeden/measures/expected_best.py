"""The best result that a number of trials can be expected to give, from the results of all trials that were made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def expected_best(values: Sequence[float] | np.ndarray, higher_is_better: bool = True) -> np.ndarray:
    """The mean over all sets of n trials of the best value in the set, for n from 1 to the number of trials.

    The sets are drawn without replacement, which makes the estimate of the expected best of n independent trials
    unbiased: Tang et al. 2020, "Showing your work doesn't always work" (ACL), section 3.2. Dodge et al. 2019 draw with
    replacement, which underestimates it.

    Args:
      values: one value per trial, in any order; at least one.
      higher_is_better: whether the highest value is the best, or the lowest.

    Returns:
      Float64 [trials], in the unit of the values. The first entry is their mean, the last one the best of them.

    Raises:
      ValueError: there is no value, or one is not finite.
    """
    worst_first = np.sort(np.asarray(values, np.float64))
    if not higher_is_better:
        worst_first = worst_first[::-1]
    count = len(worst_first)
    if not count or not np.isfinite(worst_first).all():
        raise ValueError(f"values={list(values)}: the expected best takes one or more finite values")
    best = np.empty(count)
    for n in range(1, count + 1):
        # The value of rank i is the best of C(i-1, n-1) of the C(count, n) sets. Of this share the last rank has
        # n / count, and rank i - 1 has (i - n) / (i - 1) times that of rank i: no large numbers.
        i = np.arange(count, 1, -1)
        shares = n / count * np.cumprod([1.0, *np.maximum(i - n, 0) / (i - 1)])
        best[n - 1] = shares[::-1] @ worst_first
    return best
