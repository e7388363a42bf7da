"""The heat map as a table in Markdown: every difference with its interval, and the figures that it is relative to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aeden.measures.metric import Metric
from aeden.plots.settings import MARKS
from experiments.settings.baselines import best
from experiments.settings.document import difference, link, table
from experiments.settings.page import columns
from experiments.settings.setting import Effect, Setting


def differences_table(settings: Sequence[Setting], config: Any, folder: Path, root: Path) -> str:
    """Every setting: best baseline (if any has one), reference, and differences with interval and verdict."""
    names = columns(settings, config)
    compared = any(one.methods for one in settings)
    rows = []
    for one in settings:
        cells = [_cell(one.effects.get(name), one.metric) for name in names]
        reference = _figure(one.reference, one.metric)
        rows.append([link(one.words, one.table, folder, root), *([_best(one)] if compared else []), reference, *cells])
    labels = {one.metric.axis_label for one in settings}
    unit = f" ({labels.pop()})" if len(labels) == 1 else ""
    methods = ["best without training"] if compared else []
    heads = [f"setting{unit}", *methods, f"`{config.reference}`", *(f"`{name}`" for name in names)]
    marks = f"{MARKS['better']} better, {MARKS['worse']} worse, {MARKS['equal for practical use']} equal"
    return table(heads, rows) + f"\n{marks} for practical use; without a mark, no difference is shown.\n"


def _best(setting: Setting) -> str:
    """The best method that needs no training; "" for none."""
    if not setting.methods:
        return ""
    row = best(setting.methods, setting.metric)
    return f"{row['method']} {_figure(row[setting.metric.name], setting.metric)}"


def _figure(value: float, metric: Metric) -> str:
    return f"{value:.{metric.digits}f}"


def _cell(effect: Effect | None, metric: Metric) -> str:
    """A difference with its interval and the mark of its verdict."""
    if effect is None:
        return ""
    return f"{difference(effect.comparison, metric)} {MARKS.get(effect.word, '')}".strip()
