"""A run of segmentation: train a network on the class of each pixel, test it, draw pictures."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np

from aeden.data.dataset import Dataset
from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.unet import UNet
from aeden.plots.curves import save_curves
from aeden.plots.segmentation import save_segmentation
from aeden.runtime import devices, stopwatch
from aeden.tasks.objectives.noisy_images import FixedNoise
from aeden.tasks.segment import tested
from aeden.tasks.segment.tested import NETWORK, THRESHOLD, Tested
from aeden.tasks.summary import Identification, common_summary, finish_times
from aeden.tasks.useless_results import pixel_warnings
from aeden.training.loop import Fitted, Training, fit


@dataclasses.dataclass(frozen=True)
class SegmentRun:
    """An experiment of segmentation, ready to run (`aeden.tasks.task.PreparedRun`).

    Attributes:
      name: what the run is called in its summary.
      dataset: the data, with labels of pixels.
      classes: names of the labels.
      model: the network.
      training: how it is trained.
      noises: the noise of the validation and of the test.
      fields: the sections `segment` and `noise` of the config, for the summary.
      notes: sentences about classes that figures leave out.
      tests: whether the result is tested and drawn; if not, its validation figures are all there is.
    """

    name: Identification
    dataset: Dataset
    classes: tuple[str, ...]
    model: ConvAutoencoder | UNet
    training: Training
    noises: tuple[FixedNoise, FixedNoise]
    fields: dict[str, Any]
    notes: tuple[str, ...]
    tests: bool

    @property
    def description(self) -> str:
        """See `PreparedRun`."""
        skips = " with skip connections" if isinstance(self.model, UNet) or self.model.skip else ""
        return f"segmentation into {len(self.classes)} classes, {self.name.decoder} decoder{skips}"

    def abstract_trainings(self) -> list[Training]:
        """See `PreparedRun`."""
        return [self.training]

    def check_files(self) -> None:
        """See `PreparedRun`: it starts from no other run."""

    def run(self, workdir: Path, started: float) -> dict[str, Any]:
        """See `PreparedRun`. The summary has `test` and `threshold`, metric -> value, and the `iou` of classes."""
        fitted = fit(self.training, workdir, started)
        fit_ended = time.monotonic()
        common = common_summary(self.name, self.dataset, fitted.state.params, [self.training], [fitted])
        summary = {**common, **self.fields, "classes": list(self.classes), NETWORK: {}}
        warnings = list(self.notes)
        if self.tests:
            with stopwatch.part("test"):
                found = tested.compare(self.model, fitted.state.params, self.noises, self.dataset, self.classes)
            summary |= {**found.figures, "iou": found.iou, "threshold_chosen": found.chosen}
            warnings += pixel_warnings(found.confusion)
            if devices.is_primary():
                with stopwatch.part("pictures"):
                    self._draw(workdir, fitted, found)
        if warnings:
            summary["warnings"] = warnings
        finish_times(summary, fit_ended)
        return summary

    def _draw(self, workdir: Path, fitted: Fitted, found: Tested) -> None:
        """Writes examples.npz, samples.png and curves.png."""
        images = tested.samples(self.model, fitted.state.params, self.noises[1], self.dataset.test, found.baseline)
        np.savez(workdir / "examples.npz", confusion=found.confusion, **images)  # type: ignore[arg-type]
        title = f"{self.dataset.label}, {self.description}"
        ours, baseline = (found.figures[name]["mean_iou"] for name in (NETWORK, THRESHOLD))
        predictions = {"network": images[NETWORK], "threshold": images[THRESHOLD]}
        heading = f"{title}: test mean IoU {ours:.3f}, threshold {baseline:.3f}"
        save_segmentation(workdir / "samples.png", heading, images["image"], images["truth"], predictions, self.classes)
        curves = workdir / "curves.png"
        save_curves(
            curves, title, fitted.rows, found.figures[THRESHOLD], "cross_entropy", "threshold, test", "mean_iou"
        )
