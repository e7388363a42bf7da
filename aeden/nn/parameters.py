"""Functions of a network and its parameter tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from aeden.shapes import Array, PyTree


def apply(model: nn.Module, params: Any, *inputs: Any, method: str | None = None) -> Array:
    """What a model, or a method of it, makes of its inputs under some parameters."""
    return cast(Array, model.apply({"params": params}, *inputs, method=method))


def make_init(model: nn.Module, image_shape: tuple[int, ...]) -> Callable[[Array], Any]:
    """Compiles key -> initial parameters of a model of images; {} for one without any."""
    image = jnp.zeros((1, *image_shape))
    return jax.jit(lambda key: model.init(key, image).get("params", {}))


def count_parameters(params: Any) -> int:
    """How many numbers a parameter tree holds."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))


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
