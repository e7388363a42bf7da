"""Batches from images in memory: which examples, in what order; any step's batch can be asked for by number.

A batch is {image: uint8 [b, h, w, c], index: int32 [b], mask: bool [b]}, and label: int32 [b] where there are labels.
Every batch of a split has the same size: the last one is padded, and the mask says which examples count.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from aeden.keys import Stream

Batch = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Split:
    """Images of one split.

    Attributes:
      images: uint8 [n, h, w, c].
      labels: int32 [n], or None for images without labels.
    """

    images: np.ndarray
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    def first(self, limit: int) -> Split:
        """The first `limit` examples; all of them for 0."""
        if not limit or limit >= len(self):
            return self
        return Split(self.images[:limit], None if self.labels is None else self.labels[:limit])

    def take(self, index: np.ndarray, size: int) -> Batch:
        """The examples of `index`, padded to `size` with zeros that the mask leaves out."""
        padding = size - len(index)
        padded = np.concatenate([index, np.zeros(padding, index.dtype)])
        batch = {
            "image": np.asarray(self.images[padded]),
            "index": padded.astype(np.int32),
            "mask": np.arange(size) < len(index),
        }
        batch["image"][len(index) :] = 0
        if self.labels is not None:
            batch["label"] = np.asarray(self.labels[padded], np.int32)
        return batch


class TrainBatches:
    """The batches of a training run by step number, each epoch in an order of its own.

    The order of an epoch depends on the seed and the epoch alone, so a run can start anywhere.
    """

    def __init__(self, split: Split, batch_size: int, seed: int):
        if not len(split):
            raise ValueError("the training split is empty")
        self.split, self.batch_size, self.seed = split, batch_size, seed
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
            rng = np.random.default_rng((self.seed, int(Stream.ORDER), epoch))
            self._order = (epoch, rng.permutation(len(self.split)))
        start = position * self.batch_size
        return self.split.take(self._order[1][start : start + self.batch_size], self.batch_size)


def evaluation_batches(split: Split, batch_size: int) -> Iterator[Batch]:
    """The whole split in order, each batch stacked as one step: [1, batch, ...]."""
    for start in range(0, len(split), batch_size):
        index = np.arange(start, min(start + batch_size, len(split)))
        yield {name: value[None] for name, value in split.take(index, batch_size).items()}
