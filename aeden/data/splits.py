"""The images of one split, selections from it, and the rule that assigns an image to a split by its content."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np

from aeden.random_keys import Stream

Batch = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Split:
    """The images of one split.

    Attributes:
      images: uint8 [n, h, w, c].
      labels: int32 [n], or None for images without labels.
      classes: names of the labels 0, 1, ...; empty if they are unknown.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def first(self, limit: int) -> Split:
        """The first `limit` examples; 0 keeps all of them."""
        return self if not limit or limit >= len(self) else self.select(slice(limit))

    def select(self, index: np.ndarray | slice) -> Split:
        """The examples at the positions `index`, in that order."""
        labels = None if self.labels is None else self.labels[index]
        return dataclasses.replace(self, images=self.images[index], labels=labels)

    def stratified(self, count: int, seed: int) -> Split:
        """A class-balanced random subset of `count` examples, in their original order; 0 keeps all examples.

        The numbers of examples per class differ by at most one. If a class has too few examples, the other classes
        supply the rest. The same seed selects the same examples.

        Raises:
          ValueError: the split has no labels, fewer than `count` examples, or more than `count` classes.
        """
        if self.labels is None:
            raise ValueError("a class-balanced subset needs labels, and these images have no labels")
        if not count:
            return self
        rng = np.random.default_rng((seed, int(Stream.LABELS)))
        members = [rng.permutation(np.flatnonzero(self.labels == k)) for k in rng.permutation(np.unique(self.labels))]
        if count > len(self):
            raise ValueError(f"a budget of {count:,} labels is more than the {len(self):,} examples there are")
        if count < len(members):
            raise ValueError(f"a budget of {count} labels is less than one of each of {len(members)} classes")
        # Round robin over the classes: the first example of every class, then the second of every class, ...
        turn = np.concatenate([np.arange(len(examples)) for examples in members])
        round_robin = np.concatenate(members)[np.argsort(turn, kind="stable")]
        return self.select(np.sort(round_robin[:count]))

    def take(self, index: np.ndarray, size: int) -> Batch:
        """A batch of the examples at the positions `index`, padded to `size` examples.

        Padding has zero images and a false mask; its `index` is 0, and its `label` is that of example 0.
        """
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
    """At most `most` evenly spaced positions in a sequence of `count` examples: int64 [min(count, most)].

    Data sets may be sorted by class, so the first examples could all belong to one class.
    """
    size = min(most, count)
    return np.arange(size) * count // max(size, 1)


def content_hash(image: np.ndarray) -> str:
    """sha256 of the shape and the pixels of an image, in hexadecimal."""
    return hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


def hash_split(digest: str) -> str:
    """The split of an image with this content hash: 80 % train, 10 % validation, 10 % test.

    Exact duplicates have the same hash and therefore belong to the same split.
    """
    share = int(digest[:12], 16) / 16**12
    return "train" if share < 0.8 else "validation" if share < 0.9 else "test"
