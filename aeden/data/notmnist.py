"""`notmnist/small` and `notmnist/large`: the letters A-J from fonts on the web (Yaroslav Bulatov, 2011).

`small` was cleaned by hand. Images are assigned to splits by their content, so exact duplicates (2.6 % of small) are
always in the same split:

* small: 80 % train, 10 % validation, 10 % test.
* large: train is large without the images that also occur in small, of which 2 % are used for validation; test is the
  whole of small.
"""

from __future__ import annotations

import dataclasses
import functools
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from aeden.data import image_members, tfds_folder
from aeden.data.dataset import Opened
from aeden.data.image_files import ImageError, decode_image
from aeden.data.image_members import iterate_files
from aeden.data.published import checked_download, open_published
from aeden.data.splits import content_hash, hash_split
from aeden.data.tfds_folder import data_folder

URL = "https://commondatastorage.googleapis.com/books1000/"
CLASSES = "ABCDEFGHIJ"
# The published archives have no published checksum. A download must have their size, and small its number of readable
# images; gzip's own checksum covers the rest.
PUBLISHED_BYTES = {"small": 8_458_043, "large": 247_336_696}
IMAGES_IN_SMALL = 18_724
LARGE_VALIDATION_SHARE = 0.02
# Share of wrong labels by split, as estimated by the author of the set. A higher accuracy than one minus this share is
# only possible by chance.
LABEL_NOISE = {"small": {"train": 0.005, "test": 0.005}, "large": {"train": 0.065, "test": 0.005}}


def open_set(name: str, data_dir: str, limit: int) -> Opened:
    """Opens "notmnist/small" or "notmnist/large": a source of `aeden.data.sources.SOURCES`.

    Raises what `open_published` raises.
    """
    size = name.split("/")[1]
    files = find_files(data_folder(data_dir), size)
    archives = " and ".join(f"notMNIST_{part}.tar.gz" for part in needed(size))
    opened = open_published(name, data_dir, files, URL, archives, lambda folder: make_builder(folder, size, files))
    return dataclasses.replace(opened, label_noise=LABEL_NOISE[size])


def largest_on_disk(data_dir: str) -> tuple[str, tuple[str, ...]]:
    """The name that "notmnist/auto" stands for, and a note for the user. Both sizes are tested on images of small."""
    folder = data_folder(data_dir)
    if tfds_folder.find_readable(folder, "notmnist/large") or find_files(folder, "large"):
        return "notmnist/large", ("notMNIST large is on disk: training on large, testing on the whole of small",)
    return "notmnist/small", ("notMNIST large is not on disk: training and testing on splits of small",)


def needed(size: str) -> tuple[str, ...]:
    """The archives that a size is made from. Large is tested on small, so it needs both."""
    return ("small",) if size == "small" else ("large", "small")


def find_files(data_dir: Path, size: str) -> dict[str, Path] | None:
    """The archives, or their unpacked folders, in a data folder or its `notmnist`; None if one is missing."""
    files = {}
    for part in needed(size):
        stem = f"notMNIST_{part}"
        candidates = [
            folder / name
            for folder in (data_dir, data_dir / "notmnist", data_dir / "notMNIST")
            for name in (f"{stem}.tar.gz", stem)
        ]
        path = next((candidate for candidate in candidates if candidate.exists()), None)
        if path is None:
            return None
        files[part] = path
    return files


def read_archive(source: Path, skipped: dict[str, str]) -> Iterator[tuple[str, bytes, str]]:
    """Yields (class letter, PNG bytes, content hash) of every readable 28 x 28 image in a folder named A to J.

    An image of another kind than 8-bit gray PNG is converted to it.

    Args:
      source: the archive or its unpacked folder.
      skipped: the names of the other images, and why they were skipped, are added here.

    Raises:
      ValueError: the archive is damaged or refused, see `iterate_files`.
    """
    for name, content in iterate_files(source):
        letter = PurePosixPath(name).parent.name
        try:
            if letter not in tuple(CLASSES):
                raise ImageError("not in a folder named A to J")
            if isinstance(content, ImageError):
                raise content
            image = decode_image(content)
            pixels = image.opaque().uint8()
            if pixels.shape != (28, 28, 1):
                raise ImageError(f"{' x '.join(map(str, pixels.shape))} [height, width, channels], not 28 x 28 x 1")
        except ImageError as error:
            skipped[f"{source.name}: {name}"] = str(error)
            continue
        # TFDS reads a PNG as it is stored: of 16 bits, turned or in an alpha channel it would read other pixels.
        as_it_is = (image.format, image.mode, image.alpha) == ("PNG", "L", None)
        turned = b"eXIf" in content or b"Orientation" in content
        yield letter, content if as_it_is and not turned else _png(pixels), content_hash(pixels)


