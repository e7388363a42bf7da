"""Batches from images in memory: training batches by step number, evaluation batches in order, scaling to [0, 1].

A batch is {image: uint8 [b, h, w, c], index: int32 [b], mask: bool [b]}, plus label: int32 [b] if there are labels.
`index` is the position of an example in its split. Every batch of a split has the same size: the last one is padded,
and `mask` is true for the real examples.

In a run of several processes every process computes the same order of examples, but gathers only its own share of
each batch: a block of consecutive examples, the first block for process 0. `aeden.runtime.devices.deal` then splits
the share among the devices of the process.
"""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from aeden.data.splits import Batch, Split
from aeden.random_keys import STREAMS, Stream
from aeden.shapes import Array, Float, UInt8


class TrainBatches:
    """The training batches by step number. Each epoch visits every example once, in a new random order.

    The order of an epoch depends only on the seed, the phase of the run and the epoch, so a run can start at any step.

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
        split: Split,
        batch_size: int,
        seed: int,
        phase: int = 0,
        process: int | None = None,
        process_count: int | None = None,
    ):
        if not len(split):
            raise ValueError("the training split is empty")
        self.split, self.batch_size, self.seed = split, batch_size, (seed, STREAMS * phase + int(Stream.ORDER))
        self.steps_per_epoch = -(-len(split) // batch_size)
        self._process, self._process_count = process, process_count
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))

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
        if self._order[0] != epoch:
            rng = np.random.default_rng((*self.seed, epoch))
            self._order = (epoch, rng.permutation(len(self.split)))
        start = position * self.batch_size
        return _gather(self.split, self._order[1][start : start + self.batch_size], share)


def evaluation_batches(
    split: Split, batch_size: int, process: int | None = None, process_count: int | None = None
) -> Iterator[Batch]:
    """This process's share of the batches of a whole split, in order, each as a stack of one step: [1, share, ...].

    Args:
      split: the examples.
      batch_size: examples per batch, over all processes.
      process, process_count: see `process_share`.

    Raises:
      ValueError: the processes cannot share the batch evenly.
    """
    share = process_share(batch_size, process, process_count)
    for start in range(0, len(split), batch_size):
        batch = _gather(split, np.arange(start, min(start + batch_size, len(split))), share)
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


def _gather(split: Split, index: np.ndarray, share: slice) -> Batch:
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
