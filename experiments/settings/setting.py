"""Settings: tables of runs, split so that each part is one comparison of every contender with the reference."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aeden.measures.metric import Metric
from aeden.measures.paired_statistics import Comparison
from aeden.runtime.files import Row
from aeden.runtime.identity import flatten
from aeden.tasks.execute import TASKS
from aeden.tasks.from_config import check_choice
from experiments.ablate import metrics, seed_values, verdict
from experiments.ablate.grid import kind
from experiments.settings.baselines import methods_at
from experiments.settings.entry_rows import check_rows, of_decoders, rows_of, wanted_values
from experiments.settings.trials import Pairs, trial_pairs

# What a contender costs, where the table says so: column -> its name in text.
COSTS = {"parameters": "parameters", "multiplications": "multiplications"}
TASK_NAMES = {
    "denoise": "denoising",
    "gan": "generating",
    "segment": "segmenting",
    "stack": "classifying",
    "super_resolve": "super-resolving",
}


@dataclasses.dataclass(frozen=True)
class Effect:
    """A contender compared with the reference at one setting.

    Attributes:
      comparison: in the unit of the metric, contender minus reference.
      word: the verdict, see `verdict.word`.
      by_seed: seed -> difference in units of the margin, above 0 where the contender is better; {} without a margin.
      costs: name in `COSTS` -> cost relative to that of the reference.
    """

    comparison: Comparison
    word: str
    by_seed: Mapping[int, float]
    costs: Mapping[str, float]


@dataclasses.dataclass(frozen=True, eq=False)
class Setting:
    """One task on one data set, with images and a network of one size.

    Attributes:
      name: of its entry and its place on the axes, e.g. "skips, model.stages=2".
      words: data set and place in plain words.
      task: value of config.task.
      data: data set in plain words.
      section: the settings that it is shown with: task and protocol.
      metric: what is compared.
      size: the margin in the unit of the metric; 0 for none.
      networks: settings that tested the same trained networks share this value.
      equal_parameters: whether contenders had as many parameters as the reference.
      tuned: whether each contender had a learning rate that suits it.
      left_out: why summaries leave it out; "" if they count it.
      table, report: the CSV file, and the page about it or "", from the root of the repository.
      entry: name of its entry in the config.
      rows: of the table, one per run.
      trials: contender -> its trials beside those of the reference; none if there is no table of trials.
      methods: rows of the methods that need no training, on the same images; none if there is no table of them.
      reference: mean of the metric of the reference over its seeds.
      effects: contender -> effect.
      notes: what was left out because it is not finite.
    """

    name: str
    words: str
    task: str
    data: str
    section: str
    metric: Metric
    size: float
    networks: str
    equal_parameters: bool
    tuned: bool
    left_out: str
    table: str
    report: str
    entry: str
    rows: Sequence[Row]
    trials: Mapping[str, Pairs]
    methods: Sequence[Row]
    reference: float
    effects: Mapping[str, Effect]
    notes: Sequence[str]


def settings_of(config: Any, root: Path) -> list[Setting]:
    """All settings of a config, in its order.

    Args:
      config: see configs/settings/base.py.
      root: of the repository, where the paths of tables begin.

    Raises:
      ValueError: a table is missing or has not what its entry says, or there is no table.
    """
    if not config.tables:
        raise ValueError("there are no tables: name one in config.tables, see configs/settings/base.py")
    if config.reference not in config.contenders:
        raise ValueError(f"reference {config.reference!r} is none of the contenders {', '.join(config.contenders)}")
    found = []
    for name, entry in config.tables.items():
        try:
            found += _of_entry(name, entry, config, root)
        except (ValueError, OSError) as error:
            raise ValueError(f"{entry.path} ({name}): {error}") from error
    return found


def _of_entry(name: str, entry: Any, config: Any, root: Path) -> list[Setting]:
    """The settings of one table; the p-values are corrected for all of its comparisons together."""
    check_choice("task", entry.task, TASKS)
    metric = metrics.for_verdict(entry.task, entry.metric)
    if entry.report and not (root / entry.report.partition("#")[0]).is_file():
        raise ValueError(f"there is no page {entry.report}: correct `report`")
    rows, axes = rows_of(root / entry.path, entry), list(entry.axes)
    contenders = list(config.contenders)
    check_rows(rows, contenders, axes, config.reference, entry)
    values = seed_values.by_seed(of_decoders(rows, entry), contenders, axes, metric)
    # One rule for all: that of grids that tune, whose differences have to be larger than two tunings may make.
    compared = verdict.compared(seed_values.paired(values, config.reference), metric, entry.margin, tuned=True)
    size = verdict.size_of(entry.margin, metric)
    settings = []
    for place, members in values.items():
        here = dict(zip(axes, place, strict=True))
        at = wanted_values(entry) | {axis: (value,) for axis, value in here.items()}
        mine = [row for row in rows if all(row[axis] == value for axis, value in here.items())]
        reference = members[config.reference][1]
        effects = {
            contender: _effect(compared[label], metric, _differences(own, reference, metric, size), costs)
            for contender, (label, own) in members.items()
            if label in compared
            for costs in [_costs(mine, contender, config.reference)]
        }
        gaps = seed_values.gaps(of_decoders(mine, entry), contenders, axes, config.reference, metric)
        data = _data(mine, entry, config)
        settings.append(
            Setting(
                kind(name, here),
                ", ".join(filter(None, [data, entry.name, *_place(here, config)])),
                entry.task,
                data,
                _section(entry),
                metric,
                size,
                kind(entry.networks or name, here),
                entry.equal_parameters,
                entry.tuned,
                entry.left_out,
                entry.path,
                entry.report,
                name,
                mine,
                _trials(root, entry, metric, config.reference, at),
                _methods(root, entry, metric, at),
                float(np.mean(list(seed_values.finite(reference).values()))),
                effects,
                gaps.sentences(metric),
            )
        )
    return settings


def _trials(
    root: Path, entry: Any, metric: Metric, reference: str, place: Mapping[str, Sequence[Any]]
) -> dict[str, Pairs]:
    """The trials at a place as pairs; none if the entry names no table of them."""
    if not entry.trials:
        return {}
    return trial_pairs(root / entry.trials, metric, reference, place, entry.rename.to_dict())


def _methods(root: Path, entry: Any, metric: Metric, place: Mapping[str, Sequence[Any]]) -> list[Row]:
    """The methods that need no training at a place; none if the entry names no table of them."""
    return methods_at(root / entry.baselines, metric, place) if entry.baselines else []


def _effect(comparison: Comparison, metric: Metric, by_seed: Mapping[int, float], costs: Mapping[str, float]) -> Effect:
    return Effect(comparison, verdict.word(comparison, metric), by_seed, costs)


def _differences(
    own: Mapping[int, float], reference: Mapping[int, float], metric: Metric, size: float
) -> dict[int, float]:
    """Seed -> difference in margins, above 0 where better; {} without a margin."""
    if not size:
        return {}
    one, other = seed_values.finite(own), seed_values.finite(reference)
    sign = 1 if metric.higher_is_better else -1
    return {seed: sign * (one[seed] - other[seed]) / size for seed in sorted(one.keys() & other.keys())}


def _costs(rows: Sequence[Row], contender: str, reference: str) -> dict[str, float]:
    """The costs of a contender relative to those of the reference, where the rows have them."""
    found = {}
    for column in COSTS:
        one, other = (
            [row[column] for row in rows if row["contender"] == name and column in row]
            for name in (contender, reference)
        )
        if one and other:
            found[column] = float(np.mean(one) / np.mean(other))
    return found


def _data(rows: Sequence[Row], entry: Any, config: Any) -> str:
    """The data set in plain words."""
    name = entry.data or rows[0]["dataset"]
    return str(config.data.get(name, name))


def _place(setting: Mapping[str, Any], config: Any) -> list[str]:
    """The place on each axis in plain words."""
    templates = flatten(config.axes.to_dict())
    special = {(axis, value): words for axis, value, words in config.places}
    return [
        special.get((axis, value)) or templates.get(axis, f"{axis} {{}}").format(_in_words(value))
        for axis, value in setting.items()
        if axis != "dataset"
    ]


def _in_words(value: Any) -> str:
    """A value of an axis: "with" or "without" for a bool, and numbers without needless digits."""
    if isinstance(value, bool):
        return "with" if value else "without"
    return f"{value:,g}" if isinstance(value, int | float) else str(value)


def _section(entry: Any) -> str:
    """Task and protocol in plain words."""
    protocol = "each with a rate that suits it" if entry.tuned else "one rate for all"
    size = "as many parameters as the reference" if entry.equal_parameters else ""
    parts = [TASK_NAMES.get(entry.task, entry.task), entry.left_out or protocol, size]
    return ", ".join(filter(None, parts))
