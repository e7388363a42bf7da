"""An opened image set: its splits, its name and its hash."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np

from aeden.data import notmnist
from aeden.data.splits import Split, content_hash, hash_split


@dataclasses.dataclass(frozen=True)
class Dataset:
    """An opened image set.

    Attributes:
      name: what it really is, e.g. "glyphs/digits".
      requested: what was asked for, e.g. "mnist".
      train, validation, test: its splits.
      sha256: hash of all images and labels of all splits, in order.
      notes: what the user should know of it, a line each.
    """

    name: str
    requested: str
    train: Split
    validation: Split
    test: Split
    sha256: str
    notes: tuple[str, ...] = ()

    @property
    def is_fallback(self) -> bool:
        """Whether other data stands in for what was asked for."""
        return self.name != self.requested

    def identity(self) -> dict[str, str]:
        """What a run folder is bound to."""
        return {"name": self.name, "requested": self.requested, "sha256": self.sha256}

    @property
    def label(self) -> str:
        """Its name for titles, which says what it stands in for."""
        return f"{self.name} (in place of {self.requested})" if self.is_fallback else self.name

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of its classes; their numbers where they have none; none where there are no labels."""
        if self.train.labels is None:
            return ()
        count = 1 + max(
            int(split.labels.max()) for split in (self.train, self.validation, self.test) if split.labels is not None
        )
        return self.train.classes or tuple(map(str, range(count)))

    def describe(self) -> dict[str, Any]:
        """What a summary says of it; `label_noise` is the share of wrong labels, where it is known."""
        return {
            "dataset": self.name,
            "requested_dataset": self.requested,
            "dataset_sha256": self.sha256,
            "dataset_notes": list(self.notes),
            "label_noise": notmnist.LABEL_NOISE.get(self.name.removeprefix("notmnist/")),
            "examples": {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)},
        }

    @property
    def image_shape(self) -> tuple[int, ...]:
        """[height, width, channels]."""
        return self.train.images.shape[1:]


def name_splits(splits: dict[str, Split], where: str) -> dict[str, Split]:
    """Train, validation and test from the splits a set has.

    Without a validation split the last twelfth of train serves (55,000/5,000 of MNIST); without a test split, train is
    dealt 80/10/10 by content.

    Raises:
      ValueError: there is no train split.
    """
    if "train" not in splits:
        raise ValueError(f"{where} has no train split, only {', '.join(splits) or 'none'}")
    train, test = splits["train"], splits.get("test")
    validation = next((splits[name] for name in ("validation", "val", "dev") if name in splits), None)
    if test is None:
        shares = np.array([hash_split(content_hash(image)) for image in train.images])
        dealt = {name: train.select(np.flatnonzero(shares == name)) for name in ("train", "validation", "test")}
        return dealt if validation is None else {**dealt, "validation": validation}
    if validation is None:
        kept = len(train) - len(train) // 12
        validation = train.select(slice(kept, None))
        train = train.first(kept)
    return {"train": train, "validation": validation, "test": test}


def _hash(splits: dict[str, Split]) -> str:
    digest = hashlib.sha256()
    for name in ("train", "validation", "test"):
        for array in (splits[name].images, splits[name].labels):
            if array is not None:
                digest.update(f"{name} {array.shape} {array.dtype}".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
