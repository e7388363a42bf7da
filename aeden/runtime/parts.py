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
    if in_loop:
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(function, _part(parts, 0)))
        total, _ = jax.lax.scan(lambda total, part: (_add(total, function(part)), None), zeros, parts)
        return total
    total = function(_part(parts, 0))
    for i in range(1, _length(parts)):
        # Without the barrier XLA would work on several parts at a time, and none would stay in the cache.
        part, total = jax.lax.optimization_barrier((_part(parts, i), total))
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
    if in_loop:
        results = jax.lax.map(function, parts)
        return results.reshape(len(examples), *results.shape[2:])
    joined = [function(_part(parts, 0))]
    for i in range(1, len(parts)):
        part, joined[-1] = jax.lax.optimization_barrier((_part(parts, i), joined[-1]))
        joined.append(function(part))
    return jnp.concatenate(joined)


def _cut(function: Callable[[PyTree], PyTree], batch: PyTree, pixels: int) -> tuple[PyTree, bool]:
    """The parts of a batch, as arrays [parts, examples of a part, ...], and whether they are to run in a loop."""
    examples = _length(batch)

    def cut(count: int) -> PyTree:
        return jax.tree.map(lambda x: x.reshape(count, examples // count, *x.shape[1:]), batch)

    count = part_count(examples, pixels)
    parts = cut(count)
    if count == 1:
        return parts, False
    if _runs_in_loops(jax.make_jaxpr(function)(_part(parts, 0)).jaxpr):
        return parts, True
    return cut(part_count(examples, pixels, MOST_UNROLLED)), False


def _part(parts: PyTree, i: int) -> PyTree:
    return jax.tree.map(lambda x: x[i], parts)


def _length(tree: PyTree) -> int:
    """Length of the first axis of the arrays of a tree."""
    return len(jax.tree.leaves(tree)[0])


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
