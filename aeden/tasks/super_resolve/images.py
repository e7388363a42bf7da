"""The images of super-resolution: those of a data set, cropped to sizes that the factor divides."""

from __future__ import annotations

import dataclasses

from aeden.data.dataset import Dataset
from aeden.data.splits import Split


def fit_images(dataset: Dataset, factor: int) -> Dataset:
    """The data set with images whose height and width the factor divides.

    Images of one size lose rows at the bottom and columns at the right; a note says so. Of a data set of crops, the
    size of a crop has to be a multiple. Its whole test images are cropped where they are tested.

    Raises:
      ValueError: an image is smaller than the factor, the factor does not divide the size of a crop, or the data come
        with noisy images.
    """
    if dataset.pairs:
        raise ValueError(
            "task=super_resolve makes its images of low resolution itself, and these data come with noisy images: give "
            "a folder of clean images only"
        )
    if dataset.cropped is not None:
        _check_crops(dataset, factor)
        return dataset
    height, width = dataset.image_shape[:2]
    if min(height, width) < factor:
        raise ValueError(_too_small(height, width, factor))
    h, w = height // factor * factor, width // factor * factor
    if (h, w) == (height, width):
        return dataset

    def cropped(split: Split) -> Split:
        return dataclasses.replace(split, images=split.images[:, :h, :w])

    note = f"images are cropped from {height} x {width} to {h} x {w}, which a factor of {factor} divides"
    train, validation, test = map(cropped, (dataset.train, dataset.validation, dataset.test))
    notes = (*dataset.notes, note)
    return dataclasses.replace(dataset, train=train, validation=validation, test=test, notes=notes)


def _check_crops(dataset: Dataset, factor: int) -> None:
    assert dataset.cropped is not None
    size = dataset.cropped.train.size
    if size % factor:
        lower, higher = size // factor * factor, (size // factor + 1) * factor
        choices = f"{lower} or {higher}" if lower else f"{higher}"
        raise ValueError(f"data.crop {size} is no multiple of super_resolve.factor {factor}: use {choices}")
    for images in (dataset.cropped.train.images, dataset.cropped.test.images):
        smallest = images.shapes[images.shapes[:, :2].min(axis=1).argmin()]
        if smallest[:2].min() < factor:
            raise ValueError(_too_small(int(smallest[0]), int(smallest[1]), factor))


def _too_small(height: int, width: int, factor: int) -> str:
    return (
        f"an image of {height} x {width} pixels is smaller than super_resolve.factor {factor}: leave out such images, "
        "or use a smaller factor"
    )
