"""Runs one experiment in its folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from aeden.data import dataset, sources
from aeden.data.dataset import Dataset
from aeden.runtime import devices, files, provenance, run_folder
from aeden.tasks.denoise import run as denoise
from aeden.tasks.gan import run as gan
from aeden.tasks.stack import run as stack

TASKS: dict[str, Any] = {"denoise": denoise, "stack": stack, "gan": gan}


def execute(config: Any, workdir: Path, started: float) -> tuple[dict[str, Any], bool]:
    """Runs one experiment in its folder to its end, or goes on with it, or finds it finished.

    Args:
      config: the experiment.
      workdir: the run folder.
      started: `time.monotonic()` when it began.

    Returns:
      The summary, and whether it was finished before.

    Raises:
      RunFolderError: the folder is another run's.
      ValueError, OSError, TrainingDiverged, Interrupted: see the task's `run`.
    """
    with run_folder.locked(workdir, devices.is_primary()):
        run_folder.check_config(workdir, config.to_dict())
        summary = run_folder.finished(workdir)
        if summary is None or summary["dataset"] != summary["requested_dataset"]:
            dataset = open_data(config)
            run_folder.claim(workdir, config.to_dict(), dataset.identity(), devices.is_primary())
            announce(dataset)
        if summary is not None:
            return summary, True
        if devices.is_primary():
            print(opening(config, dataset), file=sys.stderr)
        summary = TASKS[config.task].run(config, dataset, workdir, started)
        if devices.is_primary():
            files.write_json(workdir / "summary.json", summary)
        # What comes next may ask for this run's result in any process.
        devices.any_process(False)
        return summary, False


def open_data(config: Any) -> dataset.Dataset:
    """The data of an experiment; raises what `aeden.data.sources.open_dataset` does."""
    data = config.data
    return sources.open_dataset(data.name, data.dir, data.fallback, data.limit, data.train_limit)


def opening(config: Any, dataset: dataset.Dataset) -> str:
    """What is about to be trained, on what."""
    hardware = provenance.hardware()
    return (
        f"{TASKS[config.task].opening(config)} on {dataset.name}: {len(dataset.train):,} images to train on, "
        f"{len(dataset.validation):,} to validate, {len(dataset.test):,} to test; "
        f"{hardware['devices']} {hardware['platform']} device{'s' if hardware['devices'] > 1 else ''}"
    )


def closing(summary: dict[str, Any]) -> str:
    """What a finished run showed."""
    data = summary["dataset"]
    if data != summary["requested_dataset"]:
        data += f" (NOT {summary['requested_dataset']})"
    task = TASKS[summary["task"]]
    lines = [
        f"{data}, {task.title(summary)}, {summary['parameters']:,} parameters, test split:",
        *task.closing(summary),
    ]
    rate = f", {summary['images_per_second']:.0f} images/s" if summary["images_per_second"] else ""
    return "\n".join([*lines, f"  {summary['steps']} steps in {summary['wall_seconds']:.0f} s{rate}"])


def banner(dataset: Dataset) -> str:
    """What to print where other data stands in for what was asked for."""
    lines = [
        f"NOT TRAINING ON {dataset.requested.upper()}: TRAINING ON {dataset.name.upper()} INSTEAD",
        "",
        *_wrap(dataset.notes[0]),
        "",
        f"Every output of this run is labelled {dataset.name!r}. Figures are not comparable with {dataset.requested}.",
        "To make this an error: --config.data.fallback=''",
    ]
    width = max(map(len, lines))
    rule = "!" * (width + 6)
    return "\n".join([rule, *(f"!! {line:<{width}} !!" for line in lines), rule])


def _wrap(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 96, break_long_words=False, break_on_hyphens=False)


def announce(dataset: Dataset) -> None:
    """Tells on standard error what data is used."""
    if dataset.is_fallback:
        print(banner(dataset), file=sys.stderr, flush=True)
    else:
        for note in dataset.notes:
            print(f"data: {note}", file=sys.stderr, flush=True)
