"""What seeds in pairs can tell. SciPy does the mathematics."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

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


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One contender beside the reference, over paired seeds.

    Attributes:
      mean: of the differences, contender minus reference.
      low, high: ends of the BCa bootstrap interval of the mean (Efron 1987); infinite for fewer than two pairs.
      p: two-sided, of the sign-flip permutation test; 1 for fewer than two pairs.
      corrected: p, corrected for all comparisons made together (Holm 1979).
      improvement: probability that a run of the contender is better than one of the reference, whatever
        their seeds; ties count half (Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical
        precipice").
      wins: in how many pairs the contender is better.
      pairs: how many there are.
    """

    mean: float
    low: float
    high: float
    p: float
    corrected: float
    improvement: float
    wins: int
    pairs: int

    def verdict(self, level: float = 0.05) -> str:
        """ "higher", "lower", or "no difference shown" at a level of significance, corrected."""
        if self.corrected > level:
            return "no difference shown"
        return "higher" if self.mean > 0 else "lower"


def compare(pairs: Mapping[str, tuple[Sequence[float], Sequence[float]]], more: bool = True) -> dict[str, Comparison]:
    """Contenders beside a reference, seed by seed; p-values are corrected for all comparisons made in one call.

    With n seeds the smallest p there can be is 2^(1-n), and with m comparisons m times that: see `fewest_pairs`.

    Args:
      pairs: name -> the contender's values and the reference's, a value each for the same seeds.
      more: whether the higher value is the better one.

    Raises:
      ValueError: the lengths differ, or there is nothing.
    """
    for name, (values, reference) in pairs.items():
        if len(values) != len(reference) or not len(values):
            raise ValueError(f"{name}: pairs need as many of one as of the other: {len(values)} and {len(reference)}")
    p = {name: sign_flip_p(*both) for name, both in pairs.items()}
    corrected = dict(zip(p, holm(list(p.values())), strict=True))
    found = {}
    for name, both in pairs.items():
        one, other = (np.asarray(values, np.float64) for values in both)
        low, high = bootstrap_interval(one - other)
        gains = (one - other[:, None]) * (1 if more else -1)  # of every run beside every one, the pairs on the diagonal
        found[name] = Comparison(
            float((one - other).mean()),
            low,
            high,
            p[name],
            corrected[name],
            float(((gains > 0) + 0.5 * (gains == 0)).mean()),
            int((np.diag(gains) > 0).sum()),
            len(one),
        )
    return found


def sign_flip_p(one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray) -> float:
    """Two-sided p of a mean difference over pairs when the sign of each difference is drawn at random.

    Exact up to 13 pairs, by 9,999 random draws beyond.
    """
    from scipy import stats

    if len(one) < 2:
        return 1.0
    return float(
        stats.permutation_test(
            (np.asarray(one, np.float64), np.asarray(other, np.float64)),
            lambda x, y, axis: np.mean(x - y, axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=9999,
            rng=np.random.default_rng(0),
        ).pvalue
    )


def bootstrap_interval(differences: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """The BCa bootstrap interval of a mean; infinite for fewer than two values."""
    from scipy import stats

    if len(differences) < 2:
        return -math.inf, math.inf
    if np.ptp(differences) <= 1e-9 * np.abs(differences).max():
        return float(differences.mean()), float(differences.mean())
    interval = stats.bootstrap(
        (differences,), np.mean, confidence_level=confidence, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    return float(interval.low), float(interval.high)


def holm(p: Sequence[float]) -> list[float]:
    """p-values of comparisons made together, so corrected that one in twenty *families* errs at 0.05 (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    scaled = np.asarray(p)[order] * (len(p) - np.arange(len(p)))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return corrected.tolist()


def fewest_pairs(comparisons: int, level: float = 0.05) -> int:
    """How many pairs it takes at least for so many comparisons to be able to show a difference at a level."""
    return math.ceil(1 + math.log2(max(comparisons, 1) / level))
