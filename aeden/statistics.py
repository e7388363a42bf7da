"""What seeds in pairs can tell. SciPy does the mathematics."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """A mean difference over pairs, with its interval.

    Attributes:
      mean: of the differences.
      low, high: the interval's ends; infinite where one pair gives none.
      pairs: how many there were.
    """

    mean: float
    low: float
    high: float
    pairs: int

    @property
    def verdict(self) -> str:
        """ "higher", "lower", or "no difference shown" where the interval holds 0."""
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "no difference shown"


def paired_difference(
    one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray, confidence: float = 0.95
) -> PairedDifference:
    """`one` minus `other`, pair by pair, with the interval of Student's t over the pairs.

    Args:
      one, other: a value a pair each, e.g. of two contenders under the same seeds.
      confidence: share of such intervals that hold the true mean, if differences are normal.

    Raises:
      ValueError: the lengths differ, or there is nothing.
    """
    if len(one) != len(other) or not len(one):
        raise ValueError(f"pairs need as many of one as of the other: {len(one)} and {len(other)}")
    differences = np.asarray(one, np.float64) - np.asarray(other, np.float64)
    mean, count = float(differences.mean()), len(differences)
    if count < 2:
        return PairedDifference(mean, -math.inf, math.inf, count)
    # Nothing but rounding between them: there is no spread to judge by.
    if np.ptp(differences) <= 1e-9 * np.abs(differences).max():
        return PairedDifference(mean, mean, mean, count)
    from scipy import stats

    interval = stats.ttest_1samp(differences, 0.0).confidence_interval(confidence)
    return PairedDifference(mean, float(interval.low), float(interval.high), count)
