"""The images of one split, selections from it, and the rule that assigns an image to a split by its content."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from aeden.random_keys import Stream

Batch = dict[str, np.ndarray]
# Share of the images for validation, and again for the test, where nothing else is asked for.
HELD_OUT = 0.1


@dataclasses.dataclass(frozen=True)
class Split:
    """The images of one split.

    Attributes:
      images: uint8 [n, h, w, c].
      labels: int32 [n], or None for images without labels.
      classes: names of the labels 0, 1, ...; empty if they are unknown.
      noisy: a given noisy version of each image, of the same shape and type; None if noise is synthesised.
      pixel_labels: the class of each pixel, uint8 [n, h, w]; None if it is unknown.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    noisy: np.ndarray | None = None
    pixel_labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """[height, width, channels]."""
        return self.images.shape[1:]

    def drawn(self, seed: tuple[int, ...]) -> Split:
        """The examples as an epoch with this seed sees them: these images are always the same."""
        return self

    def first(self, limit: int) -> Split:
        """The first `limit` examples; 0 keeps all of them."""
        return self if not limit or limit >= len(self) else self.select(slice(limit))

    def select(self, index: np.ndarray | slice) -> Split:
        """The examples at the positions `index`, in that order."""
        labels = None if self.labels is None else self.labels[index]
        noisy = None if self.noisy is None else self.noisy[index]
        pixel_labels = None if self.pixel_labels is None else self.pixel_labels[index]
        images = self.images[index]
        return dataclasses.replace(self, images=images, labels=labels, noisy=noisy, pixel_labels=pixel_labels)

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

        Padding has zero images and a false mask; its `index` is 0, and its labels are those of example 0.
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
        if self.noisy is not None:
            batch["noisy"] = np.asarray(self.noisy[padded])
        if self.pixel_labels is not None:
            batch["pixel_label"] = np.asarray(self.pixel_labels[padded])
        return batch

    def evaluation_order(self, batch_size: int, multiple: int) -> Iterator[tuple[Split, np.ndarray, int]]:
        """The batches of an evaluation: this split, the examples to take from it, and the size to pad them to.

        Args:
          batch_size: largest size of a batch; all batches here have it.
          multiple: number that divides the size of every batch.
        """
        for start in range(0, len(self), batch_size):
            yield self, np.arange(start, min(start + batch_size, len(self))), batch_size


def spread(count: int, most: int) -> np.ndarray:
    """At most `most` evenly spaced positions in a sequence of `count` examples: int64 [min(count, most)].

    Data sets may be sorted by class, so the first examples could all belong to one class.
    """
    size = min(most, count)
    return np.arange(size) * count // max(size, 1)


def content_hash(image: np.ndarray) -> str:
    """sha256 of the shape and the pixels of an image, in hexadecimal."""
    return hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


def hash_split(digest: str, held_out: float = HELD_OUT) -> str:
    """The split of an image with this content hash: with `held_out` 0.1, 80 % train, 10 % validation, 10 % test.

    Exact duplicates have the same hash and therefore belong to the same split.

    Args:
      digest: `content_hash` of the image.
      held_out: share of the images for validation, and again for the test; above 0, less than a half.
    """
    share = int(digest[:12], 16) / 16**12
    return "train" if share < 1 - 2 * held_out else "validation" if share < 1 - held_out else "test"


def split_images(hashes: Sequence[str], held_out: float = HELD_OUT) -> dict[str, np.ndarray]:
    """The positions of the images of each split, by content: int64 [n] for train, validation and test, ordered by hash.

    It is the rule of `hash_split`, except that each split has at least one image: ordered by their hashes, the images
    are cut in three as `hash_split` does, and a cut that leaves nothing on one side is moved by one image.

    Args:
      hashes: `content_hash` of each image. Duplicates belong to the same split.
      held_out: as of `hash_split`.

    Raises:
      ValueError: there are fewer than three different images.
    """
    distinct = sorted(set(hashes))
    if len(distinct) < 3:
        raise ValueError(
            f"{len(distinct)} different image{'s' if len(distinct) > 1 else ''} cannot be divided into training, "
            "validation and test: add images, 3 at least and better 10 or more"
        )
    counts = Counter(hash_split(digest, held_out) for digest in distinct)
    first = min(max(counts["train"], 1), len(distinct) - 2)
    second = min(max(counts["train"] + counts["validation"], first + 1), len(distinct) - 1)
    names = np.repeat(["train", "validation", "test"], [first, second - first, len(distinct) - second])
    split_of = dict(zip(distinct, names, strict=True))
    order = sorted(range(len(hashes)), key=lambda i: hashes[i])
    return {
        name: np.array([i for i in order if split_of[hashes[i]] == name], np.int64)
        for name in ("train", "validation", "test")
    }
