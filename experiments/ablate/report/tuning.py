"""The section of the report about the tuning: what was tried, what was chosen, and how much the trials gave."""

from __future__ import annotations

from typing import Any

import numpy as np

from aeden.measures.expected_best import expected_best
from experiments.ablate import tuning_record
from experiments.ablate.grid import Cell
from experiments.ablate.report import tuning_figures
from experiments.ablate.report.grid_result import GridResult
from experiments.ablate.report.html import escape, note, table
from experiments.ablate.report.saved_figures import add_figure
from experiments.ablate.tuning import Choice, Tuning

BY_VALUE = (
    "Each trial's result on the validation split. Large filled points are the chosen values: those of the best result "
    "after smoothing over the trials nearby. Trials that diverged or are far worse than the others lie on the border. "
    "The contenders are listed by their rank."
)
BY_TRIALS = (
    "The best result to be expected of a number of trials (Tang et al. 2020), on the validation split. It compares "
    "contenders under the same effort. A trial that diverged counts as the worst one that did not."
)
RANKED = (
    f"Rank: the {tuning_record.RANKING}, which decides who goes on. {tuning_record.NOT_SHOWN} Failed: diverged, or far "
    "worse than the best trial."
)
# Numbers of trials in the table, besides all of them.
TRIALS = (1, 3)


def sections(result: GridResult) -> list[str]:
    """Figures and table of the tuning; empty if the grid tunes nothing."""
    if result.tuning is None:
        return []
    tuning, metric = result.tuning, result.tuning.metric
    choices = tuning.choices()
    names = list(dict.fromkeys(choice.cell.contender for choice in choices.values()))
    # First those that other figures show, so that they keep their colours.
    styles = tuning_figures.Styles(list(dict.fromkeys((*result.contenders, *names))), _ranking(tuning, choices))
    label, higher = f"validation {metric.axis_label}", bool(metric.higher_is_better)
    drawn = tuning_figures.by_value(_points(tuning), _chosen(tuning, choices), label, styles, higher)
    best: dict[str, dict[str, np.ndarray]] = {}
    for choice in choices.values():
        best.setdefault(choice.cell.place, {})[choice.cell.contender] = _expected(tuning, choice)
    expected = tuning_figures.by_trials(best, f"expected best {label}", styles)
    return [
        "<h2>Tuning</h2>",
        note(_summary(tuning, choices)),
        *_warnings(tuning),
        add_figure(result, "tuning", drawn, BY_VALUE),
        add_figure(result, "expected_best", expected, BY_TRIALS),
        _table(result, tuning, choices),
        note(RANKED),
    ]


def _ranking(tuning: Tuning, choices: dict[str, Choice]) -> list[str]:
    """The contenders, best first, at the first setting; then those that it lacks."""
    place = next(iter(choices.values())).cell.place
    ranked = sorted(choices.values(), key=lambda choice: choice.standing, reverse=bool(tuning.metric.higher_is_better))
    ranked.sort(key=lambda choice: choice.cell.place != place)
    return list(dict.fromkeys(choice.cell.contender for choice in ranked))


def _points(tuning: Tuning) -> dict[str, dict[str, dict[str, list[tuple[float, float | None]]]]]:
    """Setting -> field -> contender -> (value, result) of each trial."""
    found: dict[str, dict[str, dict[str, list[tuple[float, float | None]]]]] = {}
    for cells in tuning.trials().values():
        for field in tuning.fields:
            points = [(cell.tuned[field], tuning.figure(cell)) for cell in cells]
            found.setdefault(cells[0].place, {}).setdefault(field, {})[cells[0].contender] = points
    return found


def _chosen(tuning: Tuning, choices: dict[str, Choice]) -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """Setting -> field -> contender -> (value, result) of the chosen trial."""
    found: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
    for choice in choices.values():
        for field in tuning.fields:
            by_contender = found.setdefault(choice.cell.place, {}).setdefault(field, {})
            by_contender[choice.cell.contender] = choice.cell.tuned[field], choice.figure
    return found


def _expected(tuning: Tuning, choice: Choice) -> np.ndarray:
    """The expected best of 1, 2, ... trials; one that diverged counts as the worst of the others."""
    higher = bool(tuning.metric.higher_is_better)
    worst = (min if higher else max)(choice.finished)
    return expected_best([worst if figure is None else figure for figure in choice.figures], higher)


def _summary(tuning: Tuning, choices: dict[str, Choice]) -> str:
    """One sentence: what was tried, and what decided."""
    ranges = {
        f"{name} from {low:.3g} to {high:.3g}"
        for search in tuning.searches.values()
        for name, (low, high) in search.ranges.items()
    }
    trials = sorted({len(choice.figures) for choice in choices.values()})
    where = " at each setting" if len(tuning.searches) > 1 else ""
    numbers, tried = " or ".join(map(str, trials)), ", ".join(sorted(ranges))
    return (
        f"{numbers} trials of each contender{where}, the same for all: {tried}. The best {tuning.metric.label} on the "
        "validation split, smoothed over the trials nearby, decides. The test split is not used, and the runs after "
        "the tuning have other seeds."
    )


def _warnings(tuning: Tuning) -> list[str]:
    """A box with what may be wrong with the choices."""
    lines = "".join(f"<li>{escape(line)}</li>" for line in tuning_record.warnings(tuning))
    return [f'<div class="verdict warning">Check the tuning:<ul>{lines}</ul></div>'] if lines else []


def _table(result: GridResult, tuning: Tuning, choices: dict[str, Choice]) -> str:
    metric = tuning.metric
    axes = list(next(iter(choices.values())).cell.setting)
    most = max(len(choice.figures) for choice in choices.values())
    numbers = [number for number in TRIALS if number < most]
    lines = []
    for choice in choices.values():
        expected = [float(_expected(tuning, choice)[number - 1]) for number in numbers]
        figures = [
            (f"{value:.{metric.digits + 1}f}", value)
            for value in (choice.figure, choice.best_figure, choice.standing, *expected)
        ]
        edges = ", ".join(choice.edges.values()) or "no"
        shown: list[Any] = [choice.cell.contender, *choice.cell.setting.values(), *_values(choice.cell), *figures]
        lines.append([*shown, len(choice.figures), choice.failed, edges, "yes" if choice.goes_on else "no"])
    first = f"validation {metric.axis_label}"
    best = [f"{first}: chosen", "best", "rank by", *(f"expected best of {number}" for number in numbers)]
    heads = ["contender", *axes, *tuning.fields, *best, "trials", "failed", "best at an edge", "goes on"]
    return table(heads, lines)


def _values(cell: Cell) -> list[tuple[str, float]]:
    return [(f"{value:g}", value) for value in cell.tuned.values()]
