"""Devices and processes: how many, how batches are dealt out to them, and the only pmap.

The state of a run is one global array a leaf, the same on every device; batches are split along their examples.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from aeden.runtime.processes import cores
from aeden.shapes import Array, PyTree

AXIS = "devices"
# Fewer examples than this a device, and a CPU device spends its time on overhead.
EXAMPLES_PER_CPU_DEVICE = 32
# What a CPU device takes at once: 16 images of 28 x 28, whose features at 32 channels (1.6 MB a layer) a cache holds.
PIXELS_PER_CPU_PART = 16 * 28 * 28
MOST_PARTS = 8


def configure(batch_size: int, compilation_cache: Path | None, devices: int = 0) -> None:
    """Sets JAX up for this machine. To be called once, before the first array is made.

    On a CPU it makes one XLA device a core, since a convolution's own threads scale badly, but never a device for
    fewer than 32 examples, and always a number that divides the batch.

    Args:
      batch_size: examples a step, over all devices.
      compilation_cache: folder for compiled programs, shared by all runs; None for no cache.
      devices: CPU devices to make; 0 chooses.

    Raises:
      ValueError: the number of devices does not divide the batch.
    """
    count = devices or cpu_device_count(batch_size, cores())
    jax.config.update("jax_num_cpu_devices", count)
    # Several CPU devices with many programs in flight wait for each other for ever: run one at a time.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    if compilation_cache is not None:
        jax.config.update("jax_compilation_cache_dir", str(compilation_cache))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    check_divides(batch_size)


def cpu_device_count(batch_size: int, cores: int) -> int:
    """The most CPU devices, up to the cores, that divide the batch into shares of 32 examples or more."""
    most = max(1, min(cores, batch_size // EXAMPLES_PER_CPU_DEVICE))
    return max(count for count in range(1, most + 1) if batch_size % count == 0)


def check_divides(batch_size: int) -> None:
    """Refuses a batch that the devices cannot share evenly.

    Raises:
      ValueError: naming both numbers.
    """
    if batch_size % jax.device_count():
        raise ValueError(
            f"batch_size {batch_size} cannot be shared evenly by {jax.device_count()} devices: use a multiple of it"
        )


def runs_in_step() -> bool:
    """Whether a call to the devices returns only when they have finished, as on CPUs (see `configure`)."""
    return jax.default_backend() == "cpu"


def steps_per_dispatch() -> int:
    """How many steps a call to the devices had best take.

    On a CPU a step inside a loop is some ten times slower; elsewhere a call costs more than a small step.
    """
    return 1 if runs_in_step() else 50


def is_primary() -> bool:
    """Whether this process is the one that writes files."""
    return jax.process_index() == 0


def any_process(flag: bool) -> bool:
    """Whether the flag is set in any process: all of them get the same answer. Every process must ask."""
    if jax.process_count() == 1:
        return flag
    from jax.experimental import multihost_utils

    return bool(multihost_utils.process_allgather(np.array(flag)).any())


def replicate(tree: PyTree) -> PyTree:
    """Puts a copy of every leaf on every device, as one global array a leaf."""
    return jax.device_put(tree, replicated_sharding())


def split_sharding() -> NamedSharding:
    """The sharding of what has a leading axis for the devices."""
    return NamedSharding(Mesh(np.asarray(jax.devices()), (AXIS,)), PartitionSpec(AXIS))


def replicated_sharding() -> NamedSharding:
    """The sharding of a state: the same on every device of every process."""
    return NamedSharding(Mesh(np.asarray(jax.devices()), (AXIS,)), PartitionSpec())


def as_global(tree: PyTree) -> PyTree:
    """A state that came out of a pmap, as global arrays without a copy.

    In a run of several processes a pmap returns arrays that know of their own process only, and Orbax refuses them.
    """
    if jax.process_count() == 1:
        return tree
    sharding = replicated_sharding()

    def one(x: jax.Array) -> jax.Array:
        return jax.make_array_from_single_device_arrays(x.shape, sharding, [part.data for part in x.addressable_shards])

    return jax.tree.map(one, tree)


def deal(batches: PyTree) -> PyTree:
    """This process's share of batches, a leading axis for its devices.

    [steps, batch, ...] -> [steps, local devices, batch / all devices, ...]: consecutive examples go to one device.
    """
    local, processes, index = jax.local_device_count(), jax.process_count(), jax.process_index()

    def split(x: np.ndarray) -> np.ndarray:
        share = x.shape[1] // processes
        mine = x[:, index * share : (index + 1) * share]
        return mine.reshape(x.shape[0], local, share // local, *x.shape[2:])

    return jax.tree.map(split, batches)


def pmap_steps(step: Callable[[PyTree, PyTree], tuple[PyTree, PyTree]]) -> Callable[..., tuple[PyTree, PyTree]]:
    """Compiles (state, batch) -> (state, metrics) to run over all devices, one step after the other in one dispatch.

    `step` sees one device's share of a batch and reduces over `AXIS` itself (`sum_over_devices`), so that what it
    returns is the same on every device. The result takes batches dealt by `deal` and returns the metrics stacked.
    """

    def steps(state: PyTree, batches: PyTree) -> tuple[PyTree, PyTree]:
        # A convolution inside a loop is some ten times slower on a CPU: a single step is not looped over.
        if jax.tree.leaves(batches)[0].shape[0] > 1:
            return jax.lax.scan(step, state, batches)
        state, metrics = step(state, jax.tree.map(lambda x: x[0], batches))
        return state, jax.tree.map(lambda x: x[None], metrics)

    return jax.pmap(steps, AXIS, in_axes=(None, 1), out_axes=(None, None), donate_argnums=(0,))


def pmap_sums(sums: Callable[[PyTree, PyTree], PyTree]) -> Callable[[PyTree, PyTree], PyTree]:
    """Compiles (state, batch) -> sums over the device's examples into the sums over all devices' examples.

    The result takes batches dealt by `deal`, one step at a time.
    """

    def total(state: PyTree, batches: PyTree) -> PyTree:
        return sum_over_devices(sums(state, jax.tree.map(lambda x: x[0], batches)))

    return jax.pmap(total, AXIS, in_axes=(None, 1), out_axes=None)


def sum_over_parts(function: Callable[[PyTree], PyTree], batch: PyTree, count: int) -> PyTree:
    """Calls a function on one part of a device's share of a batch after the other, and sums the results.

    What a forward pass leaves behind is then still in a cache when the backward pass wants it. It is for sums over
    examples, which do not depend on the cut.

    Args:
      function: part of the batch -> tree of arrays, of one shape for every part.
      batch: arrays [examples, ...].
      count: into how many equal parts to cut it, see `part_count`.
    """
    total = None
    for i in range(count):
        part = jax.tree.map(lambda x, i=i: x[i * len(x) // count : (i + 1) * len(x) // count], batch)
        if total is not None:
            # Otherwise XLA would work at several parts at a time, and none would stay in the cache.
            part, total = jax.lax.optimization_barrier((part, total))
        result = function(part)
        total = result if total is None else jax.tree.map(jnp.add, total, result)
    return total


def part_count(examples: int, pixels: int) -> int:
    """Into how many equal parts to cut a device's share of images of so many pixels.

    On a CPU a part is some 16 images of 28 x 28; each part more is compiled, so there are never more than 8. Elsewhere
    the share is one part.
    """
    wanted = -(-examples * pixels // PIXELS_PER_CPU_PART) if jax.default_backend() == "cpu" else 1
    wanted = min(max(wanted, 1), MOST_PARTS)
    return max(count for count in range(1, wanted + 1) if examples % count == 0)


def map_examples(
    function: Callable[[PyTree, Array], Array], params: PyTree, pixels: int = 0
) -> Callable[[np.ndarray], np.ndarray]:
    """Compiles (params, examples) -> results, an example a result, for this process: NumPy in, NumPy out.

    Args:
      function: params, examples [n, ...] -> results [n, ...], each result of its own example alone.
      params: its parameters.
      pixels: of an example, where a device is to take its share in parts, see `part_count`; 0 for the share at once.
    """
    return make_mapper(function, pixels)(params)


def make_mapper(
    function: Callable[[PyTree, Array], Array], pixels: int = 0
) -> Callable[[PyTree], Callable[[np.ndarray], np.ndarray]]:
    """`map_examples` for parameters that change: params -> (examples -> results), compiled once.

    Many examples are spread over the local devices, padded to a multiple of them; few are one device's work.
    """
    devices = jax.local_devices()

    def in_parts(params: PyTree, examples: Array) -> Array:
        results: list[Array] = []
        for part in jnp.split(examples, part_count(len(examples), pixels)):
            if results:
                part, results[-1] = jax.lax.optimization_barrier((part, results[-1]))
            results.append(function(params, part))
        return jnp.concatenate(results)

    alone, mapped = jax.jit(in_parts), jax.pmap(in_parts, AXIS, in_axes=(None, 0), devices=devices)

    def bind(params: PyTree) -> Callable[[np.ndarray], np.ndarray]:
        here = jax.device_put(params, devices[0])
        everywhere = jax.device_put(params, NamedSharding(Mesh(np.asarray(devices), (AXIS,)), PartitionSpec()))

        def apply(examples: np.ndarray) -> np.ndarray:
            count = len(examples)
            if len(devices) == 1 or count < EXAMPLES_PER_CPU_DEVICE * len(devices):
                return np.asarray(alone(here, examples))
            padding = np.zeros((-count % len(devices), *examples.shape[1:]), examples.dtype)
            whole = np.concatenate([examples, padding]) if len(padding) else examples
            results = np.asarray(mapped(everywhere, whole.reshape(len(devices), -1, *examples.shape[1:])))
            return results.reshape(len(whole), *results.shape[2:])[:count]

        return apply

    return bind


def sum_over_devices(tree: PyTree) -> PyTree:
    """Sums every leaf over the devices, inside a mapped step."""
    return jax.lax.psum(tree, AXIS)
