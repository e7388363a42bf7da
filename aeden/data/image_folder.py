"""`folder`: images of one size in class folders, `root/A/name.png`, on disk or in a .tar.gz."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from aeden.data.dataset import Opened
from aeden.data.image_files import decode, read_members, skipped_note
from aeden.data.splits import Split, content_hash, hash_split


def open_set(name: str, data_dir: str, limit: int) -> Opened:
    """Opens `data_dir` as a folder of images: a source of `aeden.data.sources.SOURCES`.

    Raises:
      ValueError: `data_dir` is empty; or see `load`.
      FileNotFoundError: the folder does not exist.
    """
    if not data_dir:
        raise ValueError(f"data.name={name} needs data.dir, a folder that contains one folder of images per class")
    return Opened(*load(Path(data_dir).expanduser()))


def load(source: Path) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Reads a folder or archive of images, split 80/10/10 by content. The class of an image is its folder's name.

    Images in a single folder have no labels.

    Returns:
      train, validation and test; and notes for the user (how many unreadable files were skipped).

    Raises:
      FileNotFoundError: the folder does not exist.
      ValueError: there is no readable image, the images differ in size, or the archive is damaged.
    """
    class_of: list[str] = []
    images: list[np.ndarray] = []
    skipped = 0
    for path, content in read_members(source):
        pixels = decode(content)
        if pixels is None:
            skipped += 1
            continue
        if images and pixels.shape != images[0].shape:
            raise ValueError(
                f"{source} mixes image sizes: {path} is {pixels.shape}, the first is {images[0].shape} "
                "[height, width, channels]: make them the same size, or train on crops of images of any size: "
                "set data.crop, see configs/denoise_folder.py"
            )
        class_of.append(PurePosixPath(path).parent.name)
        images.append(pixels)
    if not images:
        raise ValueError(f"{source} contains no readable image: expected files such as {source}/A/name.png")
    classes = sorted(set(class_of))
    labels = np.array([classes.index(name) for name in class_of], np.int32)
    split_of = np.array([hash_split(content_hash(image)) for image in images])
    whole = Split(np.stack(images), labels, tuple(classes)) if len(classes) > 1 else Split(np.stack(images))
    splits = {name: whole.select(np.flatnonzero(split_of == name)) for name in ("train", "validation", "test")}
    return splits, skipped_note(skipped)
