"""Devices: their number, how batches are divided among them, and pmap (`many_states.py` and `example_maps.py` too).

The state of a run is a tree of global arrays, each with a full copy on every device. Batches are split along their
examples.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from aeden.runtime.distributed import meeting, turns
from aeden.runtime.processes import cores
from aeden.shapes import PyTree

AXIS = "devices"
# With fewer examples per device than this, overhead dominates the time of a CPU device.
EXAMPLES_PER_CPU_DEVICE = 32


def configure(batch_size: int, compilation_cache: Path | None, devices: int = 0) -> None:
    """Sets JAX up for this machine. Call it once, before the first array is created.

    On a CPU it creates one XLA device per core, because the threads within a convolution scale badly; or fewer, so that
    they divide the batch and each gets at least 32 examples.

    Args:
      batch_size: examples per step, over all devices.
      compilation_cache: folder for compiled programs, shared by all runs; None for no cache.
      devices: number of CPU devices; 0 chooses it as described.

    Raises:
      ValueError: the number of devices does not divide the batch.
    """
    count = devices or cpu_device_count(batch_size, cores())
    jax.config.update("jax_num_cpu_devices", count)
    # With many programs in flight, several CPU devices can wait for each other forever: run one program at a time.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    if compilation_cache is not None:
        keep_programs(compilation_cache)
    check_divides(batch_size)


def keep_programs(folder: Path) -> None:
    """Keeps every compiled program in a folder, however small it is and however quickly it was compiled."""
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def cpu_device_count(batch_size: int, core_count: int, examples: int = EXAMPLES_PER_CPU_DEVICE) -> int:
    """The largest number of CPU devices, up to one per core, that divides the batch into parts of `examples` or more.

    It is 1 if there is no such number.
    """
    most = max(1, min(core_count, batch_size // examples))
    return max(count for count in range(1, most + 1) if batch_size % count == 0)


def check_divides(batch_size: int) -> None:
    """Refuses a batch that cannot be divided evenly among the devices.

    Raises:
      ValueError: naming the batch size and the number of devices.
    """
    if batch_size % jax.device_count():
        raise ValueError(
            f"batch_size {batch_size} cannot be shared evenly by {jax.device_count()} devices: use a multiple of it"
        )


def runs_in_step() -> bool:
    """Whether a call to the devices returns only after they have finished, as on CPUs (see `configure`)."""
    return jax.default_backend() == "cpu"


def steps_per_dispatch() -> int:
    """The recommended number of steps per call to the devices.

    On a CPU a call costs little, and XLA's own convolutions are slow inside a loop (`aeden.runtime.parts`). Elsewhere a
    call costs more time than a small step.
    """
    return 1 if runs_in_step() else 50


def is_primary() -> bool:
    """Whether this process is the one that writes files."""
    return jax.process_index() == 0


def fetch(tree: PyTree) -> PyTree:
    """The arrays of a tree as NumPy arrays. It waits until they are computed, together with the other processes."""
    with turns.waiting():
        return jax.device_get(tree)


def replicate(tree: PyTree) -> PyTree:
    """Copies every leaf to every device, as one global array per leaf.

    Args:
      tree: arrays with the same values in every process.
    """
    sharding = replicated_sharding()
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)

    # Between processes device_put compares the values, by a collective: on CPUs it gives up after 30 s, and a process
    # whose machine is busy comes later than that. What decides the values has been compared before.
    def one(x: jax.Array) -> jax.Array:
        copies = [jax.device_put(x, device) for device in jax.local_devices()]
        return jax.make_array_from_single_device_arrays(x.shape, sharding, copies)

    return jax.tree.map(one, as_local(tree))


def split_sharding() -> NamedSharding:
    """The sharding of arrays whose leading axis is divided among the devices."""
    return NamedSharding(Mesh(np.asarray(jax.devices()), (AXIS,)), PartitionSpec(AXIS))


def replicated_sharding() -> NamedSharding:
    """The sharding of a state: a full copy on every device of every process."""
    return NamedSharding(Mesh(np.asarray(jax.devices()), (AXIS,)), PartitionSpec())


def as_global(tree: PyTree) -> PyTree:
    """Turns the state returned by a pmap into global arrays, without copying.

    In a run of several processes, pmap returns arrays that cover only the devices of their own process, and Orbax
    refuses such arrays.
    """
    if jax.process_count() == 1:
        return tree
    sharding = replicated_sharding()

    def one(x: jax.Array) -> jax.Array:
        return jax.make_array_from_single_device_arrays(x.shape, sharding, [part.data for part in x.addressable_shards])

    return jax.tree.map(one, tree)


def as_local(tree: PyTree) -> PyTree:
    """A state as arrays of this process. What Orbax restores in a run of several processes is spread over all of them.

    Args:
      tree: arrays that are the same on every device.
    """
    return jax.tree.map(lambda x: x if x.is_fully_addressable else x.addressable_data(0), tree)


def deal(batches: PyTree) -> PyTree:
    """Divides this process's share of batches among its devices.

    [steps, share, ...] -> [steps, local devices, share / local devices, ...], where `share` is the number of examples
    of one process, as in the batches of `aeden.data.batches`. Consecutive examples go to the same device.
    """
    local = jax.local_device_count()
    return jax.tree.map(lambda x: x.reshape(x.shape[0], local, x.shape[1] // local, *x.shape[2:]), batches)


def pmap_steps(step: Callable[..., tuple[PyTree, PyTree]]) -> Callable[..., tuple[PyTree, PyTree]]:
    """Compiles (state, batch, *rest) -> (state, metrics) into a function that takes several steps on all devices.

    `step` gets one device's part of a batch and itself reduces over `AXIS` (`sum_over_devices`), so that it returns
    the same values on every device. The compiled function takes (state, batches divided by `deal`, *rest) and returns
    the new state and the metrics of all steps, stacked. It reuses the memory of the state that is passed in. What
    differs between runs, such as their key, goes into `rest`: as a constant it would make each compile anew.
    """

    def steps(state: PyTree, batches: PyTree, rest: tuple[PyTree, ...]) -> tuple[PyTree, PyTree]:
        return several_steps(lambda state, batch: step(state, batch, *rest), state, batches)

    mapped = jax.pmap(steps, AXIS, in_axes=(None, 1, None), out_axes=(None, None), donate_argnums=(0,))
    compiled = _compiled_by_all(mapped)
    return lambda state, batches, *rest: compiled(state, batches, rest)


def several_steps(
    step: Callable[[PyTree, PyTree], tuple[PyTree, PyTree]], state: PyTree, batches: PyTree
) -> tuple[PyTree, PyTree]:
    """Takes one step per batch: the new state, and the metrics of all steps, stacked.

    Args:
      step: (state, batch) -> (state, metrics).
      state: the state before.
      batches: arrays [steps, ...].
    """
    # XLA's own convolutions are slow inside a loop on a CPU, so a single step runs without a loop.
    if jax.tree.leaves(batches)[0].shape[0] > 1:
        return jax.lax.scan(step, state, batches)
    state, metrics = step(state, jax.tree.map(lambda x: x[0], batches))
    return state, jax.tree.map(lambda x: x[None], metrics)


def pmap_sums(sums: Callable[[PyTree, PyTree], PyTree]) -> Callable[[PyTree, PyTree], PyTree]:
    """Compiles (state, batch) -> sums over one device's examples into the sums over the examples of all devices.

    The compiled function takes batches divided by `deal`, one step at a time.
    """

    def total(state: PyTree, batches: PyTree) -> PyTree:
        return sum_over_devices(sums(state, jax.tree.map(lambda x: x[0], batches)))

    return _compiled_by_all(jax.pmap(total, AXIS, in_axes=(None, 1), out_axes=None))


def _compiled_by_all(mapped: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """In a run of several processes: compiles, waits until all have compiled, and only then runs.

    The collectives of CPUs give up after 30 s, and one process can compile for much longer than another, which finds
    the program in its cache.
    """
    if jax.process_count() == 1:
        return mapped
    compiled: set[PyTree] = set()

    def run(*arguments: PyTree) -> PyTree:
        leaves, structure = jax.tree.flatten(arguments)
        kind = structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)
        if kind not in compiled:
            mapped.lower(*arguments).compile()  # type: ignore[attr-defined] # JAX keeps it for the call
            meeting.meet("the program is compiled")
            compiled.add(kind)
        with turns.collective():
            return mapped(*arguments)

    return run


def sum_over_devices(tree: PyTree) -> PyTree:
    """Sums every leaf over the devices, inside a mapped step."""
    return jax.lax.psum(tree, AXIS)
