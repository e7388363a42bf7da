"""Takes the autoencoder of a finished run as the start of a stack (`stack.pretrained`)."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aeden.data.dataset import Dataset
from aeden.nn.stack import Classifier, Stack
from aeden.runtime import files, run_folder
from aeden.shapes import PyTree
from aeden.training.checkpoints import newest_params

# Decoders that differ in these fields of `model` can have parameters of the same shapes.
DECODER_FIELDS = ("decoder", "tied", "resize", "placement")


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """The run whose autoencoder a stack starts from, and what must fit.

    Attributes:
      folder: the run folder.
      stack: the stack that takes the parameters.
      decoder: this stack's values of `DECODER_FIELDS`.
      with_decoders: whether the decoders are needed (to be fine-tuned as an autoencoder) or the encoders only.
    """

    folder: Path
    stack: Stack
    decoder: Mapping[str, Any]
    with_decoders: bool

    def load(self, dataset: Dataset) -> tuple[PyTree, dict[str, Any]]:
        """Loads the parameters.

        The autoencoder of a denoising run becomes the only layer of a stack. That of a stacked run is the one that
        its head's phase started from.

        Args:
          dataset: the data of this run; prints a note if the other run used different data.

        Returns:
          The parameters of the stack, {"layers_0": ..., ...}, and their origin for the summary.

        Raises:
          ValueError: the folder holds no finished run, its run has no autoencoder, or the autoencoder does not fit.
        """
        summary = run_folder.finished(self.folder)
        if summary is None:
            raise ValueError(f"stack.pretrained={self.folder} holds no finished run (there is no summary.json)")
        step, given = _autoencoder_params(self.folder, summary)
        model = files.read_json(self.folder / "config.json")["config"]["model"]
        problem = self._misfit(dataset.image_shape, given, model)
        if problem:
            raise ValueError(
                f"the autoencoder of {self.folder} does not fit this stack ({problem}): use the same model.* and "
                "stack.layerwise as that run (a denoising run has one layer: stack.layerwise=False)"
            )
        if summary["dataset_sha256"] != dataset.sha256:
            data = summary["dataset"]
            print(
                f"note: {self.folder} was trained on {data}, or on another part of it, not on this data",
                file=sys.stderr,
            )
        origin = {name: summary[name] for name in ("dataset", "dataset_sha256", "noise", "seed", "commit")}
        return given, {"folder": str(self.folder), "step": step, **origin}

    def _misfit(self, image_shape: tuple[int, ...], given: PyTree, model: Mapping[str, Any]) -> str:
        """Why the parameters `given` of a network with the config section `model` do not fit; "" if they do."""
        if len(given) != len(self.stack.layers):
            return f"{len(given)} layers there, {len(self.stack.layers)} here"
        image = jnp.zeros((1, *image_shape))
        if not self.with_decoders:
            classifier = Classifier(self.stack, 1)
            wanted = jax.eval_shape(lambda: classifier.init(jax.random.key(0), image))["params"]["stack"]
            return misfit(wanted, given)
        for field in DECODER_FIELDS:
            if model[field] != self.decoder[field]:
                return f"model.{field} is {model[field]!r} there, {self.decoder[field]!r} here"
        return misfit(jax.eval_shape(lambda: self.stack.init(jax.random.key(0), image))["params"], given)


def _autoencoder_params(folder: Path, summary: Mapping[str, Any]) -> tuple[int, PyTree]:
    """The step and the parameters {"layers_0": ..., ...} of the autoencoder of a finished run: its result.

    Raises:
      ValueError: the run has no autoencoder, or no intact checkpoint.
    """
    if summary["task"] == "denoise":
        step, params = newest_params(folder / "checkpoints", summary.get("tested_step"))
        return step, {"layers_0": params}
    if summary["task"] != "stack":
        raise ValueError(f"stack.pretrained={folder} is a {summary['task']} run: it has no autoencoder")
    phases = folder / "phases"
    trained = [phases / "unroll", *sorted(phases.glob("pretrain-*"), key=_number, reverse=True)]
    last = next((phase for phase in trained if phase.exists()), None)
    if last is None:
        raise ValueError(f"stack.pretrained={folder} has no autoencoder: that run pre-trained none")
    results = {phase["name"]: phase.get("tested_step") for phase in summary["phases"]}
    return newest_params(last / "checkpoints", results.get(last.name))


def _number(phase: Path) -> int:
    return int(phase.name.split("-")[1])


def misfit(wanted: PyTree, given: PyTree, path: str = "") -> str:
    """The first parameter of `wanted` that `given` lacks or has in another shape, in words; "" if there is none."""
    if not isinstance(wanted, dict):
        shape = np.shape(given) if not isinstance(given, dict) else "none"
        return "" if shape == wanted.shape else f"{path} has the shape {shape} there, {wanted.shape} here"
    for name, value in wanted.items():
        where = f"{path}/{name}".lstrip("/")
        if not isinstance(given, dict) or name not in given:
            return f"it has no {where}"
        if problem := misfit(value, given[name], where):
            return problem
    return ""
