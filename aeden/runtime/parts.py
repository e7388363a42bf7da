"""A device's examples in cache-sized parts, one after the other.

The results of a forward pass are then still in a cache when the backward pass needs them, and every part uses the
memory of the part before. The parts run in a loop, which is compiled once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from aeden.shapes import Array, PyTree

# Pixels that a CPU device processes at once: 16 images of 28 x 28, whose features at 32 channels (1.6 MB per layer) fit
# into a cache.
PIXELS_PER_CPU_PART = 16 * 28 * 28
# Parts that cannot run in a loop are compiled one by one.
MOST_UNROLLED = 8


def part_count(examples: int, pixels: int, most: int | None = None) -> int:
    """Number of equal parts into which to cut a device's share of a batch.

    On a CPU a part has about 16 images of 28 x 28. On other devices the batch is not cut.

    Args:
      examples: number of examples of the device.
      pixels: pixels per image; 0 disables cutting.
      most: limit; None for no limit.
    """
    wanted = -(-examples * pixels // PIXELS_PER_CPU_PART) if jax.default_backend() == "cpu" else 1
    wanted = min(max(wanted, 1), examples if most is None else most)
    return max((count for count in range(1, wanted + 1) if examples % count == 0), default=1)


def sum_over_parts(function: Callable[[PyTree], PyTree], batch: PyTree, pixels: int) -> PyTree:
    """Applies a function to the parts of a batch and sums the results.

    Use it for sums over examples, which do not depend on how the batch is cut.

    Args:
      function: part of the batch -> tree of arrays, whose shapes are the same for every part.
      batch: arrays [examples, ...].
      pixels: pixels per example, see `part_count`.
    """
    function = jax.jit(function)  # traced once for all parts
    parts, in_loop = _cut(function, batch, pixels)
    if len(parts) == 1:
        return function(parts[0])
    if in_loop:
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(function, parts[0]))
        stacked = jax.tree.map(lambda x: x.reshape(len(parts), -1, *x.shape[1:]), batch)
        total, _ = jax.lax.scan(lambda total, part: (_add(total, function(part)), None), zeros, stacked)
        return total
    total = function(parts[0])
    for part in parts[1:]:
        # Without the barrier XLA would work on several parts at a time, and none would stay in the cache.
        part, total = jax.lax.optimization_barrier((part, total))
        total = _add(total, function(part))
    return total


def map_parts(function: Callable[[Array], Array], examples: Array, pixels: int) -> Array:
    """Applies a function to the parts of some examples and joins the results.

    Args:
      function: examples [n, ...] -> results [n, ...]; each result depends on its own example only.
      examples: [examples, ...].
      pixels: pixels per example, see `part_count`.
    """
    function = jax.jit(function)
    parts, in_loop = _cut(function, examples, pixels)
    if len(parts) == 1:
        return function(parts[0])
    if in_loop:
        results = jax.lax.map(function, examples.reshape(len(parts), -1, *examples.shape[1:]))
        return results.reshape(len(examples), *results.shape[2:])
    joined = [function(parts[0])]
    for part in parts[1:]:
        part, joined[-1] = jax.lax.optimization_barrier((part, joined[-1]))
        joined.append(function(part))
    return jnp.concatenate(joined)


def _cut(function: Callable[[PyTree], PyTree], batch: PyTree, pixels: int) -> tuple[list[PyTree], bool]:
    """The parts of a batch, and whether they can run in a loop."""
    examples = len(jax.tree.leaves(batch)[0])

    def cut(count: int) -> list[PyTree]:
        size = examples // count
        return [jax.tree.map(lambda x, i=i: x[i * size : (i + 1) * size], batch) for i in range(count)]

    count = part_count(examples, pixels)
    if count == 1:
        return [batch], False
    first = jax.tree.map(lambda x: x[: examples // count], batch)
    if _runs_in_loops(jax.make_jaxpr(function)(first).jaxpr):
        return cut(count), True
    return cut(part_count(examples, pixels, MOST_UNROLLED)), False


def _runs_in_loops(jaxpr: Any) -> bool:
    """Whether a computation is as fast inside a loop as outside.

    XLA computes the gradient of one of its own convolutions up to 80 times more slowly inside a loop on a CPU.
    aeden's convolutions (`aeden.nn.passes`) do not have this problem.
    """
    for equation in jaxpr.eqns:
        if equation.primitive.name == "conv_general_dilated":
            return False
        for value in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda x: hasattr(x, "eqns")):
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns") and not _runs_in_loops(inner):
                return False
    return True


def _add(total: PyTree, more: PyTree) -> PyTree:
    return jax.tree.map(jnp.add, total, more)
