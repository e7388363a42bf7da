"""The unit in which differences of several settings are printed."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable

from experiments.settings.setting import Setting


@dataclasses.dataclass(frozen=True)
class Scale:
    """How differences in units of the margin are printed.

    Attributes:
      unit: e.g. "dB".
      factor: one margin in this unit.
      digits: decimals.
    """

    unit: str
    factor: float
    digits: int

    def number(self, value: float) -> str:
        """A difference without its unit, e.g. "+0.31"; "±∞" if it is infinite."""
        return f"{self.factor * value:+.{self.digits}f}" if math.isfinite(value) else "±∞"

    def interval(self, low: float, high: float) -> str:
        """An interval without its unit, e.g. "[+0.12, +0.26]"."""
        return f"[{self.number(low)}, {self.number(high)}]"

    def __str__(self) -> str:
        """The unit."""
        return self.unit


def averaged(settings: Iterable[Setting]) -> list[Setting]:
    """The settings whose differences enter a mean: those of the most frequent metric that has a margin.

    Of equally frequent ones, the first. Differences by other metrics would have to be weighed against it.
    """
    sized = [one for one in settings if one.size]
    most = Counter(map(_kind, sized)).most_common(1)
    return [one for one in sized if _kind(one) == most[0][0]]


def scale_of(settings: Iterable[Setting]) -> Scale:
    """The unit of the metric of the settings that are `averaged`; margins if there is none."""
    members = averaged(settings)
    if not members:
        return Scale("margins", 1.0, 1)
    metric = members[0].metric
    return Scale(metric.unit or metric.label, members[0].size, metric.digits)


def _kind(setting: Setting) -> tuple[str, float]:
    return setting.metric.name, setting.size
