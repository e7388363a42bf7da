"""Opens a data set by name: the one place that knows all data sets.

A set is looked for in the data folder: `data.dir`, else `AEDEN_DATA`, else TFDS' default. If MNIST or notMNIST is
neither there nor available for download, generated glyphs replace it (`data.fallback`).

How to add a data set:

1. An image set that TFDS has prepared with file_format="array_record" needs no code. Its TFDS name works already.
2. Otherwise write `aeden/data/<set>.py` with a function `open_set(name, data_dir, limit) -> Opened`, which returns
   uint8 images [n, h, w, c] as splits named train, validation and test. Examples to start from: `glyphs.py` (generated
   images), `image_folder.py` (image files), `mnist.py` (published files, with a TFDS builder that needs no TensorFlow).
3. Add a line with its name to `SOURCES` below.
4. Test it in `tests/data/test_<set>.py`: shapes and types, that no test image is in train, and that each damaged or
   missing file raises an error with its name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from aeden.data import glyphs, image_folder, letters, mnist, notmnist, pages, tfds_folder
from aeden.data.dataset import Dataset, DatasetNotFound, Opened, hash_splits
from aeden.data.splits import Split
from aeden.data.tfds_folder import data_folder


class Source(NamedTuple):
    """How to open a data set.

    Attributes:
      open_set: (name, data_dir, limit, and the options of this set by name) -> the whole set. `limit` is the number of
        examples per split that are needed, 0 for all; a set may return more. Raises DatasetNotFound if the set is
        unavailable.
      fallback: name of the data set that replaces an unavailable one; "" for none.
    """

    open_set: Callable[..., Opened]
    fallback: str = ""


SOURCES = {
    "mnist": Source(mnist.open_set, fallback="glyphs/digits"),
    "notmnist/small": Source(notmnist.open_set, fallback="glyphs/letters"),
    "notmnist/large": Source(notmnist.open_set, fallback="glyphs/letters"),
    "glyphs/letters": Source(glyphs.open_set),
    "glyphs/digits": Source(glyphs.open_set),
    "pages": Source(pages.open_set),
    "letters": Source(letters.open_set),
    "folder": Source(image_folder.open_set),
}
# Names of other sets, and the version that TFDS would allow after them.
NAME, VERSION = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)*"), re.compile(r"\d+\.\d+\.\d+")
ALIASES = {"notmnist": "notmnist/small", "glyphs": "glyphs/letters"}


def open_dataset(
    name: str,
    data_dir: str = "",
    fallback: str = "glyphs",
    limit: int = 0,
    train_limit: int = 0,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Dataset:
    """Opens a data set, or its fallback if it is unavailable.

    Args:
      name: a name in `SOURCES` or `ALIASES`; "notmnist/auto" (large if it is on disk, else small); or any other image
        set that TFDS has prepared.
      data_dir: the data folder; "" for `AEDEN_DATA`, else TFDS' default. For glyphs, pages and letters, a folder of
        fonts; for "folder", the folder of class folders.
      fallback: "glyphs" allows glyphs to replace MNIST or notMNIST; "" makes an unavailable set an error.
      limit: maximum number of examples per split; 0 for all.
      train_limit: maximum number of training examples; 0 for all.
      options: further arguments of the `open_set` of this data set, as `characters` of letters.

    Raises:
      DatasetNotFound: the set is unknown, or unavailable without a fallback.
      FileNotFoundError: `data_dir` does not exist.
      ValueError: unknown fallback; negative limit; damaged archive; images of several sizes; empty split.
    """
    if fallback not in ("", "glyphs"):
        raise ValueError(f"unknown data.fallback {fallback!r}: use 'glyphs', or '' for an error")
    for field, value in (("limit", limit), ("train_limit", train_limit)):
        if value < 0:
            raise ValueError(f"data.{field} {value} is negative: use 0 for all examples")
    requested, choice = _resolve(name, data_dir)
    actual, opened = _open_or_fall_back(requested, data_dir, fallback, limit, options)
    for split, examples in opened.splits.items():
        if not len(examples):
            raise ValueError(f"the {split} split of {actual} is empty: the data set has too few images, add some")
    splits = {split: examples.first(limit) for split, examples in opened.splits.items()}
    splits["train"] = splits["train"].first(train_limit)
    sha256 = _sha256(splits, opened.arrays, {"limit": limit, "train_limit": train_limit})
    notes = opened.notes + (choice if actual == requested else ())
    train, validation, test = (splits[split] for split in ("train", "validation", "test"))
    return Dataset(actual, requested, train, validation, test, sha256, notes, opened.label_noise)


def _resolve(name: str, data_dir: str) -> tuple[str, tuple[str, ...]]:
    """The full name of a data set, and a note for the user if it was chosen by what is on disk."""
    if name == "notmnist/auto":
        return notmnist.largest_on_disk(data_dir)
    return ALIASES.get(name, name), ()


def _open_or_fall_back(
    requested: str, data_dir: str, fallback: str, limit: int, options: Mapping[str, Any]
) -> tuple[str, Opened]:
    """The name and the content of the requested data set, or of its fallback with the reason as its note."""
    try:
        return requested, _open(requested, data_dir, limit, options)
    except DatasetNotFound as error:
        actual = SOURCES[requested].fallback if fallback and requested in SOURCES else ""
        if not actual:
            raise
        return actual, dataclasses.replace(_open(actual, "", limit, {}), notes=(str(error),))


def _open(name: str, data_dir: str, limit: int, options: Mapping[str, Any]) -> Opened:
    # Of "folder" it may be an archive.
    if data_dir and not data_folder(data_dir).is_dir() and not (name == "folder" and data_folder(data_dir).exists()):
        raise FileNotFoundError(f"the data folder {data_dir} does not exist: correct data.dir, or create the folder")
    if name in SOURCES:
        return SOURCES[name].open_set(name, data_dir, limit, **options)
    set_name, _, version = name.rpartition("/")
    if VERSION.fullmatch(version):
        raise DatasetNotFound(
            f"data.name {name!r} has a version: use {set_name!r}; the newest prepared version is read"
        )
    prepared = tfds_folder.find(data_folder(data_dir), name) if NAME.fullmatch(name) else None
    if prepared is None:
        raise DatasetNotFound(
            f"unknown data set {name!r}: not one of {', '.join([*SOURCES, 'notmnist/auto'])}, and no prepared TFDS set "
            f"in {data_folder(data_dir) / name} (prepare it there with file_format='array_record', or set data.dir)"
        )
    return tfds_folder.read(prepared)


def _sha256(splits: dict[str, Split], arrays: Path | None, selection: dict[str, Any]) -> str:
    """The hash of the splits, from the cache if they were hashed before; `selection` holds the limits applied."""
    if arrays is None:
        return hash_splits(splits)
    sizes = {split: len(examples) for split, examples in splits.items()}
    return tfds_folder.remembered_sha256(arrays, {**selection, "examples": sizes}, lambda: hash_splits(splits))
