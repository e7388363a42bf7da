"""The tuning stage of a grid: trials of every contender choose its values of some fields, before its runs.

Every contender gets the same trials: the same values under the same seeds. The trial with the best result on the
validation split, smoothed over the trials nearby, decides. The state of the stage is a function of the trials in the
folder of the grid, so that it continues after any interruption.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aeden.measures.metric import Metric
from aeden.runtime import run_folder
from aeden.runtime.files import DamagedFileError
from aeden.tasks.task import Summary
from experiments.ablate import choice, metrics, search_space, tuning_checks, verdict
from experiments.ablate.grid import Cell
from experiments.ablate.plan import Plan, make_plan
from experiments.ablate.run_config import set_field
from experiments.ablate.search_space import Search

# Trials -> their plan, and the summaries of those that have ended.
Found = Callable[[list[Cell]], tuple[Plan, dict[Cell, Summary]]]


@dataclasses.dataclass(frozen=True, eq=False)
class Choice:
    """What the tuning chose for a contender at a setting.

    Attributes:
      cell: the trial whose values are chosen: the one with the best smoothed result, see `choice.smoothed`.
      leader: the trial with the best own result, which decides whether a range is widened.
      figure: the result of `cell` on the validation split.
      best_figure: the result of `leader` on the validation split.
      figures: the results of all trials, in their order; None for a trial that diverged.
      standing: the mean of the best results, which decides who goes on, see `choice.standing`.
      failed: number of trials that diverged or collapsed, see `choice.collapsed`.
      edges: the fields whose value in the leader is the lowest or the highest of all that were tried: field -> side.
      goes_on: whether the contender is run with the chosen values.
    """

    cell: Cell
    leader: Cell
    figure: float
    best_figure: float
    figures: list[float | None]
    standing: float
    failed: int
    edges: dict[str, str]
    goes_on: bool = True

    @property
    def diverged(self) -> int:
        """Number of trials that diverged."""
        return self.figures.count(None)

    @property
    def finished(self) -> list[float]:
        """The results of the trials that did not diverge."""
        return [figure for figure in self.figures if figure is not None]


@dataclasses.dataclass(frozen=True, eq=False)
class Tuning:
    """The state of a tuning stage.

    Attributes:
      plan: all trials so far.
      summaries: summary of each trial that has ended; {} if it diverged.
      templates: the runs of the grid with the values of the experiment; the chosen ones replace them.
      searches: the search at each setting, by its place (`Cell.place`).
    """

    plan: Plan
    summaries: dict[Cell, Summary]
    templates: list[Cell]
    searches: dict[str, Search]

    @property
    def fields(self) -> list[str]:
        """The fields that are tuned."""
        return list(search_space.ranges(self.plan.settings))

    @property
    def metric(self) -> Metric:
        """The metric that decides."""
        return metrics.for_verdict(self.plan.settings.experiment.task, self.plan.settings.metric)

    @property
    def margin(self) -> float:
        """Smallest difference to act on, in the unit of the metric; 0 if there is none."""
        return verdict.size_of(self.plan.settings.margin, self.metric)

    @property
    def open(self) -> list[Cell]:
        """The trials that have not ended."""
        return [cell for cell in self.plan.cells if cell not in self.summaries]

    def figure(self, cell: Cell) -> float | None:
        """The result of a trial that has ended, on the validation split; None if it diverged."""
        value = self.summaries[cell].get("validation", {}).get(self.metric.name)
        return value if value is not None and math.isfinite(value) else None

    def trials(self) -> dict[str, list[Cell]]:
        """Contender and setting (`Cell.kind`) -> its trials."""
        found: dict[str, list[Cell]] = {}
        for cell in self.plan.cells:
            found.setdefault(cell.kind, []).append(cell)
        return found

    def choices(self) -> dict[str, Choice]:
        """Contender and setting (`Cell.kind`) -> what was chosen.

        Raises:
          ValueError: all trials of one diverged.
        """
        found = {name: self.choose(cells) for name, cells in self.trials().items()}
        going = self._finalists(found.values())
        return {name: dataclasses.replace(one, goes_on=one.cell.contender in going) for name, one in found.items()}

    def choose(self, cells: Sequence[Cell]) -> Choice:
        """What the trials of one contender at one setting choose, without regard to the other contenders.

        Raises:
          ValueError: all of them diverged.
        """
        figures = [self.figure(cell) for cell in cells]
        # One that diverged never leads, whatever stands for it.
        known = [math.nan if figure is None else figure for figure in figures]
        if all(map(math.isnan, known)):
            ranges = ", ".join(f"tuning.fields.{name}" for name in self.fields)
            raise ValueError(f"all {len(cells)} trials of {cells[0].kind} diverged: lower {ranges}, or leave it out")
        points, higher = [cell.tuned for cell in cells], bool(self.metric.higher_is_better)
        configured = self.searches[cells[0].place].configured
        smooth = choice.smoothed(points, figures, configured, self.plan.settings.tuning.trials, higher)
        chosen, leading = (choice.best(figures, rated, higher) for rated in (smooth, known))
        return Choice(
            cells[chosen],
            cells[leading],
            known[chosen],
            known[leading],
            figures,
            choice.standing(figures, higher),
            sum(choice.collapsed(figures, self.margin, higher)),
            search_space.edges(points, points[leading]),
        )

    def _finalists(self, choices: Iterable[Choice]) -> set[str]:
        """The contenders that go on, at all settings: those that are among the best at any of them."""
        settings = self.plan.settings
        number = settings.tuning.finalists
        places: dict[str, list[Choice]] = {}
        for one in choices:
            places.setdefault(one.cell.place, []).append(one)
        going = {settings.reference, *settings.tuning.always}
        for members in places.values():
            ranked = sorted(members, key=lambda one: one.standing, reverse=bool(self.metric.higher_is_better))
            going |= {one.cell.contender for one in ranked[: number or len(ranked)]}
        return going

    def finals(self) -> list[Cell]:
        """The runs of the grid with the chosen values, once all trials have ended."""
        choices = self.choices()
        return [_changed(cell, choices[cell.kind].cell.tuned) for cell in self.templates if choices[cell.kind].goes_on]


def look(name: str, settings: Any, templates: Sequence[Cell], workdir: Path) -> Tuning:
    """The state of a tuning stage, from the trials in the folder of the grid.

    The search at a setting is widened for all contenders if any of them has its best result at an edge.

    Args:
      name: name of the grid.
      settings: its config.
      templates: its runs, see `grid.expand`.
      workdir: its folder.

    Raises:
      ValueError: see `tuning_checks.check`; or a field cannot have a value of its range.
    """
    tuning_checks.check(settings, templates)

    def found(cells: list[Cell]) -> tuple[Plan, dict[Cell, Summary]]:
        plan = make_plan(name, settings, cells, workdir)
        return plan, _summaries(plan)

    return search(settings, templates, found)


def search(settings: Any, templates: Sequence[Cell], found: Found) -> Tuning:
    """The state of a tuning stage, from the trials that have ended, wherever they are.

    Args:
      settings: the config of the grid.
      templates: its runs, see `grid.expand`.
      found: gives the plan of some trials, and the summaries of those that have ended ({} for one that diverged).
    """
    first = search_space.first_search(search_space.ranges(settings), settings.tuning.trials)
    places = {cell.place: first for cell in templates}
    while True:
        tuning = Tuning(*found(_trials(settings, templates, places)), list(templates), places)
        wider = {place: _wider(tuning, place) for place in places}
        if wider == places:
            return tuning
        places = wider


def _wider(tuning: Tuning, place: str) -> Search:
    """The search at a setting, widened if all its trials have ended and a range may and should be widened."""
    search, settings = tuning.searches[place], tuning.plan.settings.tuning
    trials = [cells for cells in tuning.trials().values() if cells[0].place == place]
    if search.widened == settings.widenings or any(cell not in tuning.summaries for one in trials for cell in one):
        return search
    if any(all(tuning.figure(cell) is None for cell in cells) for cells in trials):
        return search  # `choices` will refuse it
    ends = dict.fromkeys(itertools.chain.from_iterable(tuning.choose(cells).edges.items() for cells in trials))
    return search_space.widen(search, list(ends), settings.trials) if ends else search


def _trials(settings: Any, templates: Sequence[Cell], searches: Mapping[str, Search]) -> list[Cell]:
    """The trials of all contenders, point by point, so that those that finish first can be compared."""
    first = {cell.kind: cell for cell in reversed(templates)}
    cells: dict[str, Cell] = {}
    shared: dict[str, Cell] = {}
    for i in range(max(len(search.points) for search in searches.values())):
        for template in reversed(first.values()):
            points = searches[template.place].points
            if i < len(points):
                values = _typed(template, points[i].values, searches[template.place].configured)
                trial = _trial(template, i, values, settings.tuning.seed + points[i].seed, shared)
                # Two points may have the same values if a field takes integers.
                cells.setdefault(f"{trial.kind}, {trial.seed}, {trial.tuned}", trial)
    return list(cells.values())


def _typed(template: Cell, values: Mapping[str, float], configured: search_space.Ranges) -> dict[str, float]:
    """The values of a point as the fields take them: some take integers."""
    return {
        name: search_space.integer(x, configured[name]) if isinstance(template.tuned[name], int) else x
        for name, x in values.items()
    }


def _trial(template: Cell, number: int, values: Mapping[str, float], seed: int, shared: dict[str, Cell]) -> Cell:
    """A trial of a contender: validated only, so that the choice does not depend on the test split.

    It takes the shared run of its own seed, which does not take its values. `shared`: those so far, by name.
    """
    cell = dataclasses.replace(_changed(template, values), seed=seed, trial=number)
    if template.shared is not None:
        config = template.shared.config.copy_and_resolve_references()
        set_field(config, "seed", seed, "tuning")
        run = dataclasses.replace(template.shared, seed=seed, config=config)
        cell = dataclasses.replace(cell, shared=shared.setdefault(run.name, run))
    # What a test measures does not make it another trial.
    untested = {"eval.levels": (), "eval.noises": (), "eval.extras": False, "eval.test": False, "gan.truncations": ()}
    for name, value in {"seed": seed, **untested}.items():
        set_field(cell.config, name, value, "tuning")
    return cell


def _changed(cell: Cell, values: Mapping[str, Any]) -> Cell:
    """A run with other values of the tuned fields."""
    config = cell.config.copy_and_resolve_references()
    for name, value in values.items():
        set_field(config, name, value, "tuning.fields")
    return dataclasses.replace(cell, config=config, tuned=dict(values))


def _summaries(plan: Plan) -> dict[Cell, Summary]:
    """The summary of each trial that has ended; {} if it diverged.

    Raises:
      DamagedFileError: the summary of a trial that is finished cannot be read, or lacks the figure that decides.
    """
    found = {}
    for cell in plan.cells:
        folder = plan.folders[cell]
        summary = run_folder.finished(folder)
        if summary is not None:
            if plan.settings.metric not in (summary.get("validation") or {}):
                raise DamagedFileError(
                    f"{folder / 'summary.json'} has no validation {plan.settings.metric}: delete {folder} to run this "
                    "trial again"
                )
            found[cell] = summary
        elif plan.divergence(cell):
            found[cell] = {}
    return found
