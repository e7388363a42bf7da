"""Intervals of ratios of times, over rounds within sittings and over sittings.

A ratio is the peer's time divided by aeden's: above 1 aeden is faster. It is formed within a sitting, since a machine
is faster in one sitting than in the next, and the ratios of several sittings are summarised by their geometric mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

RESAMPLES = 4000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate and its interval, which is NaN if there is nothing to resample."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        """E.g. "1.35 [1.21, 1.49]". The ends are rounded outwards."""
        if math.isnan(self.low):
            return number(self.estimate)
        return f"{number(self.estimate)} [{number(self.low, math.floor)}, {number(self.high, math.ceil)}]"


def number(value: float, rounding: Callable[[float], float] = round) -> str:
    """Two digits after the point, fewer for large values.

    Args:
      value: the number, >= 0.
      rounding: `math.floor` for a text that is never above the value, as in "at least n times"; `math.ceil`.
    """
    digits = 2 if value < 10 else 1 if value < 100 else 0
    # Twelve digits first: 1.1 * 100 is above 110.
    return f"{rounding(float(f'{value * 10**digits:.12g}')) / 10**digits:.{digits}f}"


# A sitting: seconds of one or several peers [peers, rounds], and of aeden [rounds].
Sitting = tuple[np.ndarray, np.ndarray]


def ratio_interval(sittings: Sequence[Sitting], seed: int = 0) -> Interval:
    """Time of the fastest peer divided by aeden's, with its 95 % interval.

    Each resample draws sittings, then rounds of each drawn sitting, both with replacement. The rounds are drawn for all
    peers together, since what slows the machine during a round slows all of them. The fastest peer (the lowest median)
    is chosen within each sitting of each resample, so that the interval includes this choice. With one sitting only
    the rounds are drawn. With several, the interval is the wider of this one, which is too narrow for few sittings, and
    of Student's t interval of the mean logarithm of the sittings' ratios.

    Args:
      sittings: see `Sitting`; all peers of a sitting have as many rounds as aeden.
      seed: of the resampling.

    Raises:
      ValueError: there is no sitting.
    """
    if not sittings:
        raise ValueError("no sitting: there is nothing to compare")
    logs = [math.log(np.median(peers, axis=1).min() / np.median(ours)) for peers, ours in sittings]
    estimate = math.exp(sum(logs) / len(logs))
    if len(sittings) == 1 and len(sittings[0][1]) == 1:
        return Interval(estimate, math.nan, math.nan)
    resampled = _resampled_ratios(sittings, np.random.default_rng(seed))
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(resampled, [tail, 100 - tail])
    if len(logs) > 1:
        half = stats.t.ppf((1 + LEVEL) / 2, len(logs) - 1) * np.std(logs, ddof=1) / math.sqrt(len(logs))
        low, high = min(low, estimate * math.exp(-half)), max(high, estimate * math.exp(half))
    return Interval(estimate, float(low), float(high))


def _resampled_ratios(sittings: Sequence[Sitting], rng: np.random.Generator) -> np.ndarray:
    """The geometric mean of the ratios of drawn sittings [RESAMPLES]."""
    count = len(sittings)
    drawn = rng.integers(count, size=(count, RESAMPLES))
    logs = np.zeros(RESAMPLES)
    for row in drawn:
        for number, (peers, ours) in enumerate(sittings):
            here = np.flatnonzero(row == number)
            rounds = rng.integers(len(ours), size=(len(here), len(ours)))
            best = np.median(peers[:, rounds], axis=-1).min(axis=0)
            logs[here] += np.log(best / np.median(ours[rounds], axis=-1))
    return np.exp(logs / count)
