"""Confidence intervals and tests for runs that are paired by seed. SciPy computes them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """A mean difference over pairs and its confidence interval.

    Attributes:
      mean: mean of the differences.
      low, high: ends of the interval; infinite for a single pair.
      pairs: number of pairs.
    """

    mean: float
    low: float
    high: float
    pairs: int

    @property
    def verdict(self) -> str:
        """ "higher", "lower", or "no difference shown" if the interval contains 0."""
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "no difference shown"


def paired_difference(
    one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray, confidence: float = 0.95
) -> PairedDifference:
    """Mean of `one` minus `other` over pairs, with the interval of the paired t-test.

    Args:
      one, other: one value per pair each, e.g. of two contenders under the same seeds.
      confidence: share of such intervals that contain the true mean, if the differences are normally distributed.

    Raises:
      ValueError: the lengths differ, or are 0; or a value is not finite.
    """
    if len(one) != len(other) or not len(one):
        raise ValueError(f"pairs need equal lengths of 1 or more, not {len(one)} and {len(other)}")
    differences = finite(one) - finite(other)
    mean, count = float(differences.mean()), len(differences)
    if count < 2:
        return PairedDifference(mean, -math.inf, math.inf, count)
    # All differences are equal up to rounding, so there is no spread to estimate an interval from.
    if np.ptp(differences) <= 1e-9 * np.abs(differences).max():
        return PairedDifference(mean, mean, mean, count)
    from scipy import stats

    interval = stats.ttest_1samp(differences, 0.0).confidence_interval(confidence)
    return PairedDifference(mean, float(interval.low), float(interval.high), count)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One contender compared with the reference over paired seeds.

    Attributes:
      mean: mean of the differences, contender minus reference.
      low, high: ends of the 95 % interval of the mean by the paired t-test; infinite for fewer than two pairs.
      p: two-sided p-value of the sign-flip permutation test of a difference of `allowance` or less (`sign_flip_p`); 1
        for fewer than two pairs.
      corrected: p, corrected for all comparisons made together (Holm 1979).
      spread: standard deviation over seeds, pooled over contender and reference: the root of the mean of their
        variances; NaN for fewer than two pairs.
      margin: smallest difference that anyone would act on; 0 for none known.
      p_equal: p-value of the two one-sided t-tests of a difference of `bound` or more, see `equivalence_p`; 1 if the
        bound is 0.
      corrected_equal: p_equal, corrected for all comparisons made together (Holm 1979).
      improvement: probability that a run of the contender is better than a run of the reference with any seed; ties
        count half (Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice").
      wins: number of pairs in which the contender is better.
      pairs: number of pairs.
      allowance: size of a difference that other causes than the contender can make; 0 for none.
    """

    mean: float
    low: float
    high: float
    p: float
    corrected: float
    spread: float
    margin: float
    p_equal: float
    corrected_equal: float
    improvement: float
    wins: int
    pairs: int
    allowance: float = 0.0

    @property
    def effect(self) -> float:
        """The mean difference in units of the spread over seeds; NaN without a spread.

        This is Cohen's d with the pooled standard deviation (Cohen 1988; d_av in Cumming 2012). It is not d_z, which
        divides by the standard deviation of the differences and so grows with the correlation of the pairs.
        """
        return self.mean / self.spread if self.spread > 0 else math.nan

    @property
    def bound(self) -> float:
        """What the test of equality is about: a difference of this size or more. The margin less the allowance."""
        return max(self.margin - self.allowance, 0.0)

    def verdict(self, level: float = 0.05) -> str:
        """ "equal for practical use", "higher", "lower" or "no difference shown".

        A difference that is shown to be smaller than the margin counts as equal, even if it is shown not to be 0.

        Args:
          level: largest corrected p-value that shows a difference, or equality.
        """
        if self.corrected_equal <= level:
            return "equal for practical use"
        if self.corrected > level:
            return "no difference shown"
        return "higher" if self.mean > 0 else "lower"


