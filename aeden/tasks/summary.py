"""The keys that the summary of every run has, whatever its task."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from aeden.data.batches import epochs
from aeden.data.dataset import Dataset
from aeden.nn.parameters import count_parameters
from aeden.runtime import provenance
from aeden.shapes import PyTree
from aeden.training.loop import Fitted, Training
from aeden.training.running_totals import Clock


@dataclasses.dataclass(frozen=True)
class Identification:
    """What a run is called in its summary.

    Attributes:
      task: value of `config.task`.
      decoder: one of `aeden.nn.decoders.DECODERS`, or "dense".
      seed: seed of the run.
    """

    task: str
    decoder: str
    seed: int


def common_summary(
    run: Identification, dataset: Dataset, params: PyTree, trainings: Sequence[Training], fitted: Sequence[Fitted]
) -> dict[str, Any]:
    """The shared keys of a summary.

    Args:
      run: what the run is called.
      dataset: the data.
      params: the parameters whose number is reported.
      trainings, fitted: the trainings of the run and their results, in order. Steps and times are summed over them;
        epochs, validation and checkpoints are those of the last one.
    """
    clock = sum((one.clock for one in fitted), Clock())
    last, result = trainings[-1], fitted[-1]
    return {
        **dataset.describe(),
        "task": run.task,
        "decoder": run.decoder,
        "parameters": count_parameters(params),
        "seed": run.seed,
        "together": max(one.together for one in fitted),
        "steps": sum(training.schedule.steps for training in trainings),
        "epochs": epochs(last.schedule.steps, last.batches.batch_size, len(last.batches.split)),
        "best_step": result.best_step,
        "tested_step": result.step,
        "wall_seconds": clock.wall_seconds,
        "seconds": clock.seconds,
        "images_per_second": clock.images_per_second(),
        "validation": result.validation,
        **provenance.provenance(),
    }


def not_tested(summary: dict[str, Any]) -> str:
    """A line for the closing of a run that was only validated."""
    figures = "   ".join(f"{name} {value:.4f}" for name, value in summary["validation"].items())
    return f"  not tested (eval.test=False); validation: {figures or 'none'}"


def finish_times(summary: dict[str, Any], started: float) -> None:
    """Adds the time since the end of the last training to the times of a summary, and rounds them.

    Args:
      summary: with the times of the trainings, see `common_summary`; changed in place.
      started: `time.monotonic()` when the last training ended.
    """
    clock = Clock(summary["wall_seconds"], seconds=summary["seconds"]).until_now(started)
    summary["wall_seconds"] = round(clock.wall_seconds, 3)
    # A run that older code began has a wall-clock without parts before its restart.
    missing = max(0.0, clock.wall_seconds - sum(clock.seconds.values()))
    parts = {**clock.seconds, "other": clock.seconds.get("other", 0.0) + missing}
    summary["seconds"] = {name: round(seconds, 3) for name, seconds in parts.items()}
    summary["seconds"]["total"] = summary["wall_seconds"]
