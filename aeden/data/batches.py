"""Batches from images in memory: which examples, in what order; any step's batch can be asked for by number.

A batch is {image: uint8 [b, h, w, c], index: int32 [b], mask: bool [b]}, and label: int32 [b] where there are labels.
Every batch of a split has the same size: the last one is padded, and the mask says which examples count.
"""

from __future__ import annotations

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

from aeden.data.splits import Batch, Split
from aeden.random_keys import STREAMS, Stream
from aeden.shapes import Array, Float, UInt8


class TrainBatches:
    """The batches of a training run by step number, each epoch in an order of its own.

    The order of an epoch depends on the seed, the phase of the run and the epoch alone, so a run can start anywhere.
    """

    def __init__(self, split: Split, batch_size: int, seed: int, phase: int = 0):
        if not len(split):
            raise ValueError("the training split is empty")
        self.split, self.batch_size, self.seed = split, batch_size, (seed, STREAMS * phase + int(Stream.ORDER))
        self.steps_per_epoch = -(-len(split) // batch_size)
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))

    def at(self, step: int, count: int = 1) -> Batch:
        """The batches of steps `step` to `step + count - 1`, stacked: [count, batch, ...]."""
        batches = [self._batch(s) for s in range(step, step + count)]
        return {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}

    def examples(self, step: int) -> int:
        """How many examples the first `step` steps have used."""
        epochs, rest = divmod(step, self.steps_per_epoch)
        return epochs * len(self.split) + rest * self.batch_size

    def _batch(self, step: int) -> Batch:
        epoch, position = divmod(step, self.steps_per_epoch)
        if self._order[0] != epoch:
            rng = np.random.default_rng((*self.seed, epoch))
            self._order = (epoch, rng.permutation(len(self.split)))
        start = position * self.batch_size
        return self.split.take(self._order[1][start : start + self.batch_size], self.batch_size)


def epochs(steps: int, batch_size: int, examples: int) -> float:
    """How many passes over so many examples a training of so many steps was; one a step where they fill no batch."""
    return steps * batch_size / max(examples, batch_size)


def evaluation_batches(split: Split, batch_size: int) -> Iterator[Batch]:
    """The whole split in order, each batch stacked as one step: [1, batch, ...]."""
    for start in range(0, len(split), batch_size):
        index = np.arange(start, min(start + batch_size, len(split)))
        yield {name: value[None] for name, value in split.take(index, batch_size).items()}


def to_unit(images: UInt8[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    """uint8 in 0..255 to float32 in [0, 1]."""
    return images.astype(jnp.float32) / 255.0
