"""Evaluation over a whole split: means of metrics, or the output for every image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from aeden.data.batches import evaluation_batches, to_unit
from aeden.data.crops import WholeImages
from aeden.data.splits import Batch, Split
from aeden.runtime import devices, example_maps, many_states
from aeden.runtime.parts import sum_over_parts
from aeden.shapes import Array, PyTree

EVALUATION_BATCH = 256


def make_means(
    sums: Callable[[PyTree, PyTree], PyTree], pixels: Callable[[tuple[int, ...]], int] = lambda shape: 0
) -> Callable[..., PyTree]:
    """Compiles means over a split; for images of several sizes, once per size.

    Args:
      sums: (parameters, batch of `evaluation_batches`) -> sums over the examples that the mask marks.
      pixels: shape of an image -> pixels per image for splitting a batch (`aeden.runtime.parts`); 0 to not split.

    Returns:
      (parameters, split, change) -> the same tree with means over the split. `change`, which may be left out,
      is a function that changes each batch before its sums are taken.
    """
    size = -(-EVALUATION_BATCH // jax.device_count()) * jax.device_count()

    def count_and_sums(params: PyTree, batch: PyTree) -> PyTree:
        def of_part(part: PyTree) -> PyTree:
            return jnp.sum(part["mask"]), sums(params, part)

        return sum_over_parts(of_part, batch, pixels(batch["image"].shape[1:]))

    mapped = devices.pmap_sums(count_and_sums)

    def means(
        params: PyTree, split: Split | WholeImages, change: Callable[[Batch], Batch] = lambda batch: batch
    ) -> PyTree:
        batches = map(change, evaluation_batches(split, size))
        return _mean([devices.fetch(mapped(params, devices.deal(batch))) for batch in batches])

    return means


def make_means_of_states(
    sums: Callable[[PyTree, PyTree, PyTree], PyTree], pixels: Callable[[tuple[int, ...]], int] = lambda shape: 0
) -> Callable[[PyTree, Sequence[PyTree], Split], list[PyTree]]:
    """Compiles means over a split for several states in one program (`aeden.runtime.many_states`).

    Args:
      sums: (parameters, batch, what a state has for itself) -> sums over the examples that the mask marks.
      pixels: see `make_means`.

    Returns:
      (parameters by `many_states.stack`, what each state has for itself, split) -> the means of each state.
    """
    size = -(-EVALUATION_BATCH // jax.device_count()) * jax.device_count()

    def count_and_sums(params: PyTree, batch: PyTree, own: PyTree) -> PyTree:
        def of_part(part: PyTree) -> PyTree:
            return jnp.sum(part["mask"]), sums(params, part, own)

        return sum_over_parts(of_part, batch, pixels(batch["image"].shape[1:]))

    programs: dict[int, Callable[..., PyTree]] = {}

    def means(params: PyTree, own: Sequence[PyTree], split: Split) -> list[PyTree]:
        if len(own) not in programs:
            programs[len(own)] = many_states.pmap_state_sums(count_and_sums, len(own))
        mapped, stacked = programs[len(own)], many_states.stack(own)
        batches = (jax.tree.map(lambda x: x[0], batch) for batch in evaluation_batches(split, size))
        parts = [many_states.unstack(mapped(params, batch, stacked)) for batch in batches]
        return [_mean([part[i] for part in parts]) for i in range(len(own))]

    return means


def _mean(parts: Sequence[PyTree]) -> PyTree:
    """Means from (number of examples, sums over them) of each batch."""
    # In float64 from here: float32 sums of ten thousand values would lose digits.
    count, totals = jax.tree.map(lambda *x: np.sum(np.asarray(x, np.float64), axis=0), *parts)
    return jax.tree.map(lambda x: float(x / count) if x.ndim == 0 else x / count, totals)


def map_split(function: Callable[[PyTree, Array], Array], params: PyTree, split: Split, pixels: int = 0) -> np.ndarray:
    """The output of a function for every image of a split, e.g. the logits: [n, ...].

    Args:
      function: (params, images [b, h, w, c] in [0, 1]) -> [b, ...].
      params: its parameters.
      split: the images.
      pixels: see `example_maps.map_examples`.
    """
    return in_batches(
        example_maps.map_examples(lambda p, images: function(p, to_unit(images)), params, pixels), split.images
    )


def in_batches(apply: Callable[[np.ndarray], np.ndarray], examples: np.ndarray) -> np.ndarray:
    """The output of a compiled function for many examples, computed in batches that fit in memory: [n, ...]."""
    starts = range(0, len(examples), EVALUATION_BATCH)
    return np.concatenate([apply(np.asarray(examples[start : start + EVALUATION_BATCH])) for start in starts])
