"""An opened data set: its three splits, its name and its hash; and the rules for sets that lack a split."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from aeden.data.crops import CropSplit, WholeImages
from aeden.data.splits import Split, content_hash, hash_split


class DatasetNotFound(FileNotFoundError):
    """The data set is neither on disk nor available for download. The message lists the remedies."""


@dataclasses.dataclass(frozen=True, eq=False)
class Cropped:
    """The training and test images of a data set of crops (`data.crop`)."""

    train: CropSplit
    test: WholeImages


@dataclasses.dataclass(frozen=True)
class Dataset:
    """An opened data set.

    Attributes:
      name: the data set that was opened, e.g. "glyphs/digits".
      requested: the data set that was asked for, e.g. "mnist".
      train, validation, test: the splits. Of a data set of crops they are fixed crops, for whatever needs images of one
        size.
      sha256: hash of all images and labels of all splits, in order; see `hash_splits`.
      notes: messages for the user, one line each.
      label_noise: estimated share of wrong labels by split, e.g. {"train": 0.005, "test": 0.005}; None if unknown.
      cropped: the random crops to train on and the whole images to test on, of a data set of crops.
    """

    name: str
    requested: str
    train: Split
    validation: Split
    test: Split
    sha256: str
    notes: tuple[str, ...] = ()
    label_noise: dict[str, float] | None = None
    cropped: Cropped | None = None

    @property
    def train_examples(self) -> Split | CropSplit:
        """The examples of a training."""
        return self.train if self.cropped is None else self.cropped.train

    @property
    def test_images(self) -> Split | WholeImages:
        """The images of a test."""
        return self.test if self.cropped is None else self.cropped.test

    @property
    def pairs(self) -> bool:
        """Whether the data come with a noisy version of each image."""
        return self.validation.noisy is not None

    @property
    def is_fallback(self) -> bool:
        """Whether another data set replaces the one that was asked for."""
        return self.name != self.requested

    def identity(self) -> dict[str, str]:
        """What a run folder is bound to: name, requested name and hash."""
        return {"name": self.name, "requested": self.requested, "sha256": self.sha256}

    @property
    def label(self) -> str:
        """The name for titles; for a fallback it also gives the requested name."""
        return f"{self.name} (in place of {self.requested})" if self.is_fallback else self.name

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names; the class numbers if there are no names; empty if there are no labels.

        Folders can have names that are no text; what cannot be printed is replaced.
        """
        if self.train.labels is None:
            return ()
        count = 1 + max(
            int(split.labels.max()) for split in (self.train, self.validation, self.test) if split.labels is not None
        )
        return tuple(map(_printable, self.train.classes)) or tuple(map(str, range(count)))

    def describe(self) -> dict[str, Any]:
        """The entries about the data in a run's summary."""
        return {
            "dataset": self.name,
            "requested_dataset": self.requested,
            "dataset_sha256": self.sha256,
            "dataset_notes": list(self.notes),
            "label_noise": self.label_noise,
            "examples": {
                "train": len(self.train_examples),
                "validation": len(self.validation),
                "test": len(self.test_images),
            },
            **({} if self.cropped is None else {"training_images": len(self.cropped.train.images)}),
        }

    @property
    def contents(self) -> str:
        """How much there is to train on, to validate and to test, in words."""
        if self.cropped is None:
            train, validation = f"{len(self.train):,} images", f"{len(self.validation):,}"
        else:
            size, images = self.cropped.train.size, len(self.cropped.train.images)
            train = f"{images:,} images ({len(self.cropped.train):,} crops of {size} x {size} per epoch)"
            validation = f"{len(self.validation):,} crops"
        return f"{train} to train on, {validation} to validate, {len(self.test_images):,} to test"

    @property
    def image_shape(self) -> tuple[int, ...]:
        """[height, width, channels]."""
        return self.train.image_shape


def _printable(name: str) -> str:
    """A name in which U+FFFD stands for each character that cannot be printed or written as UTF-8."""
    return "".join(character if character.isprintable() else "\ufffd" for character in name)


@dataclasses.dataclass(frozen=True)
class Opened:
    """What a source returns: a whole data set, before `open_dataset` limits and hashes it.

    Attributes:
      splits: train, validation and test.
      notes: messages for the user, one line each.
      label_noise: see `Dataset`.
      arrays: the cache folder of the decoded images, where their hash can be kept; None if they are not cached.
    """

    splits: dict[str, Split]
    notes: tuple[str, ...] = ()
    label_noise: dict[str, float] | None = None
    arrays: Path | None = None


def name_splits(splits: dict[str, Split], where: str) -> dict[str, Split]:
    """Train, validation and test from the splits that a data set comes with.

    Without a validation split, the last twelfth of train becomes validation (55,000/5,000 for MNIST). Without a test
    split, train is divided 80/10/10 by content; an existing validation split then replaces the 10 % for validation.

    Args:
      splits: the splits by name; validation may also be called "val" or "dev".
      where: the origin of the data, for the error message.

    Raises:
      ValueError: there is no train split.
    """
    if "train" not in splits:
        raise ValueError(f"{where} has no train split, only {', '.join(splits) or 'none'}")
    train, test = splits["train"], splits.get("test")
    validation = next((splits[name] for name in ("validation", "val", "dev") if name in splits), None)
    if test is None:
        split_of = np.array([hash_split(content_hash(image)) for image in train.images])
        parts = {name: train.select(np.flatnonzero(split_of == name)) for name in ("train", "validation", "test")}
        return parts if validation is None else {**parts, "validation": validation}
    if validation is None:
        kept = len(train) - len(train) // 12
        validation = train.select(slice(kept, None))
        train = train.first(kept)
    return {"train": train, "validation": validation, "test": test}


def hash_splits(splits: dict[str, Split]) -> str:
    """sha256 of the names, shapes, types and contents of the images and labels of train, validation and test.

    Labels of pixels count where there are any.

    Run folders are bound to this value: never change how it is computed.
    """
    digest = hashlib.sha256()
    for name in ("train", "validation", "test"):
        for array in (splits[name].images, splits[name].labels, splits[name].pixel_labels):
            if array is not None:
                digest.update(f"{name} {array.shape} {array.dtype}".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
