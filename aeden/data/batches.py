"""Batches from images in memory: which examples, in what order; any step's batch can be asked for by number.

A batch is {image: uint8 [b, h, w, c], index: int32 [b], mask: bool [b]}, and label: int32 [b] where there are labels.
Every batch of a split has the same size: the last one is padded, and the mask says which examples count.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from aeden.random_keys import STREAMS, Stream

Batch = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Split:
    """Images of one split.

    Attributes:
      images: uint8 [n, h, w, c].
      labels: int32 [n], or None for images without labels.
      classes: the names of the labels 0, 1, ..., where they are known.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def first(self, limit: int) -> Split:
        """The first `limit` examples; all of them for 0."""
        return self if not limit or limit >= len(self) else self.select(slice(limit))

    def select(self, index: np.ndarray | slice) -> Split:
        """The examples of an index, in its order."""
        return dataclasses.replace(
            self, images=self.images[index], labels=None if self.labels is None else self.labels[index]
        )

    def stratified(self, count: int, seed: int) -> Split:
        """`count` examples drawn at random, as many of each class as of any other, or one more; all of them for 0.

        Where a class has too few, the others make up for it. The same seed draws the same examples.

        Raises:
          ValueError: there are no labels, too few examples, or fewer wanted than there are classes.
        """
        if self.labels is None:
            raise ValueError("these images have no labels to draw from")
        if not count:
            return self
        rng = np.random.default_rng((seed, int(Stream.LABELS)))
        members = [rng.permutation(np.flatnonzero(self.labels == k)) for k in rng.permutation(np.unique(self.labels))]
        if count > len(self):
            raise ValueError(f"a budget of {count:,} labels is more than the {len(self):,} examples there are")
        if count < len(members):
            raise ValueError(f"a budget of {count} labels is less than one of each of {len(members)} classes")
        # Dealt in turns: the first of every class, then the second of every class ...
        turn = np.concatenate([np.arange(len(examples)) for examples in members])
        dealt = np.concatenate(members)[np.argsort(turn, kind="stable")]
        return self.select(np.sort(dealt[:count]))

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


def spread(count: int, most: int) -> np.ndarray:
    """Which of `count` examples to take to have `most` of them at most, evenly spread: int64 [min(count, most)].

    A set may be in the order of its classes: the first ones would be of one.
    """
    few = min(most, count)
    return np.arange(few) * count // max(few, 1)


def evaluation_batches(split: Split, batch_size: int) -> Iterator[Batch]:
    """The whole split in order, each batch stacked as one step: [1, batch, ...]."""
    for start in range(0, len(split), batch_size):
        index = np.arange(start, min(start + batch_size, len(split)))
        yield {name: value[None] for name, value in split.take(index, batch_size).items()}
