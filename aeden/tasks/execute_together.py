"""Trains several experiments that differ in their seed only, in one program, each in its own run folder."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aeden.runtime import run_folder, stopwatch
from aeden.tasks import execute
from aeden.tasks.field_ranges import check_fields
from aeden.tasks.from_config import open_data
from aeden.training.together import fit_together

# The tasks whose runs are a single training of an objective with `validate_seeds`.
TASKS = ("denoise",)


def check_task(config: Any) -> None:
    """Refuses a run that cannot be trained with others in one program.

    Raises:
      ValueError: naming its task.
    """
    if config.task not in TASKS:
        raise ValueError(
            f"runs of task={config.task} cannot be trained together, only those of task={' and '.join(TASKS)}: leave "
            "--together out"
        )


def train(configs: Sequence[Any], defaults: Mapping[str, Any], folders: Sequence[Path], started: float) -> str:
    """Trains the runs that are not trained yet to their last checkpoint. `execute.execute` then finishes each of them.

    Args:
      configs: the experiments, alike but for their seeds.
      defaults: the default of every field, see `execute.execute`.
      folders: the run folder of each.
      started: `time.monotonic()` when this began.

    Returns:
      What happened, in a line: which seeds were trained, and which diverged.

    Raises:
      What `execute.execute` raises. Nothing is written if a run is refused, but for locks.
      ValueError: the experiments differ in more than their seeds, or cannot be trained together.
    """
    first = configs[0]
    check_task(first)
    check_fields(first)
    if len({str({**config.to_dict(), "seed": 0}) for config in configs}) > 1:
        raise ValueError("only runs that differ in nothing but their seed can be trained together")
    task = execute.task_of(first)
    with contextlib.ExitStack() as locks:
        open_runs = []
        for config, folder in zip(configs, folders, strict=True):
            run_folder.check_config(folder, config.to_dict(), defaults, task.sections)
            locks.enter_context(run_folder.locked(folder))
            run_folder.check_config(folder, config.to_dict(), defaults, task.sections)
            if run_folder.finished(folder) is None:
                open_runs.append((config, folder))
        if not open_runs:
            return "all are finished"
        with stopwatch.part("data"):
            dataset = open_data(first)
        for _, folder in open_runs:
            run_folder.check_data(folder, dataset.identity())
        execute.announce(dataset)
        runs = [execute.prepare(first, dataset)]
        runs += [task.prepare(config, dataset) for config, _ in open_runs if config is not first]
        trainings = {one.seed: one for run in runs for one in run.abstract_trainings()}
        seeds = [config.seed for config, _ in open_runs]
        objective = trainings[first.seed].objective
        wanted = [dataclasses.replace(trainings[seed], objective=objective) for seed in seeds]
        for config, folder in open_runs:
            run_folder.claim(folder, config.to_dict(), dataset.identity())
        print(f"{execute.opening(runs[0], dataset)}; {len(wanted)} seeds together", file=sys.stderr)
        problems = fit_together(wanted, [folder for _, folder in open_runs], started)
    trained = [f"seed {seed}" for seed in seeds if seed not in problems]
    said = f"{', '.join(trained)} trained together" if trained else "no seed is trained"
    return "; ".join([said, *(f"seed {seed} diverged and goes on alone" for seed in problems)])
