"""Several states of one training in one program: a step of all of them is one call to the devices.

The states are dealt over the devices of this process. Each has whole batches on one device, so nothing is summed over
devices. Trees of several states have two axes in front: [devices, states of a device, ...].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from aeden.runtime import devices
from aeden.shapes import PyTree

AXIS = "states"
# How a device works on its states: all at once, or one after the other.
WAYS = ("vmap", "map")


def device_count(states: int) -> int:
    """The largest number of devices of this process that divides a number of states."""
    return max(count for count in range(1, jax.local_device_count() + 1) if states % count == 0)


def stack(trees: Sequence[PyTree]) -> PyTree:
    """Trees of arrays [...], one per state -> one tree of NumPy arrays [devices, states of a device, ...]."""
    count = device_count(len(trees))

    def one(*leaves: Any) -> np.ndarray:
        stacked = np.stack(leaves)
        return stacked.reshape(count, len(leaves) // count, *stacked.shape[1:])

    return jax.tree.map(one, *jax.device_get(list(trees)))


def unstack(tree: PyTree) -> list[PyTree]:
    """The trees of NumPy arrays that `stack` has stacked."""
    tree = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), jax.device_get(tree))
    return [jax.tree.map(lambda x, i=i: x[i], tree) for i in range(len(jax.tree.leaves(tree)[0]))]


def deal(batches: Sequence[PyTree]) -> PyTree:
    """The batches of each state, [steps, examples, ...] -> [devices, steps, states of a device, examples, ...]."""
    return jax.tree.map(lambda x: np.moveaxis(x, 1, 2), stack(batches))


def on_devices(tree: PyTree) -> PyTree:
    """Sends what `stack` or `deal` return to the devices that work on it; leaves what is there.

    A program is compiled anew for arrays that lie elsewhere, as NumPy's do.
    """
    count = len(jax.tree.leaves(tree)[0])
    mesh = Mesh(np.asarray(jax.local_devices()[:count]), (AXIS,))
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec(AXIS)))


def pmap_state_steps(
    step: Callable[[PyTree, PyTree, PyTree], tuple[PyTree, PyTree]], states: int, way: str = "vmap"
) -> Callable[[PyTree, PyTree, PyTree], tuple[PyTree, PyTree]]:
    """Compiles (state, batch, own) -> (state, metrics) into a function that runs several steps of several states.

    Args:
      step: as for `devices.pmap_steps`; `own` is what each state has for itself besides its batches, such as its key.
      states: number of states.
      way: how a device works on its states, one of `WAYS`.

    Returns:
      (states by `stack`, batches by `deal`, what each has for itself by `stack`) -> (the new states, metrics as arrays
      [devices, steps, states of a device]). It reuses the memory of the states that are passed in.
    """
    each = _over_states(_alone(step), way)

    def steps(all_states: PyTree, batches: PyTree, own: PyTree) -> tuple[PyTree, PyTree]:
        return devices.several_steps(lambda states, batch: each(states, batch, own), all_states, batches)

    mapped = jax.pmap(steps, AXIS, devices=jax.local_devices()[: device_count(states)], donate_argnums=(0,))
    return lambda *arguments: mapped(*map(on_devices, arguments))


def pmap_state_sums(sums: Callable[[PyTree, PyTree, PyTree], PyTree], states: int) -> Callable[..., PyTree]:
    """Compiles (state, batch, own) -> sums over the examples of a batch into the sums of several states.

    Returns:
      (states by `stack`, one batch [examples, ...] for all, what each has for itself by `stack`) -> sums
      [devices, states of a device, ...].
    """
    each = jax.vmap(_alone(sums), in_axes=(0, None, 0))
    mapped = jax.pmap(each, AXIS, in_axes=(0, None, 0), devices=jax.local_devices()[: device_count(states)])
    return lambda all_states, batch, own: mapped(on_devices(all_states), batch, on_devices(own))


def _over_states(function: Callable[..., PyTree], way: str) -> Callable[..., PyTree]:
    if way == "vmap":
        return jax.vmap(function)
    return lambda *arguments: jax.lax.map(lambda one: function(*one), arguments)


def _alone(function: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """The function on a single device: sums over the devices (`devices.sum_over_devices`) are those of one.

    It names an axis of length 1 over which nothing varies, so that nothing is computed differently.
    """

    def named(*arguments: PyTree) -> PyTree:
        return jax.vmap(lambda _: function(*arguments), out_axes=None, axis_name=devices.AXIS)(jnp.zeros(1))

    return named
