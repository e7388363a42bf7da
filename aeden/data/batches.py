"""Batches from the images of a split: training batches by step number, evaluation batches, scaling to [0, 1].

A batch is {image: uint8 [b, h, w, c], index: int32 [b], mask: bool [b]}, plus label: int32 [b] if there are labels,
pixel_label: uint8 [b, h, w] if each pixel has one, and noisy: uint8 [b, h, w, c] if the data have noisy versions of the
images. `index` is the position of an example in its
split. Every batch of a split has the same size, except in an evaluation of images of several sizes: the last one is
padded, and `mask` is true for the real examples.

In a run of several processes every process computes the same order of examples, but gathers only its own share of
each batch: a block of consecutive examples, the first block for process 0. `aeden.runtime.devices.deal` then splits
the share among the devices of the process.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from aeden.data.crops import CropSplit, WholeImages
from aeden.data.splits import Batch, Split
from aeden.random_keys import STREAMS, Stream
from aeden.shapes import Array, Float, UInt8


class TrainBatches:
    """The training batches by step number. Each epoch visits every example once, in a new random order.

    The order of an epoch depends only on the seed, the phase of the run and the epoch, so a run can start at any step.
    Where the examples are crops, their positions depend on these and the number of the example.

    Attributes:
      split: the training split.
      batch_size: examples per step, over all processes.
      steps_per_epoch: steps per pass over the split; the last batch of an epoch may be padded.

    Args:
      split, batch_size: see above.
      seed: seed of the run.
      phase: number of the training within a run of several; each phase has its own orders.
      process, process_count: see `process_share`.

    Raises:
      ValueError: the split is empty.
    """

    def __init__(
        self,
        split: Split | CropSplit,
        batch_size: int,
        seed: int,
        phase: int = 0,
        process: int | None = None,
        process_count: int | None = None,
    ):
        if not len(split):
            raise ValueError("the training split is empty")
        self.split, self.batch_size, self._seed, self._phase = split, batch_size, seed, phase
        self.steps_per_epoch = -(-len(split) // batch_size)
        self._process, self._process_count = process, process_count
        # The epoch of the last batch, its order, and the examples as it sees them.
        self._epoch: tuple[int, np.ndarray, Split | CropSplit] = (-1, np.empty(0, np.int64), split)

    def at(self, step: int, count: int = 1) -> Batch:
        """This process's share of the batches of steps `step` to `step + count - 1`: [count, share, ...].

        Raises:
          ValueError: the processes cannot share the batch evenly.
        """
        # Asked here and not in __init__, because the first question about processes starts JAX.
        share = process_share(self.batch_size, self._process, self._process_count)
        batches = [self._batch(s, share) for s in range(step, step + count)]
        return {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}

    def examples(self, step: int) -> int:
        """The number of examples that the first `step` steps use, over all processes, without padding."""
        epochs, rest = divmod(step, self.steps_per_epoch)
        return epochs * len(self.split) + rest * self.batch_size

    def _batch(self, step: int, share: slice) -> Batch:
        epoch, position = divmod(step, self.steps_per_epoch)
        if self._epoch[0] != epoch:
            order = np.random.default_rng(self._seed_of(Stream.ORDER, epoch)).permutation(len(self.split))
            self._epoch = (epoch, order, self.split.drawn(self._seed_of(Stream.CROPS, epoch)))
        _, order, split = self._epoch
        start = position * self.batch_size
        return _gather(split, order[start : start + self.batch_size], share)

    def _seed_of(self, stream: Stream, epoch: int) -> tuple[int, int, int]:
        """The seed of what is drawn once per epoch."""
        return self._seed, STREAMS * self._phase + int(stream), epoch


def evaluation_batches(
    split: Split | WholeImages, batch_size: int, process: int | None = None, process_count: int | None = None
) -> Iterator[Batch]:
    """This process's share of the batches of a whole split, each as a stack of one step: [1, share, ...].

    Args:
      split: the examples, which are taken in order; those of one size after the other, if they differ in size.
      batch_size: examples per batch, over all processes; at most, if they differ in size.
      process, process_count: see `process_share`.

    Raises:
      ValueError: the processes cannot share the batch evenly.
    """
    process_share(batch_size, process, process_count)  # refuses what cannot be shared
    multiple = math.lcm(jax.device_count(), process_count or 1)
    for examples, index, size in split.evaluation_order(batch_size, multiple):
        batch = _gather(examples, index, process_share(size, process, process_count))
        yield {name: value[None] for name, value in batch.items()}


def process_share(batch_size: int, process: int | None = None, process_count: int | None = None) -> slice:
    """The positions within a batch that belong to one process.

    Args:
      batch_size: examples per batch, over all processes.
      process: index of the process; None for `jax.process_index()`.
      process_count: number of processes; None for `jax.process_count()`.

    Raises:
      ValueError: the number of processes does not divide the batch size.
    """
    process = jax.process_index() if process is None else process
    process_count = jax.process_count() if process_count is None else process_count
    if batch_size % process_count:
        raise ValueError(
            f"batch_size {batch_size} cannot be shared evenly by {process_count} processes: use a multiple of it"
        )
    size = batch_size // process_count
    return slice(process * size, (process + 1) * size)


def _gather(split: Split | CropSplit | WholeImages, index: np.ndarray, share: slice) -> Batch:
    """The examples at the positions `share` of the batch `index`; the end of the last batch is padding."""
    return split.take(index[share], share.stop - share.start)


def epochs(steps: int, batch_size: int, examples: int) -> float:
    """The number of passes over `examples` examples in `steps` steps.

    A step counts as at most one epoch: a split smaller than a batch is used once per step.
    """
    return steps * batch_size / max(examples, batch_size)


def to_unit(images: UInt8[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """Scales uint8 images in 0..255 to float32 in [0, 1]."""
    return images.astype(jnp.float32) / 255.0
