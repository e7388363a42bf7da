"""The results of a grid as plain data, which every section of the report takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from aeden.measures.metric import Metric
from aeden.measures.paired_statistics import Comparison
from aeden.runtime.files import Row
from aeden.tasks.task import Summary
from experiments.ablate import metrics, results, seed_values
from experiments.ablate.baselines import Baselines
from experiments.ablate.grid import Cell, kind
from experiments.ablate.plan import Plan
from experiments.ablate.report import figures
from experiments.ablate.seed_values import Gaps
from experiments.ablate.tuning import Tuning


@dataclasses.dataclass(frozen=True, eq=False)
class Denoising:
    """What only a grid of denoising runs has; empty for other tasks.

    Attributes:
      levels: one row per finished run and noise level, see `results.levels`.
      costs: contender and setting -> cost, see `experiments.ablate.cost`; {} if nothing was timed.
      baselines: results of classical methods; None if they were not computed.
    """

    levels: list[Row] = dataclasses.field(default_factory=list)
    costs: dict[str, Any] = dataclasses.field(default_factory=dict)
    baselines: Baselines | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class GridResult:
    """The results of a grid.

    Attributes:
      plan: the runs of the grid and their folders; at least one run.
      commands: the command line of each run, shared runs included.
      rows: one row per finished run, see `results.row`; at least one.
      summaries: summary.json of each finished run.
      failures: name of each failed run -> its error message.
      comparisons: contender and setting -> comparison with the reference.
      denoising: results that only denoising runs have.
      tuning: the trials that chose values of fields; None if the grid tunes nothing.
    """

    plan: Plan
    commands: list[str]
    rows: list[Row]
    summaries: dict[Cell, Summary]
    failures: dict[str, str]
    comparisons: dict[str, Comparison]
    denoising: Denoising = dataclasses.field(default_factory=Denoising)
    tuning: Tuning | None = None

    @property
    def task(self) -> str:
        """Value of config.task, the same for every run."""
        return self.plan.cells[0].config.task

    @property
    def contenders(self) -> list[str]:
        """Names of the contenders in the order of the grid."""
        present = {cell.contender for cell in self.plan.cells}
        return [name for name in self.plan.settings.contenders if name in present]

    @property
    def reference(self) -> str:
        """Name of the contender that the others are compared with."""
        return self.plan.settings.reference

    @property
    def axes(self) -> list[str]:
        """Config fields that the grid varies in addition to contender and seed."""
        return list(self.plan.cells[0].setting)

    @property
    def palette(self) -> figures.Palette:
        """Colour of each contender."""
        return figures.colours(self.contenders)

    @property
    def metric(self) -> Metric:
        """The metric of the verdict."""
        return metrics.for_verdict(self.task, self.plan.settings.metric)

    @property
    def gaps(self) -> Gaps:
        """What the comparisons leave out because it is not finite."""
        names = list(self.plan.settings.contenders)
        return seed_values.gaps(self.rows, names, self.axes, self.reference, self.metric)

    @property
    def alone(self) -> bool:
        """Whether the reference is the grid's only contender."""
        return len(self.plan.settings.contenders) == 1

    @property
    def stood_in(self) -> list[tuple[str, str]]:
        """(data set, the one that it stood in for because that is not available); empty in the usual case."""
        datasets = {(one["dataset"], one["requested_dataset"]) for one in self.summaries.values()}
        return sorted(pair for pair in datasets if pair[0] != pair[1])

    @property
    def note(self) -> str:
        """The note of the grid's config; "" if other data stood in for those that it is about."""
        return "" if self.stood_in else self.plan.settings.note

    def values_of(self, field: str) -> list[Any]:
        """The values of a field of the experiment over all runs, in the order of the grid; each once."""
        return list(dict.fromkeys(cell.fields()[field] for cell in self.plan.cells))

    @property
    def first_cells(self) -> list[Cell]:
        """The run of each contender at the grid's first setting and first seed."""
        first = self.plan.cells[0]
        return [cell for cell in self.plan.cells if (cell.setting, cell.seed) == (first.setting, first.seed)]

    @property
    def first_setting(self) -> str:
        """The grid's first setting for a caption, e.g. " (noise.level=0.2)"; "" if the grid has no axes.

        Of several settings it says that it is the first, so that nobody looks for the others.
        """
        if not self.axes:
            return ""
        count = len({cell.place for cell in self.plan.cells})
        return f" ({self.plan.cells[0].place}{f', the first of {count} settings' if count > 1 else ''})"

    def kind(self, contender: str, setting: Sequence[Any]) -> str:
        """Label of a contender at a setting, e.g. "k3, noise.level=0.2"; key of `comparisons` and costs."""
        return kind(contender, dict(zip(self.axes, setting, strict=True)))

    def groups(self) -> list[tuple[str, tuple[Any, ...], list[Row]]]:
        """(contender, setting, one row per finished seed), contender by contender in the order of the grid."""
        members = results.grouped(self.rows, ["contender", *self.axes])
        order = dict.fromkeys((cell.contender, *cell.setting.values()) for cell in self.plan.cells)
        contenders = self.contenders
        known = sorted((key for key in order if key in members), key=lambda key: contenders.index(key[0]))
        return [(key[0], key[1:], members[key]) for key in known]

    def heads(self, columns: Iterable[str]) -> list[str]:
        """Table heads of columns: label and unit of a metric, or the column's own name."""
        return [metrics.head(self.task, column) for column in columns]
