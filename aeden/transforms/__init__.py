"""Transforms of images: noise and augmentation. A transform is (keys, images) -> images, with one key per image."""

from collections.abc import Callable

from aeden.shapes import Array

# (one key per image [b], images [b, h, w, c] in [0, 1]) -> images [b, h, w, c]
Transform = Callable[[Array, Array], Array]
