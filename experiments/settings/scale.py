"""The unit in which differences of several settings are printed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

from experiments.settings.setting import Setting


@dataclasses.dataclass(frozen=True)
class Scale:
    """How differences in units of the margin are printed.

    Attributes:
      unit: "dB", or "margins" if the settings have different metrics.
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


def scale_of(settings: Iterable[Setting]) -> Scale:
    """The unit of the metric, if all settings with a margin have the same metric and margin; else margins."""
    found = {(one.metric.name, one.size): one.metric for one in settings if one.size}
    if len(found) != 1:
        return Scale("margins", 1.0, 1)
    ((_, size), metric) = next(iter(found.items()))
    return Scale(metric.unit or metric.label, size, metric.digits)
