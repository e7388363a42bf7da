"""Images in class folders, on disk or in a .tar.gz: `root/A/name.png`. notMNIST's layout, and that of many others.

Nothing is ever unpacked to disk, and a member that points outside its archive is refused.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from aeden.data.image_files import decode, read_members
from aeden.data.splits import Split, content_hash, hash_split


def load(source: Path) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Opens a folder of images, split 80/10/10 by content; the folder an image lies in is its class.

    Returns:
      The splits, and notes for the user (how many unreadable files were skipped).

    Raises:
      FileNotFoundError: no such folder.
      ValueError: no image in it, images of several sizes, or a damaged archive.
    """
    names: list[str] = []
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
                "[height, width, channels]: make them the same size"
            )
        names.append(PurePosixPath(path).parent.name)
        images.append(pixels)
    if not images:
        raise ValueError(f"{source} holds no readable image: expected files such as {source}/A/name.png")
    classes = sorted(set(names))
    labels = np.array([classes.index(name) for name in names], np.int32)
    where = np.array([hash_split(content_hash(image)) for image in images])
    whole = Split(np.stack(images), labels, tuple(classes)) if len(classes) > 1 else Split(np.stack(images))
    splits = {name: whole.select(np.flatnonzero(where == name)) for name in ("train", "validation", "test")}
    return splits, skipped_note(skipped)


def skipped_note(skipped: int) -> tuple[str, ...]:
    """What to tell of unreadable images: nothing where there were none."""
    if not skipped:
        return ()
    return (f"{skipped} unreadable image{'s were' if skipped > 1 else ' was'} skipped",)
