"""A run of super-resolution: train a network on images of low resolution, test it, draw pictures."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from aeden.data.dataset import Dataset
from aeden.data.splits import Split
from aeden.measures import image_quality
from aeden.nn.resize import INTERPOLATIONS
from aeden.nn.super_resolution import SuperResolver
from aeden.plots.curves import save_curves
from aeden.plots.restoration import save_super_resolution
from aeden.runtime import devices, stopwatch
from aeden.tasks.objectives.noisy_images import FixedNoise
from aeden.tasks.objectives.samples import SAMPLES
from aeden.tasks.summary import Identification, common_summary, finish_times
from aeden.tasks.super_resolve import tested
from aeden.tasks.super_resolve.tested import NETWORK, Tested
from aeden.tasks.useless_results import enlargement_warnings
from aeden.training.loop import Fitted, Training, fit

# Largest height and width of the part of a whole test image that pictures show; 2, 3 and 4 divide it.
SHOWN_PIXELS = 144


@dataclasses.dataclass(frozen=True)
class SuperResolveRun:
    """An experiment of super-resolution, ready to run (`aeden.tasks.task.PreparedRun`).

    Attributes:
      name: what the run is called in its summary.
      dataset: the data, with sizes that the factor divides.
      model: the network.
      training: how it is trained.
      degrade: makes the test images of low resolution.
      fields: the sections `super_resolve` and `noise` of the config, for the summary.
      loss: the reconstruction loss.
      cropped: whether the images of the data set were larger, and lost rows and columns.
      tests: whether the result is tested and drawn; if not, its validation figures are all there is.
    """

    name: Identification
    dataset: Dataset
    model: SuperResolver
    training: Training
    degrade: FixedNoise
    fields: dict[str, Any]
    loss: str
    cropped: bool
    tests: bool

    @property
    def description(self) -> str:
        """See `PreparedRun`."""
        height, width = self.dataset.image_shape[:2]
        sizes = f" of images cropped to {height} x {width}" if self.cropped else ""
        return f"x{self.model.scale} super-resolution{sizes}, {self.name.decoder} decoder"

    def abstract_trainings(self) -> list[Training]:
        """See `PreparedRun`."""
        return [self.training]

    def check_files(self) -> None:
        """See `PreparedRun`: it starts from no other run."""

    def run(self, workdir: Path, started: float) -> dict[str, Any]:
        """See `PreparedRun`. The summary has `test` and each of `INTERPOLATIONS`, metric -> value, and `spectra`."""
        fitted = fit(self.training, workdir, started)
        fit_ended = time.monotonic()
        common = common_summary(self.name, self.dataset, fitted.state.params, [self.training], [fitted])
        summary = {**common, **self.fields, "enlarging_stages": list(self.model.enlarge), NETWORK: {}}
        if self.tests:
            with stopwatch.part("test"):
                found = tested.compare(self.model, fitted.state.params, self.degrade, self.dataset)
            summary |= {**found.figures, "spectra": found.spectra}
            if devices.is_primary():
                with stopwatch.part("pictures"):
                    images = tested.samples(self.model, fitted.state.params, self.degrade, self.shown())
                    self._draw(workdir, fitted, found, images)
                if warnings := enlargement_warnings(images, found.figures):
                    summary["warnings"] = warnings
        finish_times(summary, fit_ended)
        return summary

    def shown(self) -> Split:
        """The test images that pictures show: of whole images a part whose size the factor divides."""
        cropped, scale = self.dataset.cropped, self.model.scale
        if cropped is None:
            return self.dataset.test
        side = cropped.test.side(SHOWN_PIXELS)
        return cropped.test.windows(max(side // scale, 1) * scale, SAMPLES)

    def _draw(self, workdir: Path, fitted: Fitted, found: Tested, images: dict[str, np.ndarray]) -> None:
        """Writes examples.npz, samples.png and curves.png."""
        power = {f"power of {name}": array for name, array in found.power.items()}
        np.savez(workdir / "examples.npz", **images, **power)  # type: ignore[arg-type]
        clean = jnp.asarray(images["clean"])
        psnr = {
            name: np.asarray(image_quality.psnr(jnp.asarray(images[name]), clean)).tolist()
            for name in ("restored", *INTERPOLATIONS)
        }
        title = f"{self.dataset.label}, {self.description}"
        ours, bicubic = (found.figures[name]["psnr"] for name in (NETWORK, "bicubic"))
        decibels = f"test PSNR {ours:.2f} dB, bicubic {bicubic:.2f} dB"
        save_super_resolution(workdir / "samples.png", f"{title}: {decibels}", images, psnr)
        save_curves(workdir / "curves.png", title, fitted.rows, found.figures["bicubic"], self.loss, "bicubic, test")
