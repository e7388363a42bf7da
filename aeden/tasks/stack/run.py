"""A stacked run: pre-train autoencoders on top of each other, fine-tune them, classify by their code.

Layer-wise pre-training follows Vincent et al. 2010, "Stacked denoising autoencoders": each layer learns to restore its
own corrupted input, which is the code of the layers below; those stay fixed. Then the whole stack may be trained as one
deep autoencoder (Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks"). Finally a
softmax layer on its code (logistic regression) learns the classes; either all weights are trained or only its own.

Each training is a phase with its own folder `phases/NAME`, which has the files of a denoising run's folder. A phase
starts from the result of the one before.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from aeden.data.dataset import Dataset
from aeden.nn.stack import Classifier
from aeden.runtime import devices, stopwatch
from aeden.shapes import PyTree
from aeden.tasks.drawing import drawing
from aeden.tasks.objectives import classification
from aeden.tasks.stack.phases import Phase, StackParts
from aeden.tasks.stack.pictures import draw
from aeden.tasks.stack.pretrained import Pretrained
from aeden.tasks.stack.tested import NOT_TESTED, Tested, test_stack
from aeden.tasks.summary import Identification, common_summary, finish_times
from aeden.tasks.useless_results import class_warnings, restoration_warnings
from aeden.training.loop import Fitted, Training, fit


@dataclasses.dataclass(frozen=True)
class Head:
    """The classifier on top of a stack.

    Attributes:
      kind: "finetune", "frozen", "pixels" or "none".
      model: its network; None without a head.
    """

    kind: str
    model: Classifier | None


@dataclasses.dataclass(frozen=True)
class StackRun:
    """A stacked experiment, ready to run (`aeden.tasks.task.PreparedRun`).

    Attributes:
      name: what the run is called in its summary.
      parts: stack, data and noise.
      phases: the trainings, in order.
      head: the classifier.
      pretrained: the finished run to start from; None to start from random parameters.
      noise_fields: the noise of the config, for the summary.
      embedding: "tsne", "pca" or "none".
      description: what is trained, in a few words.
      tests: whether the result is tested and drawn; if not, its validation figures are all there is.
    """

    name: Identification
    parts: StackParts
    phases: tuple[Phase, ...]
    head: Head
    pretrained: Pretrained | None
    noise_fields: Mapping[str, Any]
    embedding: str
    description: str
    tests: bool = True

    @property
    def dataset(self) -> Dataset:
        """The data."""
        return self.parts.dataset

    def abstract_trainings(self) -> list[Training]:
        """See `PreparedRun`."""
        return [phase.start({}) for phase in self.phases]

    def check_files(self) -> None:
        """See `PreparedRun`."""
        _ = self._given

    @functools.cached_property
    def _given(self) -> tuple[PyTree, dict[str, Any] | None]:
        """The parameters that the run starts from, and their origin; read once."""
        return self.pretrained.load(self.dataset) if self.pretrained else ({}, None)

    def run(self, workdir: Path, started: float) -> dict[str, Any]:
        """See `PreparedRun`."""
        params, origin = self._given
        trainings: list[Training] = []
        fitted: list[Fitted] = []
        for i, phase in enumerate(self.phases):
            if devices.is_primary():
                print(f"phase {i + 1} of {len(self.phases)}: {phase.title}", file=sys.stderr, flush=True)
            trainings.append(phase.start(params))
            fitted.append(fit(trainings[-1], workdir / "phases" / phase.name, started))
            params = {**params, **jax.device_get(fitted[-1].state.params)}
            started = time.monotonic()
        with stopwatch.part("test"):
            tested = self._test(params) if self.tests else NOT_TESTED
        summary = {**self._summarise(trainings, fitted, tested), "pretrained": origin}
        if self.tests and devices.is_primary():
            rows = [(phase.title, phase.metric, one.rows) for phase, one in zip(self.phases, fitted, strict=True)]
            title = f"{self.dataset.label}, {self.description}"
            if warnings := _warnings(tested, summary):
                summary["warnings"] = warnings
            with stopwatch.part("pictures"), drawing(workdir):
                draw(workdir, title, self.dataset, tested, summary, rows)
        finish_times(summary, started)
        return summary

    def _test(self, params: PyTree) -> Tested:
        restores = any(phase.name != "classify" for phase in self.phases)
        embedding = "none" if self.head.kind == "pixels" else self.embedding
        return test_stack(self.parts, params, self.head.model, restores, embedding)

    def _summarise(self, trainings: list[Training], fitted: list[Fitted], tested: Tested) -> dict[str, Any]:
        test_metrics = dict(tested.restoration["restored"]) if tested.restoration else {}
        labels, confusion = self.dataset.test.labels, None
        if tested.logits is not None and labels is not None:
            test_metrics |= classification.score(tested.logits, labels)
            confusion = classification.confusion(tested.logits, labels).tolist()
        return {
            **common_summary(self.name, self.dataset, fitted[-1].state.params, trainings, fitted),
            "head": self.head.kind,
            "labels": len(self.phases[-1].batches.split) if self.head.model is not None else 0,
            "classes": list(self.dataset.classes),
            "noise": dict(self.noise_fields),
            "noisy": tested.restoration["noisy"] if tested.restoration else None,
            "test": test_metrics,
            "confusion": confusion,
            "phases": [_describe_phase(phase, one) for phase, one in zip(self.phases, fitted, strict=True)],
        }


def _warnings(tested: Tested, summary: Mapping[str, Any]) -> list[str]:
    """See `aeden.tasks.useless_results`."""
    warnings = []
    if tested.restoration is not None and tested.samples is not None:
        warnings += restoration_warnings(tested.samples, tested.restoration["noisy"], tested.restoration["restored"])
    if summary["confusion"] is not None:
        warnings += class_warnings(np.array(summary["confusion"]))
    return warnings


def _describe_phase(phase: Phase, fitted: Fitted) -> dict[str, Any]:
    """What the summary says of a phase."""
    return {
        "name": phase.name,
        "steps": phase.schedule.steps,
        "tested_step": fitted.step,
        "images": len(phase.batches.split),
        "seconds": fitted.clock.wall_seconds,
        "images_per_second": fitted.clock.images_per_second(),
        "validation": fitted.validation,
    }
