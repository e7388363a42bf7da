"""Crops of images of any size: random ones to train on, fixed ones to validate on, and whole images to test on.

An example is a slot for a crop. An image has as many slots as its area holds crops, at least one, so that every part of
every image is equally likely to be seen. The crop in a slot is drawn anew in each epoch.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np

from aeden.data.image_store import ImageStore, with_channels
from aeden.data.splits import Batch, Split, spread

# Number of fixed crops that stand for a split where images of one size are needed, such as in validation.
MOST_WINDOWS = 256
# Of a larger test image, the central part of about this many pixels is tested: the features of a network take hundreds
# of bytes per pixel.
MOST_PIXELS = 1 << 21
# Images of at most so many sizes are tested, since a network is compiled for each size.
MOST_SIZES = 50
# Whole images are tested in batches of at most this many pixels, but at least one image per device.
BATCH_PIXELS = 1 << 21
# The seed of the positions of fixed crops, which are the same for every run.
FIXED: tuple[int, ...] = (0,)


@dataclasses.dataclass(frozen=True, eq=False)
class CropSplit:
    """Random square crops of images of any size: the training split (`aeden.data.batches.TrainBatches`).

    Attributes:
      images: the images, clean.
      size: height and width of a crop in pixels. A smaller image is continued by reflection at its bottom and right.
      channels: 1 or 3; images of the other kind are converted.
      noisy: a noisy version of each image, of the same height and width; None if noise is synthesised.
      seed: what the positions of the crops depend on, besides the number of the example.
    """

    images: ImageStore
    size: int
    channels: int
    noisy: ImageStore | None = None
    seed: tuple[int, ...] = FIXED

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of a crop."""
        return self.size, self.size, self.channels

    @functools.cached_property
    def _ends(self) -> np.ndarray:
        """int64 [n]: the number of examples of the images up to each one."""
        return np.cumsum(slots(self.images.shapes, self.size))

    def drawn(self, seed: tuple[int, ...]) -> CropSplit:
        """The same examples with other crops: those of an epoch."""
        return dataclasses.replace(self, seed=seed)

    def positions(self, index: np.ndarray) -> np.ndarray:
        """Where the crops of some examples lie: int64 [b, 3], image, top and left.

        Top and left are drawn uniformly from all positions inside the image. Their random numbers depend on the seed
        and the example only: those of example k are in block k of a counter-based generator (Salmon et al. 2011,
        "Parallel random numbers: as easy as 1, 2, 3").
        """
        image = np.searchsorted(self._ends, index, side="right")
        room = np.maximum(self.images.shapes[image, :2] - self.size, 0) + 1
        words = _words(self.seed, index)
        return np.concatenate([image[:, None], (words % room.astype(np.uint64)).astype(np.int64)], axis=1)

    def take(self, index: np.ndarray, size: int) -> Batch:
        """A batch of the examples at the positions `index`, padded to `size` examples; see `Split.take`."""
        padded = np.concatenate([index, np.zeros(size - len(index), index.dtype)])
        mask = np.arange(size) < len(index)
        batch = {"image": self._cut(self.images, index, size), "index": padded.astype(np.int32), "mask": mask}
        if self.noisy is not None:
            batch["noisy"] = self._cut(self.noisy, index, size)
        return batch

    def _cut(self, images: ImageStore, index: np.ndarray, size: int) -> np.ndarray:
        crops = np.zeros((size, *self.image_shape), np.uint8)
        for crop, (image, top, left) in zip(crops, self.positions(index).tolist(), strict=False):
            crop[...] = window(images[image], top, left, self.size, self.channels)
        return crops


