"""The section of the report that compares contenders at equal steps, equal seconds and equal multiplications.

A grid has it if one of its axes is the length of the runs.
"""

from __future__ import annotations

import statistics
from typing import Any

from aeden.measures.metric import decimals
from aeden.runtime import files
from aeden.tasks.model_from_config import build_model
from experiments.ablate import convergence
from experiments.ablate.convergence import AtCost, RunsByLength
from experiments.ablate.grid import Cell, dataset_of, kind
from experiments.ablate.report import convergence_figure, figures
from experiments.ablate.report.grid_result import GridResult
from experiments.ablate.report.html import note, table
from experiments.ablate.report.saved_figures import add_figure
from experiments.ablate.verdict import word

# Kind of cost -> label of its axis.
AXES = {
    "steps": "training steps",
    "seconds": "seconds of training",
    "multiplications": "multiplications of forward passes",
}
FIGURE = (
    "Dots: runs, each with a whole schedule; lines: medians over the runs of one length. Runs far worse than most are "
    "drawn at the border. "
    "Marked on the axes: the costs of {reference}. "
)
SECONDS = "Seconds: steps times the time of a training step, measured after all runs (cost.json). "
MULTIPLICATIONS = (
    "Multiplications: of the forward passes in training; the backward passes take about twice as many again, for all "
    "contenders."
)
TABLE = (
    "Differences in {label} to {reference} [95 % interval] at the steps, seconds or multiplications that "
    "{reference} takes at this setting, or those that the contender takes if it has no value there. Between two "
    "lengths, the value under each seed is interpolated linearly in the logarithm of the cost; nothing is "
    'extrapolated. "Equal": for practical use. "Not shown": no difference shown. "Not defined": no finite value. '
    "p-values are corrected by Holm's method, for each kind of cost on its own; convergence.csv has them."
)
# So that the table fits on the page.
SHORT = {"equal for practical use": "equal", "no difference shown": "not shown"}


def section(result: GridResult) -> list[str]:
    """Figure, tables and convergence.csv, of runs that have the metric; empty if the length of the runs is no axis."""
    length = convergence.length_axis([cell.setting for cell in result.plan.cells])
    if length is None:
        return []
    metric, margin, tuned = result.metric, result.plan.settings.margin, result.tuning is not None
    found = {
        name: convergence.runs_by_length(result.rows, result.axes, length, metric.name, costs)
        for name, costs in step_costs(result, length).items()
    }
    compared = {
        name: convergence.comparisons(runs, result.reference, metric, margin, tuned) for name, runs in found.items()
    }
    rows = [convergence.row(name, one, metric) for name, listed in compared.items() for one in listed]
    files.write_csv(result.plan.workdir / "convergence.csv", rows)
    parts = ["<h2>Convergence</h2>"]
    if panels := _panels(found, result.reference):
        drawn = convergence_figure.convergence(panels, metric.axis_label, result.palette, bool(metric.higher_is_better))
        caption = FIGURE.format(reference=result.reference) + (SECONDS if "seconds" in found else "") + MULTIPLICATIONS
        parts.append(add_figure(result, "convergence", drawn, caption))
    else:
        parts.append(note(f"No finished run has a value of {metric.label}."))
    if rows:
        text = TABLE.format(label=metric.axis_label, reference=result.reference)
        parts += [_table(result, compared), note(text)]
    return [*parts, *_chosen(result, length)]


def step_costs(result: GridResult, length: str) -> dict[str, dict[str, float]]:
    """What a training step costs.

    Returns:
      "steps", "seconds" (if the networks were timed) and "multiplications" -> contender and setting -> cost. The time
      of a step does not depend on the length of the run, so it is the median over the lengths.
    """
    first = {cell.kind: cell for cell in reversed(result.plan.cells)}
    timed = result.denoising.costs
    costs = {"steps": dict.fromkeys(first, 1.0)}
    if timed:
        times: dict[str, list[float]] = {}
        for label, cell in first.items():
            times.setdefault(_network(cell, length), []).append(timed[label]["training_ms"] / 1000)
        costs["seconds"] = {label: statistics.median(times[_network(cell, length)]) for label, cell in first.items()}
    costs["multiplications"] = {
        label: cell.config.batch_size * (timed[label]["multiplications"] if timed else _multiplications(cell))
        for label, cell in first.items()
    }
    return costs


def _network(cell: Cell, length: str) -> str:
    """Contender and setting without the length."""
    return kind(cell.contender, convergence.without(cell.setting, length))


def _multiplications(cell: Cell) -> int:
    """Multiplications of the forward pass of an image."""
    height, width, _ = shape = dataset_of(cell.config).image_shape
    return build_model(cell.config, shape).multiplications(height, width)


def _panels(
    found: dict[str, dict[str, RunsByLength]], reference: str
) -> dict[str, dict[str, tuple[figures.Curves, list[float]]]]:
    """The panels of the figure: other axes in words -> label of the horizontal axis -> curves and marks.

    What has no value is left out.
    """
    rows: dict[str, dict[str, tuple[figures.Curves, list[float]]]] = {}
    for name, settings in found.items():
        for others, members in settings.items():
            curves = {
                contender: {runs.cost: list(runs.values.values()) for runs in lengths if runs.values}
                for contender, lengths in members.items()
                if any(runs.values for runs in lengths)
            }
            if not curves:
                continue
            rows.setdefault(others, {})[AXES[name]] = curves, list(curves.get(reference, {}))
    return rows


def _table(result: GridResult, compared: dict[str, list[AtCost]]) -> str:
    """A line per contender and setting of the reference, and two columns per kind of cost."""
    unit = f", {result.metric.unit}" if result.metric.unit else ""
    heads = ["contender", *result.axes]
    lines: dict[str, list[Any]] = {}
    for name, listed in compared.items():
        heads += [f"difference at equal {name}{unit}", "verdict"]
        for one in listed:
            line = lines.setdefault(kind(one.contender, one.setting), [one.contender, *one.setting.values()])
            line += _cells(result, one)
    return table(heads, list(lines.values()))


def _cells(result: GridResult, one: AtCost) -> list[Any]:
    """Difference with its interval, and verdict; or why there is none."""
    found, metric = one.comparison, result.metric
    if found is None:
        return [one.reason, ""]
    digits = decimals(metric.digits, (found.high - found.low) / 2)
    interval = f" [{found.low:+.{digits}f}, {found.high:+.{digits}f}]" if found.pairs > 1 else ""
    said = word(found, metric)
    return [(f"{found.mean:+.{digits}f}{interval}", found.mean), SHORT.get(said, said)]


def _chosen(result: GridResult, length: str) -> list[str]:
    """The tuned values by length; nothing if the grid tunes nothing."""
    if result.tuning is None:
        return []
    lengths = list(dict.fromkeys(cell.setting[length] for cell in result.tuning.templates))
    others = [name for name in result.axes if name != length]
    lines: dict[tuple[Any, ...], dict[Any, Any]] = {}
    for choice in result.tuning.choices().values():
        setting = choice.cell.setting
        for field, value in choice.cell.tuned.items():
            side = f" (best trial: {choice.edges[field]})" if field in choice.edges else ""
            line = lines.setdefault((choice.cell.contender, *(setting[name] for name in others), field), {})
            line[setting[length]] = f"{value:g}{side}", value
    heads = ["contender", *others, "tuned field", *(f"{length}={value:g}" for value in lengths)]
    shown = [[*key, *(line.get(value, "") for value in lengths)] for key, line in lines.items()]
    return [table(heads, shown), note("The values that the tuning chose, by length: the best one may move with it.")]
