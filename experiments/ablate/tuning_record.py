"""What a tuning stage leaves: a row per trial, what was chosen, and the same in words."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aeden.runtime import files
from aeden.runtime.files import Row
from experiments.ablate import metrics
from experiments.ablate.grid import Cell, kind
from experiments.ablate.progress import say
from experiments.ablate.tuning import Choice, Tuning
from experiments.ablate.verdict import TUNING_SHARE

RANKING = "mean of the best third of a contender's finished trials, rounded up"
# Trials of a field in the simulations of docs/method.md, "Does the protocol tell the truth?".
TRIALS = 7
# What the ranking of the trials does not say.
NOT_SHOWN = (
    "Contenders that are left out are not shown to be worse. Those that go on are compared with the reference only."
)


def write(tuning: Tuning) -> None:
    """Writes tuning.csv and, once all trials have ended, tuning.json; warns of choices that changed."""
    files.write_csv(tuning.plan.workdir / "tuning.csv", rows(tuning))
    if tuning.open:
        return
    path = tuning.plan.workdir / "tuning.json"
    record = as_json(tuning)
    for line in changed(path, record):
        say(f"warning: {line}")
    files.write_json(path, record)


def changed(path: Path, record: Mapping[str, Any]) -> list[str]:
    """A sentence for each chosen value that differs from that in an existing tuning.json.

    Args:
      path: the file; it may be missing.
      record: what it is going to hold.
    """
    before = {}
    # It is rewritten, so that nothing depends on what it held.
    with contextlib.suppress(FileNotFoundError, KeyError, TypeError, ValueError, AttributeError):
        before = {
            _key(one): {name: float(value) for name, value in one["chosen"].items()}
            for one in files.read_json(path)["choices"]
        }
    lines = []
    for one in record["choices"]:
        old, new, name = before.get(_key(one)), one["chosen"], kind(one["contender"], one["setting"])
        if old is not None and old != new:
            lines.append(
                f"the tuning of {name} now chooses {_values(new)}, and chose {_values(old)} before; runs with "
                f"{_values(old)} stay in the folder but do not count"
            )
    return lines


def _key(one: Mapping[str, Any]) -> str:
    return json.dumps([one["contender"], one["setting"]], sort_keys=True)


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
        "ranking": f"{RANKING}. {NOT_SHOWN}",
        "choices": [_choice(tuning, choice) for choice in tuning.choices().values()],
    }


def _choice(tuning: Tuning, choice: Choice) -> dict[str, Any]:
    search = tuning.searches[choice.cell.place]
    return {
        "contender": choice.cell.contender,
        "setting": choice.cell.setting,
        "chosen": choice.cell.tuned,
        "chosen_validation": choice.figure,
        "best": choice.leader.tuned,
        "best_validation": choice.best_figure,
        "best_at_edge": bool(choice.edges),
        "edges": choice.edges,
        "ranking_validation": choice.standing,
        "trials": len(choice.figures),
        "diverged": choice.diverged,
        "diverged_or_collapsed": choice.failed,
        "ranges": {name: list(ends) for name, ends in search.ranges.items()},
        "widened": search.widened,
        "goes_on": choice.goes_on,
        "folder": tuning.plan.label(choice.cell),
    }


def text(tuning: Tuning) -> str:
    """One line per choice, what the ranking does not say, and the warnings."""
    choices = tuning.choices()
    lines = []
    for name, choice in choices.items():
        diverged = f", {choice.diverged} of which diverged" if choice.diverged else ""
        lines.append(
            f"tuned {name}: {values(choice.cell)}, chosen from {len(choice.figures)} trials{diverged}; the best had a "
            f"validation {tuning.metric.label} of {_shown(tuning, choice.best_figure)} at {values(choice.leader)}"
            f"{'' if choice.goes_on else '; it does not go on'}"
        )
    if not all(choice.goes_on for choice in choices.values()):
        lines.append(f"Ranked by the {RANKING}. {NOT_SHOWN}")
    lines += [f"warning: {line}" for line in warnings(tuning)]
    return "\n".join(lines)


def warnings(tuning: Tuning) -> list[str]:
    """A sentence for each best trial at the edge of its range and each contender of failed trials, and one for all
    contenders whose choice is not their best trial."""
    choices, ranges = tuning.choices(), ", ".join(f"tuning.fields.{field}" for field in tuning.fields)
    lines = [
        f"{name}: its best trial has the {side} value tried, {field}={choice.leader.tuned[field]:g}; widen "
        f"tuning.fields.{field} or raise tuning.widenings"
        for name, choice in choices.items()
        for field, side in choice.edges.items()
    ]
    lines += [
        f"{name}: {choice.failed} of {len(choice.figures)} trials diverged or ended far worse than the best "
        f"one, so that few decide; narrow {ranges}"
        for name, choice in choices.items()
        if 3 * choice.failed >= len(choice.figures)
    ]
    if len({choice.cell.contender for choice in choices.values()}) > 1 and tuning.plan.settings.tuning.trials < TRIALS:
        allowed = f" ({_shown(tuning, TUNING_SHARE * tuning.margin)})" if tuning.margin else ""
        lines.append(
            f"tuning.trials={tuning.plan.settings.tuning.trials}: the difference that two tunings of one contender are "
            f"allowed{allowed} was checked for {TRIALS} trials or more; with fewer they may differ by more"
        )
    below = {
        name: abs(choice.best_figure - choice.figure)
        for name, choice in choices.items()
        # What the verdict allows for the tuning.
        if 0 < TUNING_SHARE * tuning.margin < abs(choice.best_figure - choice.figure)
    }
    if below:
        names = ", ".join(f"{name} (by {_shown(tuning, size)})" for name, size in below.items())
        lines.append(
            f"the chosen trial is not the best one, for the trials nearby say that the best one had luck: {names}. "
            f"More trials (tuning.trials) or a narrower range ({ranges}) make the choice surer"
        )
    return lines


def _shown(tuning: Tuning, figure: float) -> str:
    """A result with its unit."""
    metric = tuning.metric
    return f"{figure:.{metric.digits}f}{f' {metric.unit}' if metric.unit else ''}"


def values(cell: Cell) -> str:
    """The tuned values of a run, e.g. "learning_rate=0.00316"."""
    return _values(cell.tuned)


def _values(tuned: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in tuned.items())
