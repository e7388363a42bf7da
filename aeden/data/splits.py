"""A split of a data set, and how an image is assigned to one by its content."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

from aeden.random_keys import Stream

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


def spread(count: int, most: int) -> np.ndarray:
    """Which of `count` examples to take to have `most` of them at most, evenly spread: int64 [min(count, most)].

    A set may be in the order of its classes: the first ones would be of one.
    """
    few = min(most, count)
    return np.arange(few) * count // max(few, 1)


def content_hash(image: np.ndarray) -> str:
    """sha256 of an image's shape and pixels, in hexadecimal."""
    return hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


def hash_split(digest: str) -> str:
    """The split of an image, by its content: 80 % train, 10 % validation, 10 % test. Duplicates go together."""
    share = int(digest[:12], 16) / 16**12
    return "train" if share < 0.8 else "validation" if share < 0.9 else "test"
