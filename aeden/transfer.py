"""Parameters of one training put into the network of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aeden import runs
from aeden.checkpoint import newest_params
from aeden.models import Classifier, Stack

PyTree = Any


def overlay(fresh: PyTree, given: PyTree, path: str = "") -> PyTree:
    """`fresh` with the leaves that `given` has too taken from there.

    Raises:
      ValueError: a leaf has another shape there.
    """
    if not isinstance(fresh, dict):
        if np.shape(given) != np.shape(fresh):
            raise ValueError(f"{path} is of the shape {np.shape(given)} there, and {np.shape(fresh)} in this stack")
        # A copy: the first step gives its memory away, and what was given may be wanted again.
        return jnp.array(given, copy=True)
    return {
        name: overlay(value, given[name], f"{path}/{name}".lstrip("/")) if name in given else value
        for name, value in fresh.items()
    }


def load_autoencoder(folder: Path, stack: Stack, image_shape: tuple[int, ...]) -> PyTree:
    """The parameters of a finished run's autoencoder, as those of a stack: {"layers_0": ..., ...}.

    A denoising run's is a stack's only layer; of a stacked run, it is what its head's phase began with.

    Raises:
      ValueError: there is no finished run in the folder, or its autoencoder is another than this stack.
    """
    if runs.finished(folder) is None:
        raise ValueError(f"stack.pretrained={folder} holds no finished run (there is no summary.json)")
    phases = folder / "phases"
    trained = [phases / "unroll", *sorted(phases.glob("pretrain-*"), key=_number, reverse=True)]
    last = next((phase for phase in trained if phase.exists()), None)
    if last is None and phases.exists():
        raise ValueError(f"stack.pretrained={folder} holds no autoencoder: that run pre-trained none")
    found = newest_params((last or folder) / "checkpoints")
    given = found if last else {"layers_0": found}
    wanted = jax.eval_shape(lambda: Classifier(stack, 1).init(jax.random.key(0), jnp.zeros((1, *image_shape))))
    problem = _misfit(wanted["params"]["stack"], given)
    if problem or len(given) != len(stack.layers):
        raise ValueError(
            f"the autoencoder of {folder} does not fit this stack "
            f"({problem or f'{len(given)} layers there, {len(stack.layers)} here'}): take the same model.* and "
            "stack.layerwise as that run (a denoising run's is one layer: stack.layerwise=False)"
        )
    return given


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