def compare(
    pairs: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    higher_is_better: bool = True,
    margin: float = 0.0,
    allowance: float = 0.0,
) -> dict[str, Comparison]:
    """Compares contenders with a reference, seed by seed. The p-values are corrected for all comparisons of one call.

    Differences are one family of tests and equalities another, each corrected on its own.

    With n seeds the smallest possible p-value is 2^(1-n), and m times that after correction for m comparisons: see
    `fewest_pairs`.

    Args:
      pairs: name -> values of the contender and values of the reference, for the same seeds.
      higher_is_better: whether a higher value is better.
      margin: smallest difference that anyone would act on; 0 for none known, so that equality is never shown.
      allowance: what other causes may add to a difference, in either direction; 0 or more. A difference has to be shown
        to be larger than this, and equality to hold within the margin less this.

    Raises:
      ValueError: the lengths differ, or are 0; a value is not finite; or the margin or the allowance is negative or not
        finite.
    """
    for name, (values, reference) in pairs.items():
        if len(values) != len(reference) or not len(values):
            raise ValueError(f"{name}: pairs need equal lengths of 1 or more, not {len(values)} and {len(reference)}")
        for some in (values, reference):
            finite(some, f"{name}: ")
    _check_size("margin", margin)
    p = {name: sign_flip_p(*both, allowance) for name, both in pairs.items()}
    equal = {name: equivalence_p(*both, max(margin - allowance, 0.0)) for name, both in pairs.items()}
    corrected, corrected_equal = (dict(zip(each, holm(list(each.values())), strict=True)) for each in (p, equal))
    comparisons = {}
    for name, both in pairs.items():
        one, other = (np.asarray(values, np.float64) for values in both)
        low, high = mean_interval(one - other)
        # Every run of the contender minus every run of the reference; the diagonal holds the pairs.
        gains = (one - other[:, None]) * (1 if higher_is_better else -1)
        comparisons[name] = Comparison(
            float((one - other).mean()),
            low,
            high,
            p[name],
            corrected[name],
            float(np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 2)) if len(one) > 1 else math.nan,
            margin,
            equal[name],
            corrected_equal[name],
            float(((gains > 0) + 0.5 * (gains == 0)).mean()),
            int((np.diag(gains) > 0).sum()),
            len(one),
            allowance,
        )
    return comparisons


def sign_flip_p(
    one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray, allowance: float = 0.0
) -> float:
    """Two-sided p-value of the mean difference of pairs, under random signs of the differences; 1 for a single pair.

    Exact for up to 13 pairs; estimated from 9,999 random draws for more.

    Args:
      one, other: one value per pair each.
      allowance: the p-value is that of a mean difference of this size or less, up or down. All differences are brought
        closer to 0 by it, in the direction of their mean, and then tested; 1 if their mean is no larger.

    Raises:
      ValueError: a value is not finite; or the allowance is negative or not finite.
    """
    from scipy import stats

    _check_size("allowance", allowance)
    values, reference = finite(one), finite(other)
    mean = float((values - reference).mean())
    if len(values) < 2 or 0 < allowance >= abs(mean):
        return 1.0
    return float(
        stats.permutation_test(
            (values - math.copysign(allowance, mean), reference),
            lambda x, y, axis: np.mean(x - y, axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=9999,
            rng=np.random.default_rng(0),
        ).pvalue
    )


def equivalence_p(one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray, margin: float) -> float:
    """P-value of a mean difference of pairs of `margin` or more, up or down: a small one shows that they are equal.

    The larger one of two one-sided paired t-tests, against -margin and against +margin (Schuirmann 1987; Lakens 2017).
    It is at most 5 % exactly if the 90 % interval of the paired t-test lies within the margin. 1 for a margin of 0 and
    for a single pair.

    Raises:
      ValueError: a value is not finite; or the margin is negative or not finite.
    """
    _check_size("margin", margin)
    differences = finite(one) - finite(other)
    if margin == 0 or len(differences) < 2:
        return 1.0
    # All differences are equal up to rounding: the limit of the test for no spread.
    if np.ptp(differences) <= 1e-9 * np.abs(differences).max():
        return 0.0 if abs(differences.mean()) < margin else 1.0
    from scipy import stats

    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    return float(max(above, below))


def finite(values: Sequence[float] | np.ndarray, name: str = "") -> np.ndarray:
    """Values as an array, if all are finite: tests of others are not defined, and SciPy gives p = 0 for some.

    Args:
      values: any number of them.
      name: begins the error.

    Raises:
      ValueError: a value is NaN or infinite.
    """
    array = np.asarray(values, np.float64)
    if not np.isfinite(array).all():
        wrong = array[~np.isfinite(array)][0]
        raise ValueError(f"{name}a value is {wrong}: leave out what is not finite, and say so")
    return array


def _check_size(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise ValueError(f"{name}={value} is not a size: use 0 or a positive number")


def mean_interval(values: Sequence[float] | np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a mean by Student's t; infinite for fewer than two values.

    It supposes normally distributed values. A bootstrap interval would not, but is too narrow for the few seeds of a
    grid: a 95 % BCa interval of 6 to 9 normally distributed values contains the true mean in 87 to 90 % of cases.

    Raises:
      ValueError: there is no value, or one is not finite.
    """
    whole = finite(values)
    found = paired_difference(whole, np.zeros_like(whole), confidence)
    return found.low, found.high


def holm(p: Sequence[float]) -> list[float]:
    """Corrects the p-values of comparisons made together (Holm 1979).

    At a level of 0.05, at most one family of comparisons in twenty then contains a false positive.

    Raises:
      ValueError: a p-value is not finite.
    """
    order = np.argsort(p, kind="stable")
    scaled = finite(p)[order] * (len(p) - np.arange(len(p)))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return corrected.tolist()


def fewest_pairs(comparisons: int, level: float = 0.05) -> int:
    """Smallest number of pairs with which `comparisons` comparisons can show a difference at a significance level."""
    return math.ceil(1 + math.log2(max(comparisons, 1) / level))
