"""Seeds of a grid that are trained in one program (--together): which, by which process, and what tables say of it."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from absl import flags

from aeden.runtime.files import Row
from aeden.tasks.execute_together import TASKS, check_task
from aeden.tasks.task import Summary
from experiments.ablate import launch
from experiments.ablate.grid import Cell
from experiments.ablate.plan import Plan
from experiments.ablate.progress import Progress, last_line, part_done, say

# What a GPU was measured to gain most from, see "Seeds in one program" in docs/performance.md.
MOST = 16
TOGETHER = flags.DEFINE_integer(
    "together",
    0,
    "Seeds of a contender that are trained in one program, for accelerators that one small network cannot fill; "
    f"task=denoise only. 1 trains each run by itself; 0 chooses: up to {MOST} for small networks on GPUs, else 1.",
    lower_bound=0,
)


def check(settings: Any, cells: Iterable[Cell], number: int) -> None:
    """Refuses a grid whose seeds cannot be trained together.

    Args:
      settings: the config of the grid.
      cells: its runs.
      number: value of --together; 0 and 1 suit every grid.

    Raises:
      ValueError: naming the run, or the number of seeds.
    """
    if number <= 1:
        return
    for cell in cells:
        try:
            check_task(cell.config)
        except ValueError as error:
            raise ValueError(f"--together={number}: {cell.kind}: {error}") from None
    if settings.seeds == 1:
        raise ValueError(f"--together={number} has no effect: the grid has one seed; set seeds, or leave it out")


def number(cells: Sequence[Cell], local: bool) -> int:
    """How many seeds are trained in one program, at most: --together, or what is chosen for it.

    Args:
      cells: the runs that have not ended.
      local: whether the processes run on this machine. Jobs of a cluster have GPUs of their own: nothing is chosen.
    """
    return TOGETHER.value or choose(cells, len(launch.gpus()) if local else 0)


def choose(cells: Sequence[Cell], gpus: int) -> int:
    """The number of seeds of one program that --together=0 stands for.

    Args:
      cells: the runs that have not ended.
      gpus: GPUs of this machine that work on them; 0 if others do.

    Returns:
      1 without GPUs, and for networks of which it is not measured; else as many as keep all GPUs busy, 16 at most.
    """
    if not gpus or not all(_small(cell.config) for cell in cells):
        return 1
    return max(1, min(MOST, math.ceil(len(cells) / gpus)))


def _small(config: Any) -> bool:
    """Whether a run is of a kind that does not fill a GPU: whole images of one size, and no U-Net."""
    return config.task in TASKS and config.model.architecture != "unet" and not config.data.crop


def groups(plan: Plan, cells: Iterable[Cell], number: int) -> list[list[Cell]]:
    """The runs that are to be trained together: up to `number` seeds of one contender at one setting, two or more.

    Runs whose metrics log has reached the last step are left out: only their test is missing.
    """
    alike: dict[str, list[Cell]] = {}
    for cell in cells:
        if part_done(cell, plan.folders[cell]) < 1.0:
            fields = {name: value for name, value in cell.fields().items() if name != "seed"}
            alike.setdefault(json.dumps(fields, sort_keys=True, default=str), []).append(cell)
    cut = [members[i : i + number] for members in alike.values() for i in range(0, len(members), number)]
    return [group for group in cut if len(group) > 1]


def jobs(plan: Plan, cells: Sequence[Cell], most: int, options: Sequence[str]) -> list[launch.Job]:
    """A process for each group of the runs that are to be trained (`groups`). Says how many runs are in none.

    Args:
      plan: the runs of the grid.
      cells: those that have not ended.
      most: seeds of one program, see `number`.
      options: of every process that works on runs.
    """
    found = groups(plan, cells, most)
    if found or TOGETHER.value > 1:
        inside = sum(map(len, found))
        others = ", the others alone" if inside < len(cells) else ""
        say(f"trained together, up to {most} seeds in one program: {inside} of {len(cells)} runs{others}")
    return [job(plan, group, options) for group in found]


def job(plan: Plan, group: Sequence[Cell], options: Sequence[str]) -> launch.Job:
    """The process that trains a group."""
    config = [option for option in group[0].arguments() if not option.startswith("--config.seed=")]
    runs = [f"--run={cell.seed}:{plan.folders[cell]}" for cell in group]
    name = f"{group[0].kind}, seeds {', '.join(str(cell.seed) for cell in group)}"
    log = plan.workdir / "together" / f"{group[0].folder}_{len(group)}.txt"
    return launch.Job(name, ["-m", "experiments.ablate.train_together", *config, *runs, *options], log)


def train(started: Sequence[launch.Job], start: Callable[[], launch.Ended], progress: Progress) -> None:
    """Trains groups. Each run then goes on by itself, from its last checkpoint, whatever became of its group.

    Args:
      started: the processes, see `jobs`.
      start: starts them.
      progress: takes what happened to each.
    """
    if not started:
        return
    with contextlib.closing(start()) as ended:
        for one, status in ended:
            said = last_line(one.log, one.offset) or f"ended with status {status}"
            progress.note(one.name, f"NOT TRAINED TOGETHER, each goes on alone: {said}" if status else said)


def add_column(rows: Sequence[Row], summaries: Sequence[Summary]) -> None:
    """Adds the column `together` to the rows of finished runs, if any was trained with others in one program."""
    if sentence(summaries):
        for row, summary in zip(rows, summaries, strict=True):
            row["together"] = count(summary)


def count(summary: Summary) -> int:
    """How many seeds were trained in one program with a run, itself included; 1 in summaries of earlier versions."""
    return int(summary.get("together", 1))


def sentence(summaries: Iterable[Summary]) -> str:
    """How many runs were trained together, and what that changes; "" if none was."""
    counts = [count(summary) for summary in summaries]
    together = [number for number in counts if number > 1]
    if not together:
        return ""
    sizes = " or ".join(map(str, sorted(set(together))))
    return (
        f"{len(together)} of {len(counts)} runs were trained in one program with other seeds ({sizes} at a time): "
        "their figures agree with those of runs by themselves up to the order of sums, and their seconds are equal "
        "shares of the time of their program."
    )
