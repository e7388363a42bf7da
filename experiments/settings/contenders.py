"""One entry as tables in Markdown: what each contender costs and reaches, and how it differs from the reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aeden.measures.metric import Metric
from aeden.measures.seed_spread import plus_minus
from aeden.runtime.files import Row
from experiments.ablate import metrics
from experiments.settings.document import difference, link, table
from experiments.settings.setting import Setting

# Column of the rows -> head in the table, and how a value is printed.
FACTS = {
    "learning_rate": ("chosen rate", lambda value: f"{value:.2g}"),
    "parameters": ("parameters", lambda value: f"{value:,.0f}"),
    "multiplications": ("million multiplications per image", lambda value: f"{value / 1e6:.2f}"),
}


def contender_tables(settings: Sequence[Setting], config: Any, folder: Path, root: Path) -> str:
    """A table for each setting of an entry: methods without training, the reference, and the other contenders.

    Args:
      settings: those of one entry.
      config: see configs/settings/base.py; `columns` of the entry names the metrics beside the one compared.
      folder: that of the document.
      root: of the repository.

    Raises:
      ValueError: the table lacks a column that the entry names.
    """
    parts = []
    for one in settings:
        shown = _metrics(one, config.tables[one.entry].columns)
        heads, rows = _columns(one, shown), []
        names = [*config.tables[one.entry].not_decoders, *config.contenders]
        rows += [_method(row, one, shown, len(heads)) for row in one.methods]
        rows += [_contender(name, one, shown, config.reference) for name in names if _runs(one, name)]
        source = link(Path(one.table).name, one.table, folder, root)
        title = f"{one.words} ({source}):\n\n" if len(settings) > 1 else ""
        parts.append(title + table(heads, rows))
    return "\n".join(parts)


def _metrics(setting: Setting, names: Sequence[str]) -> list[Metric]:
    """The compared metric and those that the entry names."""
    known = metrics.of_task(setting.task)
    for name in names:
        if name not in known or not any(name in row for row in setting.rows):
            raise ValueError(f"{setting.table} has no metric {name}: correct `columns` of {setting.entry}")
    return [setting.metric, *(known[name] for name in names)]


def _facts(setting: Setting) -> list[str]:
    """The columns of `FACTS` that the table has; a rate only if each contender has its own."""
    return [
        name
        for name in FACTS
        if (setting.tuned or name != "learning_rate") and all(name in row for row in setting.rows)
    ]


def _columns(setting: Setting, shown: Sequence[Metric]) -> list[str]:
    metric = setting.metric
    unit = f", {metric.unit}" if metric.unit else ""
    return [
        "",
        *(FACTS[name][0] for name in _facts(setting)),
        *(one.axis_label for one in shown),
        *(["trials at the same rate and seed: median, ahead"] if setting.trials else []),
        f"difference{unit} [95 % interval]",
        "ahead",
        "corrected p",
        "verdict",
    ]


def _runs(setting: Setting, contender: str) -> list[Row]:
    return [row for row in setting.rows if row["contender"] == contender]


def _method(row: Row, setting: Setting, shown: Sequence[Metric], width: int) -> list[str]:
    """The row of a method that needs no training."""
    figures = [f"{row[one.name]:.{one.digits}f}" if one.name in row else "" for one in shown]
    cells = [f"without training: {row['method'].replace('_', ' ')}", *[""] * len(_facts(setting)), *figures]
    return cells + [""] * (width - len(cells))


def _contender(name: str, setting: Setting, shown: Sequence[Metric], reference: str) -> list[str]:
    """The row of a contender: means and standard deviations over its seeds, and its difference to the reference."""
    runs = _runs(setting, name)
    facts = [FACTS[fact][1](np.mean([row[fact] for row in runs])) for fact in _facts(setting)]
    figures = [_mean([row[one.name] for row in runs if one.name in row], one) for one in shown]
    effect, trials = setting.effects.get(name), _trials(name, setting)
    if effect is None:
        why = "reference" if name == reference else "not compared"
        return [f"`{name}`", *facts, *figures, *trials, "", "", "", why]
    one = effect.comparison
    size = difference(one, setting.metric)
    shown_size = f"**{size}**" if effect.word in ("better", "worse") else size
    p = f"{one.corrected:.3f}" if one.corrected >= 0.001 else "< 0.001"
    return [f"`{name}`", *facts, *figures, *trials, shown_size, f"{one.wins} of {one.pairs}", p, effect.word]


def _trials(name: str, setting: Setting) -> list[str]:
    """The cell about a contender's trials; none if the setting has no trials."""
    if not setting.trials:
        return []
    pairs = setting.trials.get(name)
    return [f"{pairs.median:+.{setting.metric.digits}f}, {pairs.ahead} of {pairs.count}" if pairs else ""]


def _mean(values: Sequence[float], metric: Metric) -> str:
    """Mean and standard deviation over seeds, of those that are finite; "" for none."""
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return ""
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    mean = float(np.mean(known))
    return plus_minus(mean, deviation) if deviation > 0 else f"{mean:.{metric.digits}f}"
