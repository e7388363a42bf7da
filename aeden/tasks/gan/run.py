"""A GAN run: train a generator against a discriminator, judge its samples, draw pictures."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aeden.data.dataset import Dataset
from aeden.measures import sample_quality
from aeden.nn.parameters import count_parameters
from aeden.random_keys import Stream
from aeden.runtime import devices, files, stopwatch
from aeden.shapes import PyTree
from aeden.tasks.drawing import drawing
from aeden.tasks.gan import pictures
from aeden.tasks.gan.judge import Judge, load_judge
from aeden.tasks.gan.sample_figures import class_shares, confident_share, judge_samples, judge_validation
from aeden.tasks.gan.sampler import Sampler
from aeden.tasks.objectives.adversarial import Adversaries, GanState, adversarial_objective
from aeden.tasks.summary import Identification, common_summary, finish_times
from aeden.tasks.useless_results import sample_warnings
from aeden.training.loop import Fitted, Training, fit
from aeden.training.objective import Objective

# Number of samples in a validation while training: enough to see that classes are missing.
VALIDATION_SAMPLES = 1000
# Number of samples that `progress/STEP.npy` and samples.png show.
GRID = 100
# A class is missing if its share is below this fraction of an equal share.
MISSING = 0.05
# With either loss, a discriminator loss this small means that the discriminator is never wrong.
DEFEATED = 0.02


@dataclasses.dataclass(frozen=True)
class GanRun:
    """A GAN experiment, ready to run (`aeden.tasks.task.PreparedRun`).

    Attributes:
      name: what the run is called in its summary.
      dataset: the data.
      networks: generator, discriminator and how they are trained.
      sampler: draws samples.
      samples: number of samples to judge at the end; 0 to judge none.
      stride: stride of the generator's last layer.
      judge: kind of the judge, see `aeden.tasks.gan.judge.JUDGES`.
      truncations: further truncations of the latents to judge samples at, see `aeden.tasks.gan.sampler.truncated`.
      tests: whether to test the result; else its last validation has all figures, and no picture is drawn.
      make_training: objective -> the training. The objective depends on the judge, which may have to be trained first.
    """

    name: Identification
    dataset: Dataset
    networks: Adversaries
    sampler: Sampler
    samples: int
    stride: int
    judge: str
    truncations: tuple[float, ...]
    tests: bool
    make_training: Callable[[Objective], Training]

    @property
    def conditional(self) -> bool:
        """Whether the networks know the class."""
        return self.networks.generator.classes > 0

    @property
    def description(self) -> str:
        """See `PreparedRun`."""
        return f"{'class-conditional GAN' if self.conditional else 'GAN'}, {self.name.decoder} generator"

    def abstract_trainings(self) -> list[Training]:
        """See `PreparedRun`."""
        # A real validation would draw its samples' latent vectors here.
        return [self.make_training(adversarial_objective(self.networks, lambda state: {}, lambda row: []))]

    def check_files(self) -> None:
        """See `PreparedRun`: it starts from no other run."""

    def run(self, workdir: Path, started: float) -> dict[str, Any]:
        """See `PreparedRun`."""
        with stopwatch.part("judge"):
            judge = load_judge(self.dataset, workdir, self.judge) if self.samples else None
        progress = workdir / "progress" if devices.is_primary() else None
        if progress is not None:
            progress.mkdir(exist_ok=True)
        training = self.make_training(self.objective(judge, progress))
        fitted = fit(training, workdir, started)
        fit_ended = time.monotonic()
        average = jax.device_get(fitted.state.average)
        summary = self._summarise(training, fitted, judge)
        if not self.tests:
            with stopwatch.part("validation"):
                summary["validation"] = self._validate(judge, average)
            finish_times(summary, fit_ended)
            return summary
        with stopwatch.part("test"):
            inputs = self.sampler.inputs(Stream.TEST, self.samples or GRID)
            samples = self.sampler.images(average, inputs)
            summary |= self._test(judge, training, average, samples, inputs)
        if devices.is_primary():
            if warnings := sample_warnings(samples):
                summary["warnings"] = warnings
            with stopwatch.part("pictures"), drawing(workdir):
                self._draw(workdir, fitted, samples, inputs, average)
        finish_times(summary, fit_ended)
        return summary

    def objective(self, judge: Judge | None, folder: Path | None) -> Objective:
        """The adversarial objective.

        Args:
          judge: judges the samples of each validation; None for no metrics.
          folder: takes samples of the same latent vectors at each validation, as STEP.npy; None to save none.
        """
        warn = functools.partial(collapse_warnings, len(self.dataset.classes))
        return adversarial_objective(self.networks, self._make_validation(judge, folder), warn)

    def _make_validation(self, judge: Judge | None, folder: Path | None) -> Callable[[GanState], dict[str, float]]:
        """State -> metrics, or `samples`, which is not a number, if the samples' pixels are not finite."""
        shown = self.sampler.inputs(Stream.TEST, GRID)
        judged = self.sampler.inputs(Stream.VALIDATION, VALIDATION_SAMPLES)
        reference = None
        if judge is not None:
            reference = judge.classify(np.asarray(self.dataset.validation.images[:VALIDATION_SAMPLES]))[0]

        def validate(state: GanState) -> dict[str, float]:
            average = jax.device_get(state.average)
            samples = self.sampler.levels(average, shown)
            if samples.min() < 0:
                return {"samples": math.nan}
            if folder is not None:
                path = folder / f"{int(state.step)}.npy"
                with files.naming(path):
                    np.save(path, samples.astype(np.uint8))
            if judge is None or reference is None:
                return {}
            features, probabilities = judge.classify(self.sampler.images(average, judged))
            return {
                "kid": sample_quality.kernel_distance(features, reference),
                "confident": confident_share(probabilities),
                "smallest_class": float(class_shares(probabilities).min()),
            }

        return validate

    def _validate(self, judge: Judge | None, average: PyTree) -> dict[str, float]:
        """Figures of as many samples as a test has, compared with the whole validation split; {} without a judge."""
        if judge is None:
            return {}
        inputs = self.sampler.inputs(Stream.VALIDATION, self.samples)
        samples = self.sampler.images(average, inputs)
        return judge_validation(judge, np.asarray(self.dataset.validation.images), samples, self.sampler.labels(inputs))

    def _test(
        self, judge: Judge | None, training: Training, average: PyTree, samples: np.ndarray, inputs: np.ndarray
    ) -> dict[str, Any]:
        """Figures of the samples, of samples of the untrained generator, and of the test split."""
        if judge is None:
            return {"test": {}, "untrained": None, "real": None, "truncations": {}}
        untrained = jax.device_get(training.initial_state().average)
        sets = {
            "trained": samples,
            "untrained": self.sampler.images(untrained, inputs),
            "real": np.asarray(self.dataset.test.images),
        }
        for limit in self.truncations:
            nearer = self.sampler.inputs(Stream.TEST, self.samples, limit)
            sets[f"{limit:g}"] = self.sampler.images(average, nearer)
        made_for, real = self.sampler.labels(inputs), self.dataset.test.labels
        labels: dict[str, np.ndarray] = {}
        if made_for is not None and real is not None:
            labels = {**dict.fromkeys(sets, made_for), "real": real}
        judged = judge_samples(judge, self.dataset, sets, self.stride, labels)
        test = dict(judged["trained"])
        unseen = judged.get("unseen")
        for suffix, known in (("floor", unseen or judged["real"]), ("untrained", judged["untrained"])):
            test |= {f"{figure}_{suffix}": known[figure] for figure in ("fid", "kid")}
        others: dict[str, Any] = {name: judged[name] for name in ("untrained", "real")}
        if unseen:
            others["unseen"] = unseen
        truncations = {f"{limit:g}": judged[f"{limit:g}"] for limit in self.truncations}
        return {"test": test, **others, "truncations": truncations}

    def _summarise(self, training: Training, fitted: Fitted, judge: Judge | None) -> dict[str, Any]:
        """What the summary says of a training, tested or not."""
        return {
            **common_summary(self.name, self.dataset, fitted.state.generator.params, [training], [fitted]),
            "conditional": self.conditional,
            "discriminator_parameters": count_parameters(fitted.state.discriminator.params),
            "samples": self.samples,
            "test": {},
            "untrained": None,
            "real": None,
            "truncations": {},
            "classes": list(self.dataset.classes),
            "classifier": judge.describe() if judge else None,
        }

    def _draw(self, workdir: Path, fitted: Fitted, samples: np.ndarray, inputs: np.ndarray, average: PyTree) -> None:
        title = f"{self.dataset.label}, {self.description}"
        pictures.save_sample_pictures(workdir, title, samples, self.dataset.train.images)
        pictures.save_interpolation(
            workdir, inputs, self.sampler.latent, functools.partial(self.sampler.images, average)
        )
        pictures.save_training_pictures(workdir, title, fitted.rows)


def collapse_warnings(classes: int, row: dict[str, int | float]) -> list[str]:
    """Warnings of collapse.

    Args:
      classes: number of classes of the data.
      row: a row of the metrics log.
    """
    warnings = []
    if row.get("train_discriminator_loss", 1.0) < DEFEATED:
        warnings.append("the discriminator is never wrong, so it teaches nothing: raise gan.r1, or lower learning_rate")
    if row.get("validation_smallest_class", 1.0) < MISSING / max(classes, 1):
        warnings.append("a class is almost missing from the samples: they may be collapsing")
    return warnings