def _png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels[..., 0]).save(content, "png")
    return content.getvalue()


def _downloaded(size: str, dl_manager: Any, skipped: dict[str, str]) -> dict[str, list[tuple[str, bytes]]]:
    """`deal_splits` of archives that are downloaded. A wrong one is deleted and refused."""
    urls = {part: f"{URL}notMNIST_{part}.tar.gz" for part in needed(size)}
    paths = {part: Path(path) for part, path in dl_manager.download(urls).items()}
    for part, path in paths.items():
        checked_download(path, functools.partial(_check, path, "bytes", path.stat().st_size, PUBLISHED_BYTES[part]))
    splits = deal_splits(size, paths, skipped)
    count = len(splits["test"]) if size == "large" else sum(map(len, splits.values()))
    checked_download(paths["small"], lambda: _check(paths["small"], "readable images", count, IMAGES_IN_SMALL))
    return splits


def _check(path: Path, what: str, count: int, published: int) -> None:
    if count != published:
        raise ValueError(
            f"{path} has {count:,} {what} and is not the published file, which has {published:,}: start again, or "
            "name a folder that contains it with data.dir"
        )


def _check_splits(splits: dict[str, list[tuple[str, bytes]]], source: str, skipped: dict[str, str]) -> None:
    for split, examples in splits.items():
        if not examples:
            notes = "".join(f"; {note}" for note in image_members.skipped_notes(skipped))
            raise ValueError(
                f"{source} has too few readable images of 28 x 28 in folders A to J: the {split} split would be "
                f"empty{notes}"
            )


def make_builder(data_dir: Path, size: str, files: dict[str, Path] | None) -> Any:
    """A TFDS builder of `notmnist` that needs no TensorFlow.

    Args:
      data_dir: the folder to prepare the data set in.
      size: its configuration, "small" or "large".
      files: archives or unpacked folders by size; None downloads the archives.
    """
    import tensorflow_datasets as tfds

    class Notmnist(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        """Letters A-J taken from fonts found on the web."""

        VERSION = tfds.core.Version("1.0.0")
        BUILDER_CONFIGS = [
            tfds.core.BuilderConfig(name="small", description="Cleaned by hand, about 0.5 % label noise."),
            tfds.core.BuilderConfig(name="large", description="Not cleaned, about 6.5 % label noise; tested on small."),
        ]

        def _info(self) -> Any:
            return self.dataset_info_from_configs(
                features=tfds.features.FeaturesDict(
                    {
                        "image": tfds.features.Image(shape=(28, 28, 1)),
                        "label": tfds.features.ClassLabel(names=list(CLASSES)),
                    }
                ),
                supervised_keys=("image", "label"),
                homepage="http://yaroslavvb.blogspot.com/2011/09/notmnist-dataset.html",
                disable_shuffling=True,
                metadata=tfds.core.MetadataDict(skipped={}),
            )

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            skipped: dict[str, str] = {}
            splits = _downloaded(size, dl_manager, skipped) if files is None else deal_splits(size, files, skipped)
            # The metadata of TFDS hold the number by archive, and the first names.
            self.info.metadata["skipped"] = dict(Counter(name.split(": ")[0] for name in skipped))
            self.info.metadata["skipped_files"] = dict(list(skipped.items())[: image_members.NAMED])
            _check_splits(splits, str((files or {}).get(size, f"notMNIST {size}")), skipped)
            return {name: self._generate_examples(examples) for name, examples in splits.items()}

        def _generate_examples(self, examples: list[tuple[str, bytes]]) -> Iterator[tuple[int, dict[str, Any]]]:
            for i, (letter, content) in enumerate(examples):
                yield i, {"image": content, "label": letter}

    return Notmnist(data_dir=data_dir, config=size, file_format="array_record")


def deal_splits(size: str, paths: dict[str, Path], skipped: dict[str, str]) -> dict[str, list[tuple[str, bytes]]]:
    """(class letter, PNG bytes) of the images of each split. For large these are about 300 MB."""
    splits: dict[str, list[tuple[str, bytes]]] = {"train": [], "validation": [], "test": []}
    in_small: set[str] = set()
    for letter, content, digest in read_archive(paths["small"], skipped):
        splits[hash_split(digest) if size == "small" else "test"].append((letter, content))
        in_small.add(digest)
    if size == "large":
        for letter, content, digest in read_archive(paths["large"], skipped):
            if digest not in in_small:
                held_out = int(digest[:12], 16) / 16**12 < LARGE_VALIDATION_SHARE
                splits["validation" if held_out else "train"].append((letter, content))
    return splits
