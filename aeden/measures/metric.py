"""The description of a metric: its name, unit and direction, in one place.

How to add a metric:

1. Write the function in the file of its subject: `image_quality.py`, `checkerboard.py` or `sample_quality.py`. A metric
   of images returns one value per example, so that it can be averaged over a split.
2. Define a `Metric` constant above it. Its `name` is the key of the value in the summaries of runs. Give it a `margin`
   only if `docs/method.md` says why.
3. Compute it where the summary is written: `image_quality.RESTORATION_METRICS` for restored images, or
   `aeden/tasks/NAME/`. Add the constant to `METRICS` in the `task.py` of its task; tables and reports of grids follow.
4. Test the function against an independent implementation.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Metric:
    """How a metric is named, printed and compared.

    Attributes:
      name: key in summaries, e.g. "psnr".
      label: name in tables and plots, e.g. "PSNR".
      unit: unit of the value, e.g. "dB"; "" for none.
      higher_is_better: whether a higher value is better; None if neither direction is, and the value should be close to
        that of real images.
      digits: decimals of a printed difference.
      margin: smallest difference that anyone would act on, in the unit of the metric; 0 if none is known.
    """

    name: str
    label: str
    unit: str
    higher_is_better: bool | None
    digits: int
    margin: float = 0.0

    @property
    def axis_label(self) -> str:
        """Label and unit, e.g. "PSNR, dB"."""
        return f"{self.label}, {self.unit}" if self.unit else self.label

    def format_difference(self, value: float, width: float = math.nan) -> str:
        """A difference of two values with its sign and unit, e.g. "+0.31 dB".

        Args:
          value: the difference.
          width: half of its interval, which may need more digits than the metric has, see `decimals`; NaN if unknown.
        """
        return f"{value:+.{decimals(self.digits, width)}f}{f' {self.unit}' if self.unit else ''}"

    def format_size(self, value: float) -> str:
        """A size without a sign, such as a margin, in as many digits as it needs, e.g. "0.1 dB"."""
        return f"{value:g}{f' {self.unit}' if self.unit else ''}"


def decimals(digits: int, width: float) -> int:
    """Decimals of a difference: those of its metric, and more if half the width of its interval needs them.

    Args:
      digits: decimals of the metric.
      width: half the width of the interval, in the same unit; NaN, 0 or infinite if there is none.
    """
    if not math.isfinite(width) or width <= 0:
        return digits
    return max(digits, -math.floor(math.log10(width)))


def select(metrics: Iterable[Metric], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of some metrics by name, in the order of the metrics; those that are missing are left out."""
    return {metric.name: values[metric.name] for metric in metrics if metric.name in values}
