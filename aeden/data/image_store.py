"""Images of different sizes, one after the other in a single array, which may be memory mapped."""

from __future__ import annotations

import dataclasses

import numpy as np

# Pillow's weights of red, green and blue for gray (ITU-R BT.601), in units of 2^-16.
LUMA = np.array([19595, 38470, 7471], np.uint32)


@dataclasses.dataclass(frozen=True, eq=False)
class ImageStore:
    """Images of different sizes. None is in memory before it is asked for, if `values` is memory mapped.

    Attributes:
      values: uint8 [total], the pixels of all images.
      shapes: int64 [n, 3], height, width and channels (1 or 3) of each image.
      starts: int64 [n], position of the first value of each image in `values`.
    """

    values: np.ndarray
    shapes: np.ndarray
    starts: np.ndarray

    @classmethod
    def of_array(cls, images: np.ndarray) -> ImageStore:
        """The store of images of one size, uint8 [n, h, w, c]."""
        count, size = len(images), int(np.prod(images.shape[1:]))
        shapes = np.tile(np.array(images.shape[1:], np.int64), (count, 1))
        return cls(images.reshape(-1), shapes, np.arange(count, dtype=np.int64) * size)

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, position: int) -> np.ndarray:
        """One image, uint8 [h, w, c]: a view, not a copy."""
        start, shape = int(self.starts[position]), self.shapes[position]
        return self.values[start : start + int(shape.prod())].reshape(shape)

    def select(self, index: np.ndarray | slice) -> ImageStore:
        """The images at the positions `index`, in that order. No pixel is copied."""
        return dataclasses.replace(self, shapes=self.shapes[index], starts=self.starts[index])


def with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """An image [h, w, 1 or 3] with 1 or 3 channels; uint8 in and out.

    Colour becomes gray by ITU-R BT.601, rounded as Pillow does it; gray becomes colour by repetition.
    """
    if pixels.shape[-1] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=-1)
    return ((pixels.astype(np.uint32) @ LUMA + 0x8000) >> 16).astype(np.uint8)[..., None]
