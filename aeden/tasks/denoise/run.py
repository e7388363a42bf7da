"""A denoising run: train an autoencoder on corrupted images, test it on the test split, draw pictures."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aeden.data.dataset import Dataset
from aeden.measures.holes import hole_figures
from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.unet import Network, UNet
from aeden.plots.curves import save_curves
from aeden.plots.restoration import save_responses, save_restoration
from aeden.runtime import devices, stopwatch
from aeden.shapes import PyTree
from aeden.tasks.denoise.decoder_artifacts import DecoderArtifacts, make_residual_sums, measure
from aeden.tasks.denoise.extras import measure_extras
from aeden.tasks.drawing import drawing
from aeden.tasks.objectives.noisy_images import FixedNoise
from aeden.tasks.objectives.restoration import (
    Measure,
    make_evaluation,
)
from aeden.tasks.objectives.samples import SAMPLES, psnr_of, restore_samples
from aeden.tasks.objectives.whole_images import make_whole_evaluation
from aeden.tasks.summary import Identification, common_summary, finish_times
from aeden.tasks.useless_results import restoration_warnings
from aeden.training.loop import Fitted, Training, fit

# Name of the training noise among the evaluated ones.
TRAINING_NOISE = "training"
# Largest height and width of the part of a test image of any size that pictures show: as many pixels as they draw.
SHOWN_PIXELS = 160


@dataclasses.dataclass(frozen=True)
class DenoiseRun:
    """A denoising experiment, ready to run (`aeden.tasks.task.PreparedRun`).

    Attributes:
      name: what the run is called in its summary.
      dataset: the data.
      model: the autoencoder.
      training: how it is trained.
      noise: the test noise, of the kind and level of the training noise.
      levels: further levels to test at: name -> noise.
      noises: further kinds of noise to test with: name -> noise.
      holes: names of those noises that leave parts of the images out, `TRAINING_NOISE` among them if it does.
      noise_fields: the `noise` section of the config, for the summary.
      noise_name: the noise for titles, e.g. "gaussian 0.4 clipped".
      loss: the reconstruction loss.
      tests: whether the result is tested and drawn; if not, its validation figures are all there is.
      extras: whether the test includes `aeden.tasks.denoise.extras`.
    """

    name: Identification
    dataset: Dataset
    model: Network
    training: Training
    noise: FixedNoise
    levels: dict[str, FixedNoise]
    noises: dict[str, FixedNoise]
    holes: frozenset[str]
    noise_fields: dict[str, Any]
    noise_name: str
    loss: str
    tests: bool
    extras: bool

    @property
    def description(self) -> str:
        """See `PreparedRun`."""
        return f"{self.name.decoder} decoder"

    def abstract_trainings(self) -> list[Training]:
        """See `PreparedRun`."""
        return [self.training]

    def check_files(self) -> None:
        """See `PreparedRun`: it starts from no other run."""

    def run(self, workdir: Path, started: float) -> dict[str, Any]:
        """See `PreparedRun`."""
        fitted = fit(self.training, workdir, started)
        fit_ended = time.monotonic()
        if not self.tests:
            summary = {**self._summarise(fitted), "noisy": {}, "test": {}, "levels": {}, "noises": {}}
            finish_times(summary, fit_ended)
            return summary
        with stopwatch.part("test"):
            summary, residual = self._test(fitted)
        with stopwatch.part("artifacts"):
            artifacts = self._measure_artifacts(fitted, residual)
        if artifacts is not None:
            summary["artifacts"] = artifacts.figures
        if devices.is_primary():
            with stopwatch.part("pictures"):
                images = self._restore_samples(fitted.state.params)
                if warnings := restoration_warnings(images, summary["noisy"], summary["test"]):
                    summary["warnings"] = warnings
                with drawing(workdir):
                    self._draw(workdir, fitted, summary, images, artifacts)
        finish_times(summary, fit_ended)
        return summary

    def _test(self, fitted: Fitted) -> tuple[dict[str, Any], PyTree]:
        """The summary, and the means of `make_residual_sums`; None for a network whose last layer does not upsample."""
        noises = {TRAINING_NOISE: self.noise, **self.levels, **self.noises}
        measures: dict[str, Measure] = {}
        if isinstance(self.model, ConvAutoencoder | UNet) and self.model.factors[0] >= 2:
            measures[TRAINING_NOISE] = make_residual_sums(self.model.factors[0])
        if self.dataset.cropped is None:
            # Measured with the rest, so that the images are not restored again.
            evaluate = make_evaluation(self.model, noises, measures, self.holes)
            tested = evaluate(fitted.state.params, self.dataset.test)
            residual = tested[TRAINING_NOISE].get("measured")
        else:
            # A mean spectrum needs images of one size: that of the error is measured on fixed crops.
            evaluate_whole = make_whole_evaluation(self.model, noises, self.holes)
            tested = evaluate_whole(fitted.state.params, self.dataset.cropped.test)
            residual = self._residual_of_crops(fitted.state.params, measures)
        both = {
            name: {"noisy": one["noisy"], "test": one["restored"]} | ({"holes": _holes(one)} if "holes" in one else {})
            for name, one in tested.items()
        }
        summary = {
            **self._summarise(fitted),
            **both[TRAINING_NOISE],
            "levels": {name: both[name] for name in self.levels},
            "noises": {name: both[name] for name in self.noises},
        }
        if self.extras:
            summary |= measure_extras(self.model, fitted.state.params, self.noise, self.dataset)
        return summary, residual

    def _residual_of_crops(self, params: PyTree, measures: dict[str, Measure]) -> PyTree:
        """The means of `make_residual_sums` over the fixed crops of the test images; None if there are no measures."""
        if not measures:
            return None
        evaluate = make_evaluation(self.model, {TRAINING_NOISE: self.noise}, measures)
        return evaluate(params, self.dataset.test)[TRAINING_NOISE]["measured"]

    def _summarise(self, fitted: Fitted) -> dict[str, Any]:
        """What the summary says of a training, tested or not."""
        common = common_summary(self.name, self.dataset, fitted.state.params, [self.training], [fitted])
        return {**common, "noise": self.noise_fields}

    def _measure_artifacts(self, fitted: Fitted, residual: PyTree) -> DecoderArtifacts | None:
        """None for a network whose last layer does not upsample."""
        if residual is None or not isinstance(self.model, ConvAutoencoder | UNet):
            return None
        initial = jax.device_get(self.training.initial_state().params)
        params = jax.device_get(fitted.state.params)
        return measure(self.model, initial, params, self.noise, self.dataset.test, residual)

    def _restore_samples(self, params: PyTree) -> dict[str, np.ndarray]:
        """Some test images, or parts of them: `clean`, `noisy` and `restored`."""
        cropped, shown, index = self.dataset.cropped, self.dataset.test, None
        if cropped is not None:
            shown = cropped.test.windows(cropped.test.side(SHOWN_PIXELS), SAMPLES)
            index = np.arange(len(shown), dtype=np.int32)
        return restore_samples(self.model, params, self.noise, shown, index)

    def _draw(
        self,
        workdir: Path,
        fitted: Fitted,
        summary: dict[str, Any],
        images: dict[str, np.ndarray],
        artifacts: DecoderArtifacts | None,
    ) -> None:
        """Writes examples.npz, samples.png, responses.png and curves.png."""
        arrays = dict(images)
        if artifacts is not None:
            arrays |= {**artifacts.pictures, "residual power": artifacts.power}
        np.savez(workdir / "examples.npz", **arrays)  # type: ignore[arg-type]
        title = f"{self.dataset.label}, {self.noise_name}, {self.description}"
        # An image whose holes hit nothing has a PSNR of 100 dB: means with such images are no measure of the input.
        holes = summary.get("holes", {})
        holes = holes if holes.get("hole_share") else {}
        if holes:
            result = f"PSNR inside the holes {holes['noisy_psnr_inside']:.2f} to {holes['psnr_inside']:.2f} dB"
        else:
            result = f"test PSNR {summary['noisy']['psnr']:.2f} to {summary['test']['psnr']:.2f} dB"
        save_restoration(workdir / "samples.png", f"{title}: {result}", images, psnr_of(images))
        if artifacts is not None and artifacts.pictures:
            save_responses(workdir / "responses.png", title, artifacts.pictures)
        save_curves(workdir / "curves.png", title, fitted.rows, None if holes else summary["noisy"], self.loss)


def _holes(tested: Mapping[str, Any]) -> dict[str, float]:
    """The figures of the holes, and how dark they were before: `noisy_psnr_inside`, dB."""
    before = hole_figures(tested["noisy_holes"])["psnr_inside"]
    return {**hole_figures(tested["holes"]), "noisy_psnr_inside": before}
