"""Trials of a tuning as pairs: a contender and the reference with the same values that were tuned, under one seed.

The runs of a setting compare contenders at the values that were chosen for each, of which some were lucky. The trials
compare them at the same values, most of which suit neither.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aeden.measures.metric import Metric
from aeden.runtime.files import Row
from experiments.settings.rows import read_rows

FIGURE = "validation_"
# What a row has beside its contender, its place on the axes, its seed and the values that were tuned.
OTHERS = ("contender", "steps", "parameters", "wall_seconds", "folder", "hardware")


@dataclasses.dataclass(frozen=True)
class Pairs:
    """The trials of a contender beside those of the reference.

    Attributes:
      count: number of pairs in which both have a finite value.
      ahead: in how many of them the contender is better.
      median: of the differences, contender minus reference, in the unit of the metric.
    """

    count: int
    ahead: int
    median: float


def trial_pairs(path: Path, metric: Metric, reference: str, place: Mapping[str, Sequence[Any]]) -> dict[str, Pairs]:
    """Contender -> its pairs at a place on the axes, on the validation split; those without a pair are left out.

    Args:
      path: the table of trials, as a grid writes it (`tuning.csv`).
      metric: what is compared.
      reference: the contender that the others are compared with.
      place: column -> values that the rows of the setting may have.

    Raises:
      ValueError: there is no such table, it has not the metric, or no trial of the reference at this place.
    """
    if not path.is_file():
        raise ValueError(f"there is no table {path}: correct `trials`")
    rows, columns = read_rows(path)
    figure = FIGURE + metric.name
    here = {column: values for column, values in place.items() if column in columns}
    mine = [row for row in rows if all(row.get(column) in values for column, values in here.items())]
    if figure not in columns or not any(row["contender"] == reference for row in mine):
        raise ValueError(f"{path} has no trial of {reference} with {figure} at this setting: correct `trials`")
    values: dict[str, dict[tuple[Any, ...], float]] = {}
    for row in mine:
        if math.isfinite(row.get(figure, math.nan)):
            values.setdefault(row["contender"], {})[_matched(row, here)] = row[figure]
    its = values.pop(reference, {})
    found = {name: _pairs(own, its, metric) for name, own in values.items()}
    return {name: pairs for name, pairs in found.items() if pairs is not None}


def _matched(row: Row, here: Mapping[str, Any]) -> tuple[Any, ...]:
    """What two trials of a pair have in common: the seed and the values that were tuned."""
    return tuple(
        (name, value)
        for name, value in sorted(row.items())
        if name not in OTHERS and name not in here and not name.startswith(FIGURE)
    )


def _pairs(own: Mapping[Any, float], its: Mapping[Any, float], metric: Metric) -> Pairs | None:
    """None without a pair."""
    differences = [own[key] - its[key] for key in own.keys() & its.keys()]
    if not differences:
        return None
    sign = 1 if metric.higher_is_better else -1
    return Pairs(len(differences), sum(sign * one > 0 for one in differences), statistics.median(differences))
