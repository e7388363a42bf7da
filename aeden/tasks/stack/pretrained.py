"""Parameters of one training put into the network of another."""

from __future__ import annotations

import sys
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


def load_autoencoder(config: Any, stack: Stack, dataset: Dataset) -> tuple[PyTree, dict[str, Any]]:
    """The autoencoder of the finished run `stack.pretrained`.

    A denoising run's is a stack's only layer; of a stacked run, it is what its head's phase began with. A head needs
    its encoders only, unrolled fine-tuning its decoders too.

    Returns:
      Its parameters as a stack's, {"layers_0": ..., ...}, and what a summary says of where they are from.

    Raises:
      ValueError: there is no finished run in the folder, or its autoencoder is another than this stack.
    """
    folder = Path(config.stack.pretrained)
    summary = run_folder.finished(folder)
    if summary is None:
        raise ValueError(f"stack.pretrained={folder} holds no finished run (there is no summary.json)")
    phases = folder / "phases"
    trained = [phases / "unroll", *sorted(phases.glob("pretrain-*"), key=_number, reverse=True)]
    last = next((phase for phase in trained if phase.exists()), None)
    if last is None and phases.exists():
        raise ValueError(f"stack.pretrained={folder} holds no autoencoder: that run pre-trained none")
    step, found = newest_params((last or folder) / "checkpoints")
    given = found if last else {"layers_0": found}
    problem = _difference(config, stack, dataset, given, files.read_json(folder / "config.json")["config"]["model"])
    if problem:
        raise ValueError(
            f"the autoencoder of {folder} does not fit this stack ({problem}): take the same model.* and "
            "stack.layerwise as that run (a denoising run's is one layer: stack.layerwise=False)"
        )
    if summary["dataset_sha256"] != dataset.sha256:
        note = f"note: {folder} was trained on {summary['dataset']}, or on another part of it, not on this data"
        print(note, file=sys.stderr)
    kept = ("dataset", "dataset_sha256", "noise", "seed", "commit")
    return given, {"folder": str(folder), "step": step, **{name: summary[name] for name in kept}}


def _difference(config: Any, stack: Stack, dataset: Dataset, given: PyTree, model: dict[str, Any]) -> str:
    """Why an autoencoder does not fit, "" where it does. `model` is what its run's config says of it."""
    if len(given) != len(stack.layers):
        return f"{len(given)} layers there, {len(stack.layers)} here"
    image = jnp.zeros((1, *dataset.image_shape))
    if not config.stack.unroll_epochs:
        wanted = jax.eval_shape(lambda: Classifier(stack, 1).init(jax.random.key(0), image))["params"]["stack"]
        return _misfit(wanted, given)
    # Decoders of two kinds may have parameters of the same shapes.
    for field in ("decoder", "tied", "resize", "placement"):
        if model[field] != config.model[field]:
            return f"model.{field} is {model[field]!r} there, {config.model[field]!r} here"
    return _misfit(jax.eval_shape(lambda: stack.init(jax.random.key(0), image))["params"], given)


def _number(phase: Path) -> int:
    return int(phase.name.split("-")[1])


def _misfit(wanted: PyTree, found: PyTree, path: str = "") -> str:
    """Where two parameter trees differ in what the first one wants; "" where they do not."""
    if not isinstance(wanted, dict):
        shape = np.shape(found) if not isinstance(found, dict) else "none"
        return "" if shape == wanted.shape else f"{path} has the shape {shape} there, {wanted.shape} here"
    for name, value in wanted.items():
        where = f"{path}/{name}".lstrip("/")
        if not isinstance(found, dict) or name not in found:
            return f"it has no {where}"
        if problem := _misfit(value, found[name], where):
            return problem
    return ""
