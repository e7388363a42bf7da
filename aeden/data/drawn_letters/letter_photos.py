"""The photos behind drawn letters, divided among the splits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from aeden.data.image_files import ImageError, decode_image
from aeden.data.image_limits import LIMITS, Limits, in_units
from aeden.data.image_members import iterate_files, skipped_notes
from aeden.data.image_store import with_channels
from aeden.data.splits import content_hash, split_images


@dataclasses.dataclass(frozen=True, eq=False)
class Photos:
    """Gray photos.

    Attributes:
      images: split -> photos, uint8 [h, w] each; empty lists if there are none.
      hashes: split -> their content hashes, in the same order.
      notes: which files were left out, one line each.
    """

    images: dict[str, list[np.ndarray]]
    hashes: dict[str, list[str]]
    notes: tuple[str, ...] = ()


def no_photos() -> Photos:
    """Of a data set without photos."""
    names = ("train", "validation", "test")
    return Photos({name: [] for name in names}, {name: [] for name in names})


def open_photos(source: Path, size: int, limits: Limits = LIMITS) -> Photos:
    """Reads a folder or archive of photos, split 80/10/10 by content; files that are no image are left out and named.

    Args:
      source: the folder or archive.
      size: the smallest height and width that a photo may have, in pixels.
      limits: what is refused as too large.

    Raises:
      FileNotFoundError: there is no such folder or archive.
      ValueError: a photo is too small, there are fewer than three different ones, or they do not fit into
        `limits.memory`.
    """
    images: list[np.ndarray] = []
    skipped: dict[str, ImageError] = {}
    for path, content in iterate_files(source, limits):
        try:
            if isinstance(content, ImageError):
                raise content
            pixels = with_channels(decode_image(content, limits=limits).opaque().uint8(), 1)[..., 0]
        except ImageError as error:
            skipped[path] = error
            continue
        if min(pixels.shape) < size:
            raise ValueError(
                f"data.photos: {path} of {source} has {pixels.shape[0]} x {pixels.shape[1]} pixels, less than an image "
                f"of letters, {size} x {size}: leave out such photos"
            )
        images.append(pixels)
        if sum(image.nbytes for image in images) > limits.memory:
            raise ValueError(
                f"data.photos: {len(images):,} photos of {source} take more than {in_units(limits.memory)}: use fewer"
            )
    notes = skipped_notes(skipped)
    hashes = [content_hash(image) for image in images]
    try:
        positions = split_images(hashes)
    except ValueError as error:
        raise ValueError("; ".join([f"data.photos={source}: {error}", *notes])) from error
    return Photos(
        {name: [images[i] for i in index] for name, index in positions.items()},
        {name: [hashes[i] for i in index] for name, index in positions.items()},
        notes,
    )
