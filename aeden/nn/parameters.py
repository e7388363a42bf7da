"""Applying a network, initializing its parameters, and working with parameter trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from aeden.shapes import Array, PyTree


def apply(model: nn.Module, params: Any, *inputs: Any, method: str | None = None) -> Array:
    """The output of a model, or of one of its methods, for given parameters and inputs."""
    return cast(Array, model.apply({"params": params}, *inputs, method=method))


def make_init(model: nn.Module, image_shape: tuple[int, ...]) -> Callable[[Array], Any]:
    """Compiles the function key -> initial parameters of a model; {} if it has none.

    Args:
      model: a model of images.
      image_shape: height, width and channels of the images.
    """
    image = jnp.zeros((1, *image_shape))
    return jax.jit(lambda key: model.init(key, image).get("params", {}))


def count_parameters(params: Any) -> int:
    """Number of parameters in a parameter tree."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def overlay(initial: PyTree, replacement: PyTree, path: str = "") -> PyTree:
    """The tree `initial`, with every leaf that also exists in `replacement` taken from there.

    Args:
      initial: a tree of nested dicts.
      replacement: a tree with some of the same leaves.
      path: position in the whole tree, for the error message.

    Raises:
      ValueError: a leaf has different shapes in the two trees.
    """
    if not isinstance(initial, dict):
        if np.shape(replacement) != np.shape(initial):
            raise ValueError(
                f"{path} is of the shape {np.shape(replacement)} there, and {np.shape(initial)} in this stack"
            )
        # Copied, because the first training step donates its memory, and the caller may still need the original.
        return jnp.array(replacement, copy=True)
    return {
        name: overlay(value, replacement[name], f"{path}/{name}".lstrip("/")) if name in replacement else value
        for name, value in initial.items()
    }
