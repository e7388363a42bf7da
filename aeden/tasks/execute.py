"""Runs one experiment in its folder, whatever its task."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from aeden.data.dataset import Dataset
from aeden.data.image_limits import in_units
from aeden.runtime import devices, files, identity, provenance, run_folder, stopwatch
from aeden.runtime.distributed import meeting, shared_folder
from aeden.tasks.denoise.task import DENOISE
from aeden.tasks.field_ranges import check_fields, check_levels
from aeden.tasks.from_config import check_choice, check_no_denoising_tests, open_data
from aeden.tasks.gan.task import GAN
from aeden.tasks.model_from_config import check_has_effect
from aeden.tasks.ranges import short
from aeden.tasks.segment.task import SEGMENT
from aeden.tasks.stack.task import STACK
from aeden.tasks.super_resolve.task import SUPER_RESOLVE
from aeden.tasks.task import PreparedRun, Summary, Task
from aeden.tasks.unused_values import check_known, unused_values

# The values of `config.task`.
TASKS: dict[str, Task] = {
    "denoise": DENOISE,
    "stack": STACK,
    "gan": GAN,
    "super_resolve": SUPER_RESOLVE,
    "segment": SEGMENT,
}


# What the summary of every run has, of any version.
SUMMARISED = {"task", "dataset", "requested_dataset", "test", "parameters", "steps", "wall_seconds"}


def task_of(config: Any) -> Task:
    """The task of a config.

    Raises:
      ValueError: it is unknown.
    """
    check_choice("task", config.task, TASKS)
    return TASKS[config.task]


def prepare(config: Any, dataset: Dataset) -> PreparedRun:
    """Builds everything that a run needs. After this nothing takes a config.

    The initial states are traced, which computes nothing: what the networks themselves refuse is refused here.

    Raises:
      ValueError: unknown task, or a field of the config is out of its range (`check_fields`), has an invalid value, or
        no effect (`check_has_effect`, `check_levels`).
    """
    task = task_of(config)
    check_fields(config)
    if task is not DENOISE:
        check_no_denoising_tests(config)
    height, width = dataset.image_shape[:2]
    if height * width < 2:
        raise ValueError(
            f"the images of {dataset.name} have a single pixel: there is nothing to restore or to tell apart"
        )
    run = task.prepare(config, dataset)
    check_has_effect(config.model)
    if "noise" in task.sections:
        check_levels(config.noise)
    for training in run.abstract_trainings():
        _check_memory(jax.eval_shape(training.initial_state))
    return run


def _check_memory(state: Any) -> None:
    """Refuses a training whose parameters and optimiser alone, as shapes, take more than the memory of the machine."""
    takes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if takes > has:
        raise ValueError(
            f"the parameters and the optimiser take {in_units(takes)}, and this machine has {in_units(has)} of memory: "
            "use smaller numbers in model.features or model.hidden, or smaller kernels"
        )


def _tell_unused(task: Task, fields: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Prints which fields are set to no effect, and why."""
    unread = identity.without_effect(fields, defaults, task.sections, task.ignored)
    unused = [(name, value, f"task={fields['task']}") for name, value in unread.items()]
    for name, value, why in unused + unused_values(fields, defaults, task.sections):
        print(f"config: {name}={short(value)} has no effect with {why}", file=sys.stderr)


