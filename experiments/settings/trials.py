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
from aeden.tasks.field_ranges import RANGES
from experiments.settings.rows import read_rows, rows_at

FIGURE = "validation_"


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


def trial_pairs(
    path: Path, metric: Metric, reference: str, place: Mapping[str, Sequence[Any]], rename: Mapping[str, str]
) -> dict[str, Pairs]:
    """Contender -> its pairs at a place on the axes, on the validation split; those without a pair are left out.

    Args:
      path: the table of trials, as a grid writes it (`tuning.csv`).
      metric: what is compared.
      reference: the contender that the others are compared with.
      place: column -> values that the rows of the setting may have.
      rename: contender in the table -> its name, where they differ.

    Raises:
      ValueError: there is no such table, it has not the metric, or no pair at this place, or a trial twice.
    """
    if not path.is_file():
        raise ValueError(f"there is no table {path}: correct `trials`")
    rows, columns = read_rows(path)
    figure = FIGURE + metric.name
    values: dict[str, dict[tuple[Any, ...], float]] = {}
    for row in rows_at(rows, columns, place):
        own = values.setdefault(rename.get(row.get("contender", ""), row.get("contender", "")), {})
        matched = _matched(row, place)
        if matched in own:
            raise ValueError(f"{path} has two trials of {row['contender']} with {dict(matched)}: correct `trials`")
        own[matched] = _figure(row, figure)
    its = values.pop(reference, {})
    found = {name: _pairs(own, its, metric) for name, own in values.items()}
    kept = {name: pairs for name, pairs in found.items() if pairs is not None}
    if not kept:
        raise ValueError(
            f"{path} has no pair of trials with {figure} at this setting, of {reference} and another contender: "
            "correct `trials`"
        )
    return kept


def _matched(row: Row, place: Mapping[str, Any]) -> tuple[Any, ...]:
    """What two trials of a pair have in common: the seed and the values that were tuned."""
    return tuple((name, value) for name, value in sorted(row.items()) if name in RANGES and name not in place)


def _figure(row: Row, name: str) -> float:
    """The figure of a trial; NaN for none, as of a trial that diverged."""
    value = row.get(name, math.nan)
    return float(value) if isinstance(value, int | float) else math.nan


def _pairs(own: Mapping[Any, float], its: Mapping[Any, float], metric: Metric) -> Pairs | None:
    """None without a pair."""
    differences = [own[key] - its[key] for key in own.keys() & its.keys()]
    differences = [one for one in differences if math.isfinite(one)]
    if not differences:
        return None
    sign = 1 if metric.higher_is_better else -1
    return Pairs(len(differences), sum(sign * one > 0 for one in differences), statistics.median(differences))
