"""What a tuning stage leaves: a row per trial, what was chosen, and the same in words."""

from __future__ import annotations

from typing import Any

from aeden.runtime import files
from aeden.runtime.files import Row
from experiments.ablate import metrics
from experiments.ablate.grid import Cell
from experiments.ablate.tuning import Choice, Tuning


def write(tuning: Tuning) -> None:
    """Writes tuning.csv and, once all trials have ended, tuning.json."""
    files.write_csv(tuning.plan.workdir / "tuning.csv", rows(tuning))
    if not tuning.open:
        files.write_json(tuning.plan.workdir / "tuning.json", as_json(tuning))


def rows(tuning: Tuning) -> list[Row]:
    """One row per trial that has ended; the figures of one that diverged are empty."""
    known = files.columns(summary["validation"] for summary in tuning.summaries.values() if summary)
    first = [name for name in metrics.of_task(tuning.plan.settings.experiment.task) if name in known]
    names = dict.fromkeys([*first, *known])
    return [
        {
            "contender": cell.contender,
            **cell.setting,
            "seed": cell.seed,
            **cell.tuned,
            **{f"validation_{name}": summary.get("validation", {}).get(name, "") for name in names},
            **{name: summary.get(name, "") for name in ("steps", "parameters", "wall_seconds")},
            "folder": tuning.plan.label(cell),
        }
        for cell, summary in tuning.summaries.items()
    ]


def as_json(tuning: Tuning) -> dict[str, Any]:
    """The choices for other programs."""
    settings = tuning.plan.settings.tuning
    return {
        "metric": tuning.metric.name,
        "higher_is_better": tuning.metric.higher_is_better,
        "trials": settings.trials,
        "seed": settings.seed,
        "choices": [_choice(tuning, choice) for choice in tuning.choices().values()],
    }


def _choice(tuning: Tuning, choice: Choice) -> dict[str, Any]:
    search = tuning.searches[choice.cell.place]
    return {
        "contender": choice.cell.contender,
        "setting": choice.cell.setting,
        "chosen": choice.cell.tuned,
        "validation": choice.figure,
        "best": choice.leader.tuned,
        "trials": len(choice.figures),
        "diverged": len(choice.figures) - len(choice.finished),
        "at_edge": bool(choice.edges),
        "edges": choice.edges,
        "ranges": {name: list(ends) for name, ends in search.ranges.items()},
        "widened": search.widened,
        "goes_on": choice.goes_on,
        "folder": tuning.plan.label(choice.cell),
    }


def text(tuning: Tuning) -> str:
    """One line per choice, and a warning for each best trial at the edge of a range."""
    metric, choices = tuning.metric, tuning.choices()
    lines = []
    for name, choice in choices.items():
        left = len(choice.figures) - len(choice.finished)
        diverged = f", {left} of which diverged" if left else ""
        figure = f"{choice.figure:.{metric.digits}f}{f' {metric.unit}' if metric.unit else ''}"
        lines.append(
            f"tuned {name}: {values(choice.cell)}, chosen from {len(choice.figures)} trials{diverged}; the best had a "
            f"validation {metric.label} of {figure} at {values(choice.leader)}"
            f"{'' if choice.goes_on else '; it does not go on'}"
        )
    lines += [f"warning: {line}" for line in warnings(tuning)]
    return "\n".join(lines)


def warnings(tuning: Tuning) -> list[str]:
    """A sentence for each value of a best trial that lies at the edge of its range."""
    return [
        f"{name}: its best trial has the {side} value tried, {field}={choice.leader.tuned[field]:g}; widen "
        f"tuning.fields.{field} or raise tuning.widenings"
        for name, choice in tuning.choices().items()
        for field, side in choice.edges.items()
    ]


def values(cell: Cell) -> str:
    """The tuned values of a run, e.g. "learning_rate=0.00316"."""
    return ", ".join(f"{name}={value:g}" for name, value in cell.tuned.items())
