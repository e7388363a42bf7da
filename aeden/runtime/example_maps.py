"""Functions of single examples, such as the restoration of an image, on the devices of this process."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from aeden.runtime import devices
from aeden.runtime.parts import map_parts
from aeden.shapes import Array, PyTree


def map_examples(
    function: Callable[[PyTree, Array], Array], params: PyTree, pixels: int = 0
) -> Callable[[np.ndarray], np.ndarray]:
    """Compiles a function of examples for the devices of this process: NumPy arrays in, NumPy arrays out.

    Args:
      function: params, examples [n, ...] -> results [n, ...]; each result depends on its own example only.
      params: the parameters of the function.
      pixels: pixels per example, see `aeden.runtime.parts.part_count`; 0 disables cutting.
    """
    return make_mapper(function, pixels)(params)


def make_mapper(
    function: Callable[[PyTree, Array], Array], pixels: int = 0
) -> Callable[[PyTree], Callable[[np.ndarray], np.ndarray]]:
    """`map_examples` for parameters that change: params -> (examples -> results), compiled once.

    Many examples are divided among the devices of this process, padded to a multiple of their number. A few examples
    run on one device.
    """
    local = jax.local_devices()

    def in_parts(params: PyTree, examples: Array) -> Array:
        return map_parts(functools.partial(function, params), examples, pixels)

    on_one = jax.jit(in_parts)
    on_all = jax.pmap(in_parts, devices.AXIS, in_axes=(None, 0), devices=local)

    def bind(params: PyTree) -> Callable[[np.ndarray], np.ndarray]:
        copies = NamedSharding(Mesh(np.asarray(local), (devices.AXIS,)), PartitionSpec())
        return functools.partial(
            _map_on_devices,
            functools.partial(on_one, jax.device_put(params, local[0])),
            functools.partial(on_all, jax.device_put(params, copies)),
            len(local),
        )

    return bind


def _map_on_devices(
    on_one: Callable[[np.ndarray], Array],
    on_all: Callable[[np.ndarray], Array],
    device_count: int,
    examples: np.ndarray,
) -> np.ndarray:
    """Maps examples [n, ...] to results [n, ...], on one device or on all.

    Args:
      on_one: examples [n, ...] -> results [n, ...], on one device.
      on_all: examples [devices, n, ...] -> results [devices, n, ...], on all devices.
      device_count: number of devices.
      examples: the examples.
    """
    count = len(examples)
    if device_count == 1 or count < devices.EXAMPLES_PER_CPU_DEVICE * device_count:
        return np.asarray(on_one(examples))
    padding = np.zeros((-count % device_count, *examples.shape[1:]), examples.dtype)
    padded = np.concatenate([examples, padding]) if len(padding) else examples
    results = np.asarray(on_all(padded.reshape(device_count, -1, *examples.shape[1:])))
    return results.reshape(len(padded), *results.shape[2:])[:count]
