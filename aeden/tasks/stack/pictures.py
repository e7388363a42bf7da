"""The pictures of a stacked run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aeden.data.dataset import Dataset
from aeden.plots import classes
from aeden.plots.curves import save_phases
from aeden.plots.restoration import save_restoration
from aeden.tasks.objectives.samples import psnr_of
from aeden.tasks.stack.tested import Tested
from aeden.training.metrics_log import Row


def draw(
    workdir: Path,
    title: str,
    dataset: Dataset,
    tested: Tested,
    summary: dict[str, Any],
    phases: list[tuple[str, str, list[Row]]],
) -> None:
    """Writes curves.png, samples.png, filters.png, embedding.png, confusion.png and errors.png, those that apply.

    Args:
      workdir: the run folder.
      title: what was trained on what.
      dataset: the data.
      tested: the results on the test split.
      summary: the summary of the run.
      phases: title, validation metric and rows of the metrics log of each phase.
    """
    save_phases(workdir / "curves.png", title, phases)
    if tested.samples is not None:
        decibels = f"{summary['noisy']['psnr']:.2f} to {summary['test']['psnr']:.2f} dB"
        save_restoration(
            workdir / "samples.png", f"{title}: test PSNR {decibels}", tested.samples, psnr_of(tested.samples)
        )
    if tested.filters is not None:
        classes.save_filters(workdir / "filters.png", f"{title}: filters of the first layer", tested.filters)
    if tested.embedding is not None:
        _draw_embedding(workdir / "embedding.png", title, dataset, tested)
    if tested.logits is not None and dataset.test.labels is not None:
        _draw_classes(workdir, title, dataset, tested.logits, summary)


def _draw_embedding(path: Path, title: str, dataset: Dataset, tested: Tested) -> None:
    found, labels = tested.embedding, dataset.test.labels
    assert found is not None
    classes.save_embedding(
        path,
        f"{title}: {len(found.index):,} test images by their code",
        found.points,
        None if labels is None else labels[found.index],
        dataset.classes,
        found.method,
    )


def _draw_classes(workdir: Path, title: str, dataset: Dataset, logits: np.ndarray, summary: dict[str, Any]) -> None:
    accuracy = f"test accuracy {summary['test']['accuracy']:.2%}, {summary['labels']:,} labels"
    counts, labels = np.array(summary["confusion"]), dataset.test.labels
    assert labels is not None
    classes.save_confusion(workdir / "confusion.png", f"{title}: {accuracy}", counts, dataset.classes)
    classes.save_errors(
        workdir / "errors.png",
        f"{title}: the most confident errors\n{label_noise_note(dataset)}",
        dataset.test.images,
        labels,
        logits,
        dataset.classes,
    )


def label_noise_note(dataset: Dataset) -> str:
    """A note on wrong labels, for the picture of the errors."""
    noise = dataset.describe()["label_noise"]
    if noise is None:
        return "some of these may be errors of the labels"
    return f"the author of the data estimates that {noise['test']:.1%} of the test labels are wrong"
