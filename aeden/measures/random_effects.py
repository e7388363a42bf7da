"""One summary of comparisons at many settings: random effects, with a prediction interval."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence

import numpy as np

from aeden.measures.paired_statistics import finite


@dataclasses.dataclass(frozen=True)
class Pooled:
    """The mean of effects that differ truly from setting to setting.

    Attributes:
      mean: weighted mean of the effects.
      low, high: ends of its confidence interval; infinite for a single group.
      predicted_low, predicted_high: ends of the interval for the true effect at a setting that was not measured, drawn
        from the same population; infinite for a single group.
      between: standard deviation of the true effects between groups; without groups, between settings.
      within: standard deviation of the true effects between the settings of a group; 0 without groups.
      effects: number of effects.
      groups: number of groups; without groups, that of the effects.
    """

    mean: float
    low: float
    high: float
    predicted_low: float
    predicted_high: float
    between: float
    within: float
    effects: int
    groups: int


def pool(
    effects: Sequence[float] | np.ndarray,
    errors: Sequence[float] | np.ndarray,
    groups: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
) -> Pooled:
    """Random-effects summary by restricted maximum likelihood (REML).

    Without groups the model is effect_i = mean + u_i + e_i: u_i varies between settings, and e_i is the error of
    measurement. The interval of the mean is that of Hartung & Knapp (2001), never narrower than without their factor
    (Jackson et al. 2017). With groups it is effect_ij = mean + u_i + w_ij + e_ij, a three-level model (Konstantopoulos
    2011): settings of the same group, e.g. of the same data set, resemble each other. All intervals take Student's t
    with one degree of freedom less than groups, the prediction interval as in IntHout et al. (2016).

    Args:
      effects: one effect per setting, in any unit that all share.
      errors: standard error of each, above 0.
      groups: the group of each effect; None, or one group for each effect, for the model without groups.
      confidence: of both intervals.

    Raises:
      ValueError: the lengths differ or are 0, a value is not finite, or an error is not above 0.
    """
    y, variances = finite(effects), np.square(finite(errors))
    names = list(range(len(y))) if groups is None else list(groups)
    if not len(y) or not len(y) == len(variances) == len(names):
        raise ValueError(f"a summary takes one error and one group per effect, not {len(variances)} for {len(y)}")
    if not (variances > 0).all():
        raise ValueError("a standard error is 0: leave out what was measured once, or without any spread")
    count, nested = len(set(names)), len(set(names)) < len(y)
    if count == 1:
        return _single(y, variances)
    same = np.array([[one == other for other in names] for one in names], np.float64)
    deviations = _reml(y, variances, same, nested)
    mean, error, quadratic = _mean(y, _covariance(deviations, variances, same))
    if not nested:
        error *= math.sqrt(max(quadratic / (len(y) - 1), 1.0))
    from scipy import stats

    t = float(stats.t.ppf((1 + confidence) / 2, count - 1))
    predicted = t * math.sqrt(error**2 + float(np.square(deviations).sum()))
    between, within = float(deviations[0]), float(deviations[1]) if nested else 0.0
    ends = (mean - t * error, mean + t * error, mean - predicted, mean + predicted)
    return Pooled(mean, *ends, between, within, len(y), count)


def _single(y: np.ndarray, variances: np.ndarray) -> Pooled:
    """The mean of a single group, about which nothing else can be said."""
    mean = float((y / variances).sum() / (1 / variances).sum())
    return Pooled(mean, -math.inf, math.inf, -math.inf, math.inf, math.nan, math.nan, len(y), 1)


def _covariance(deviations: np.ndarray, variances: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Covariance of the effects [n, n] for standard deviations [1] between groups, or [2] between and within them."""
    return np.diag(variances + np.square(deviations[1:]).sum()) + same * deviations[0] ** 2


def _mean(y: np.ndarray, covariance: np.ndarray) -> tuple[float, float, float]:
    """Generalised least squares: the mean, its standard error, and the weighted sum of squared residuals."""
    weights = np.linalg.inv(covariance)
    total = weights.sum()
    mean = float(weights.sum(0) @ y / total)
    residuals = y - mean
    return mean, float(total**-0.5), float(residuals @ weights @ residuals)


def _reml(y: np.ndarray, variances: np.ndarray, same: np.ndarray, nested: bool) -> np.ndarray:
    """The standard deviations [1] or [2], at least 0, with the highest restricted likelihood."""
    from scipy import optimize

    def loss(deviations: np.ndarray) -> float:
        covariance = _covariance(deviations, variances, same)
        _, error, quadratic = _mean(y, covariance)
        return 0.5 * (np.linalg.slogdet(covariance)[1] - 2 * math.log(error) + quadratic)

    scale = max(float(y.std()), float(np.sqrt(variances).mean()))
    # Only the squares count, so no bound is needed. From two starts, in case one finds a lower peak.
    starts = [np.full(1 + nested, share * scale) for share in (0.5, 0.05)]
    options = {"xatol": 1e-7 * scale, "fatol": 1e-10}
    found = [optimize.minimize(loss, start, method="Nelder-Mead", options=options) for start in starts]
    return np.abs(min(found, key=lambda one: one.fun).x)
