"""What the tuning of a grid may not say. Each check raises ValueError, naming the field and the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import jax
import numpy as np

from aeden.measures import sample_quality
from aeden.measures.image_quality import RESTORATION_METRICS
from aeden.runtime.devices import AXIS
from aeden.tasks.execute import prepare
from aeden.tasks.network_ranges import MOST_SEEDS
from aeden.tasks.objectives.classification import SCORES
from aeden.tasks.segment.task import METRICS
from experiments.ablate import grid, metrics, search_space
from experiments.ablate.grid import Cell
from experiments.ablate.run_config import set_field

# Task -> the figures of its validation that a choice can be about. Of samples, those that see both lost variety and bad
# samples: precision and the share of confident samples reward the former, recall does not punish the latter.
VALIDATED: dict[str, Iterable[str]] = {
    "denoise": RESTORATION_METRICS,
    "stack": SCORES,
    "gan": (sample_quality.KID.name, sample_quality.FID.name, sample_quality.COVERAGE.name),
    "super_resolve": RESTORATION_METRICS,
    "segment": [metric.name for metric in METRICS],
}

# More would be planned for minutes before the first one starts.
MOST_TRIALS = 1000


def check(settings: Any, templates: Sequence[Cell]) -> None:
    """Refuses a tuning stage that cannot decide.

    Args:
      settings: the config of the grid.
      templates: its runs, see `grid.expand`.

    Raises:
      ValueError: naming the field and the remedy.
    """
    tuning = settings.tuning
    _check_metric(settings)
    for name, least in (("trials", 2), ("widenings", 0), ("finalists", 0), ("seed", 0)):
        if tuning[name] < least:
            raise ValueError(f"tuning.{name}={tuning[name]}: use {least} or more")
    if tuning.trials > MOST_TRIALS:
        raise ValueError(f"tuning.trials={tuning.trials}: use {MOST_TRIALS} or fewer for each contender")
    if tuning.seed + tuning.trials - 1 > MOST_SEEDS:
        raise ValueError(
            f"tuning.seed={tuning.seed}: the last of {tuning.trials} trials would have a seed above {MOST_SEEDS}; "
            "use a lower one"
        )
    if tuning.finalists > len(settings.contenders):
        raise ValueError(
            f"tuning.finalists={tuning.finalists}: the grid has {len(settings.contenders)} contenders; use 0 for all"
        )
    for name in tuning.always:
        if name not in settings.contenders:
            raise ValueError(
                f"tuning.always: {name!r} is none of the contenders {', '.join(settings.contenders)}; remove it"
            )
    seeds = {cell.seed for cell in templates} & set(range(tuning.seed, tuning.seed + tuning.trials))
    if seeds:
        raise ValueError(f"tuning.seed={tuning.seed}: a trial would have the grid's seed {min(seeds)}; use another")
    for cell in {cell.kind: cell for cell in templates}.values():
        _check_fields(settings, cell)


def check_values(trials: Sequence[Cell]) -> None:
    """Refuses values that a run cannot have, by one of the trials with each value.

    Raises:
      ValueError: naming the values and what is wrong with them.
    """
    for cell in {str(cell.tuned): cell for cell in reversed(trials)}.values():
        try:
            grid.check([cell])
        except ValueError as error:
            tuned = ", ".join(f"{name}={value:g}" for name, value in cell.tuned.items())
            remedy = "narrow its range in tuning.fields, or set tuning.widenings=0 if a widening led there"
            raise ValueError(f"a trial with {tuned}: {error}; {remedy}") from error


def check_effect(settings: Any, trials: Sequence[Cell]) -> None:
    """Refuses a range whose two ends train in the same way, e.g. of a warm-up that the length of the run cuts short.

    It opens the data and traces the training steps of each contender, so it takes some seconds. Once all trials have
    ended there is nothing to check.

    Raises:
      ValueError: naming the field.
    """
    for cell in {cell.kind: cell for cell in trials}.values():
        for name, ends in search_space.ranges(settings).items():
            if len({_programs(cell, name, end) for end in ends}) == 1:
                raise ValueError(
                    f"tuning.fields.{name}: {cell.kind} trains in the same way with {ends[0]:g} and {ends[1]:g}, so "
                    "that the trials would differ by their seeds only; remove it, or set what it depends on"
                )


def _programs(cell: Cell, name: str, value: float) -> str:
    """The training steps of a run with another value of a field, in the words of JAX."""
    config = cell.config.copy_and_resolve_references()
    typed = search_space.integer(value, (value, value)) if isinstance(cell.tuned[name], int) else value
    set_field(config, name, typed, "tuning.fields")
    steps = []
    for training in prepare(config, grid.dataset_of(config)).abstract_trainings():
        state = jax.eval_shape(training.objective.init, jax.random.key(0))
        step = jax.vmap(training.objective.step, in_axes=(None, 0, None), axis_name=AXIS)
        program = jax.make_jaxpr(step)(state, training.batches.at(0), jax.random.key(0))
        steps.append(f"{program} {[np.asarray(constant).tolist() for constant in program.consts]}")
    return "\n".join(steps)


def _check_metric(settings: Any) -> None:
    """Refuses a metric that no verdict can be about, or that the validation does not give."""
    task = settings.experiment.task
    known = {name: metric for name, metric in metrics.of_task(task).items() if metric.higher_is_better is not None}
    usable = [name for name in VALIDATED.get(task, ()) if name in known]
    if settings.metric not in usable:
        remedy = f"use one of {', '.join(usable)}" if usable else "set tuning.fields={}"
        raise ValueError(f"metric={settings.metric}: trials of {task} runs cannot be judged by it; {remedy}")


def _check_fields(settings: Any, cell: Cell) -> None:
    """Refuses a field of no numbers or that the task does not read, and a range without integers for one of these."""
    for name, ends in search_space.ranges(settings).items():
        if isinstance(cell.tuned[name], bool) or not isinstance(cell.tuned[name], int | float):
            raise ValueError(
                f"tuning.fields: {name} takes a value of type {type(cell.tuned[name]).__name__}, not one of a range; "
                "make its values contenders or an axis"
            )
        one, other = (grid.identity_of({**cell.fields(), name: end}) for end in ends)
        if one == other:
            raise ValueError(
                f"tuning.fields.{name}: {cell.config.task} runs do not read it, so that the trials would differ by "
                "their seeds only; remove it"
            )
        if isinstance(cell.tuned[name], int):
            search_space.check_integer(name, ends)