def execute(config: Any, defaults: Mapping[str, Any], workdir: Path, started: float) -> tuple[Summary, bool]:
    """Runs one experiment in its folder to its end, continues it, or finds it finished.

    Args:
      config: the experiment.
      defaults: the default of every field, as nested dicts, see `aeden.runtime.identity`.
      workdir: the run folder.
      started: `time.monotonic()` when the run began.

    Returns:
      The summary, and whether the run was finished before.

    Raises:
      RunFolderError: the folder belongs to another run or is in use.
      DatasetNotFound, FileNotFoundError: the data cannot be opened.
      ValueError, OSError, TrainingDiverged, Interrupted: see `aeden.tasks.task`.
    """
    task, fields, primary = task_of(config), config.to_dict(), devices.is_primary()
    # Before the lock: a finished run tells its result in a folder that cannot be written to, too.
    run_folder.check_config(workdir, fields, defaults, task.sections)
    summary = _finished(workdir)
    if summary is not None and summary["dataset"] == summary["requested_dataset"]:
        return summary, True
    check_fields(config)
    if not (workdir / "config.json").exists():  # runs that have begun with such a field go on
        check_known(fields, defaults)
    with run_folder.locked(workdir, primary):
        shared_folder.check_shared(workdir)
        # Another process may have had the folder until now.
        run_folder.check_config(workdir, fields, defaults, task.sections)
        summary = _finished(workdir)
        if summary is not None and summary["dataset"] == summary["requested_dataset"]:
            return summary, True
        # Also if the run is finished on data that stood in for the requested: is the requested data here now?
        with stopwatch.part("data"):
            dataset = open_data(config)
        meeting.agree("data", dataset.identity(), meeting.LONG)
        run_folder.check_data(workdir, dataset.identity())
        if summary is not None:
            return summary, True
        if primary:
            announce(dataset)
            _tell_unused(task, fields, defaults)
        run = prepare(config, dataset)
        run.check_files()
        # Whatever is refused from here on leaves a folder that belongs to this config.
        if primary:
            run_folder.claim(workdir, fields, dataset.identity())
            print(opening(run, dataset), file=sys.stderr)
        with stopwatch.part("other"):
            summary = run.run(workdir, started)
        if primary:
            files.write_json(workdir / "summary.json", summary)
        # Whatever comes next may read this run's result in any process.
        meeting.meet("the summary is written")
        return summary, False


def _finished(workdir: Path) -> Summary | None:
    """The summary of a finished run, as process 0 finds it: another one may see an older state of the folder."""
    return meeting.from_primary("whether the run is finished", lambda: _summary(workdir))


def _summary(workdir: Path) -> Summary | None:
    found = run_folder.finished(workdir)
    if found is not None and not (found.keys() >= SUMMARISED and found["task"] in TASKS):
        raise files.DamagedFileError(
            f"{workdir / 'summary.json'} is not the summary of a run: delete it, and run the command again"
        )
    return found


def opening(run: PreparedRun, dataset: Dataset) -> str:
    """One line: what is about to be trained, on what."""
    hardware = provenance.hardware()
    together = f" in {hardware['processes']} processes" if hardware["processes"] > 1 else ""
    return (
        f"{run.description} on {dataset.name}: {dataset.contents}; "
        f"{hardware['devices']} {hardware['platform']} device{'s' if hardware['devices'] > 1 else ''}{together}"
    )


def closing(summary: Summary) -> str:
    """The results of a finished run, several lines."""
    data = summary["dataset"]
    if data != summary["requested_dataset"]:
        data += f" (NOT {summary['requested_dataset']})"
    task = TASKS[summary["task"]]
    tested = ", test split" if summary["test"] else ""
    lines = [
        f"{data}, {task.title(summary)}, {summary['parameters']:,} parameters{tested}:",
        *task.closing(summary),
        *(f"  warning: {warning}" for warning in summary.get("warnings", ())),
    ]
    speed = summary["images_per_second"]
    rate = f"; {speed:.0f} images/s while training" if speed else ""
    return "\n".join([*lines, f"  {summary['steps']} steps in {summary['wall_seconds']:.0f} s in all{rate}"])


def announce(dataset: Dataset) -> None:
    """Prints the notes on the data on standard error, with a banner if other data stands in for the requested."""
    if dataset.is_fallback:
        print(banner(dataset), file=sys.stderr, flush=True)
    else:
        for note in dataset.notes:
            print(f"data: {note}", file=sys.stderr, flush=True)


def banner(dataset: Dataset) -> str:
    """A warning that other data stands in for the requested."""
    lines = [
        f"NOT TRAINING ON {dataset.requested.upper()}: TRAINING ON {dataset.name.upper()} INSTEAD",
        "",
        *textwrap.wrap(dataset.notes[0], 96, break_long_words=False, break_on_hyphens=False),
        "",
        f"Every output of this run is labelled {dataset.name!r}. Figures are not comparable with {dataset.requested}.",
        "To make this an error: --config.data.fallback=''",
    ]
    width = max(map(len, lines))
    rule = "!" * (width + 6)
    return "\n".join([rule, *(f"!! {line:<{width}} !!" for line in lines), rule])