@dataclasses.dataclass(frozen=True, eq=False)
class WholeImages:
    """Whole images of any size: the test split. `aeden.data.batches.evaluation_batches` takes it too.

    Attributes:
      images, channels, noisy: see `CropSplit`.
      size: height and width of the images that `take` is asked for; None before `evaluation_order`.
    """

    images: ImageStore
    channels: int
    noisy: ImageStore | None = None
    size: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.images)

    @functools.cached_property
    def sizes(self) -> np.ndarray:
        """int64 [n, 2]: height and width of what is tested of each image, see `MOST_PIXELS`."""
        sizes = self.images.shapes[:, :2]
        scale = np.sqrt(np.minimum(1.0, MOST_PIXELS / sizes.prod(1)))
        return np.maximum(1, (sizes * scale[:, None]).astype(np.int64))

    def take(self, index: np.ndarray, size: int) -> Batch:
        """A batch of the images at the positions `index`, which have one size, padded to `size`; see `Split.take`."""
        padded = np.concatenate([index, np.zeros(size - len(index), index.dtype)])
        mask = np.arange(size) < len(index)
        batch = {"image": self._stack(self.images, index, size), "index": padded.astype(np.int32), "mask": mask}
        if self.noisy is not None:
            batch["noisy"] = self._stack(self.noisy, index, size)
        return batch

    def _stack(self, images: ImageStore, index: np.ndarray, size: int) -> np.ndarray:
        height, width = self.size or self.sizes[index[0]]
        stacked = np.zeros((size, height, width, self.channels), np.uint8)
        for one, position in zip(stacked, index.tolist(), strict=False):
            whole = images[position]
            top, left = (whole.shape[0] - height) // 2, (whole.shape[1] - width) // 2
            one[...] = with_channels(whole[top : top + height, left : left + width], self.channels)
        return stacked

    def evaluation_order(self, batch_size: int, multiple: int) -> Iterator[tuple[WholeImages, np.ndarray, int]]:
        """See `Split.evaluation_order`. Images of one size follow each other, in batches of one size."""
        sizes, group = np.unique(self.sizes, axis=0, return_inverse=True)
        for k, (height, width) in enumerate(sizes):
            members = np.flatnonzero(group.reshape(-1) == k)
            fitting = max(1, min(len(members), BATCH_PIXELS // (height * width)))
            size = int(min(batch_size, -(-fitting // multiple) * multiple))
            of_size = dataclasses.replace(self, size=(int(height), int(width)))
            for start in range(0, len(members), size):
                yield of_size, members[start : start + size], size

    def first_sizes(self, most: int) -> WholeImages:
        """The first images, as many of them as have at most `most` different sizes."""
        first = np.sort(np.unique(self.sizes, axis=0, return_index=True)[1])
        if len(first) <= most:
            return self
        kept = slice(int(first[most]))
        noisy = None if self.noisy is None else self.noisy.select(kept)
        return WholeImages(self.images.select(kept), self.channels, noisy)

    def side(self, most: int) -> int:
        """The largest height or width of the images, at most `most`."""
        return int(min(most, self.images.shapes[:, :2].max()))

    def windows(self, side: int, most: int = MOST_WINDOWS) -> Split:
        """Fixed crops [n, side, side, channels], n at most `most`: the same number of every image, if it has as many.

        With more images than `most`, one crop each of evenly spread images.
        """
        crops = CropSplit(self.images, side, self.channels, self.noisy)
        count = slots(self.images.shapes, side)
        first = np.cumsum(count) - count
        each = np.minimum(count, max(1, most // max(1, len(self))))
        chosen = [first[i] + np.arange(each[i]) for i in spread(len(self), most)]
        batch = crops.take(np.concatenate([np.empty(0, np.int64), *chosen]), int(sum(map(len, chosen))))
        return Split(batch["image"], noisy=batch.get("noisy"))


def slots(shapes: np.ndarray, size: int) -> np.ndarray:
    """The number of examples of each image, int64 [n]: how many crops its area holds, at least one.

    Args:
      shapes: [n, 3], height, width and channels.
      size: height and width of a crop.
    """
    return np.maximum(1, shapes[:, 0] * shapes[:, 1] // size**2)


def window(image: np.ndarray, top: int, left: int, size: int, channels: int) -> np.ndarray:
    """The crop of an image [h, w, 1 or 3] at a position: uint8 [size, size, channels].

    What lies outside at the bottom and right is the reflection of the image, without its border pixels twice.
    """
    crop = with_channels(image[top : top + size, left : left + size], channels)
    missing = [(0, size - length) for length in crop.shape[:2]]
    return np.pad(crop, (*missing, (0, 0)), mode="reflect") if crop.shape[:2] != (size, size) else crop


def _words(seed: tuple[int, ...], index: np.ndarray) -> np.ndarray:
    """Two random numbers for each example, uint64 [b, 2]."""
    generator = np.random.Philox(key=np.random.SeedSequence(seed).generate_state(2, np.uint64))
    words, at = np.empty((len(index), 2), np.uint64), 0
    for row, example in zip(words, index, strict=True):
        generator.advance(int(example) - at)
        row[:] = generator.random_raw(2)
        at = int(example) + 1  # a block has been used
    return words
