"""Methods that need no training, on the images of a setting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aeden.measures.metric import Metric
from aeden.runtime.files import Row
from experiments.settings.rows import read_rows, rows_at


def methods_at(path: Path, metric: Metric, place: Mapping[str, Sequence[Any]]) -> list[Row]:
    """The methods that need no training, on the images of a setting: rows with `method` and metrics.

    Args:
      path: a table with a row per method, as a grid writes it (`baselines.csv`).
      metric: what is compared.
      place: column -> values that the rows of the setting may have; columns that the table lacks do not tell its rows
        apart.

    Raises:
      ValueError: there is no such table or column, or no row of this setting.
    """
    if not path.is_file():
        raise ValueError(f"there is no table {path}: correct `baselines`")
    rows, columns = read_rows(path)
    mine = rows_at(rows, columns, place)
    if not mine or not {"method", metric.name} <= columns:
        raise ValueError(f"{path} has no method with {metric.name} at this setting: correct `baselines`")
    return mine


def best(methods: Sequence[Row], metric: Metric) -> Row:
    """The best of one or more methods by a metric; a figure that is not finite is the worst."""
    worst = -math.inf if metric.higher_is_better else math.inf
    choose = max if metric.higher_is_better else min
    return choose(methods, key=lambda row: row[metric.name] if math.isfinite(row[metric.name]) else worst)
