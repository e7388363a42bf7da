"""`folder`: images of one size in class folders, `root/A/name.png`, on disk or in a .tar.gz."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from aeden.data.dataset import Opened
from aeden.data.image_files import ImageError, decode_image
from aeden.data.image_limits import LIMITS, Limits, in_units
from aeden.data.image_members import SUFFIXES, iterate_files, remark_notes, skipped_notes, suffixes_found
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


def load(source: Path, limits: Limits = LIMITS) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Reads a folder or archive of images, split 80/10/10 by content. The class of an image is its folder's name.

    Images in a single folder have no labels. Images of more than 8 bits are scaled to 8; alpha is left out, see
    `DecodedImage.opaque`.

    Returns:
      train, validation and test; and notes for the user: which files were skipped, and how others were read.

    Raises:
      FileNotFoundError: the folder does not exist.
      ValueError: there is no readable image, the images differ in size or do not fit into `limits.memory`, or the
        archive is damaged.
    """
    class_of: list[str] = []
    images: list[np.ndarray] = []
    skipped: dict[str, ImageError] = {}
    remarks: dict[str, list[str]] = {}
    for path, content in iterate_files(source, limits):
        pixels = content if isinstance(content, ImageError) else _decoded(content, path, limits, remarks)
        if isinstance(pixels, ImageError):
            skipped[path] = pixels
            continue
        if images and pixels.shape != images[0].shape:
            raise ValueError(
                f"{source} mixes image sizes: {path} is {pixels.shape}, the first is {images[0].shape} "
                "[height, width, channels]: make them the same size, or train on crops of images of any size: "
                "set data.crop, see configs/denoise_folder.py"
            )
        class_of.append(PurePosixPath(path).parent.name)
        images.append(pixels)
        if len(images) * pixels.nbytes > limits.memory:
            raise ValueError(
                f"{source}: {len(images):,} images take more than {in_units(limits.memory)}: use fewer or smaller ones"
            )
    notes = skipped_notes(skipped) + remark_notes(remarks)
    if not images:
        found = suffixes_found(source, limits)
        raise ValueError(
            f"{source} contains no readable image: expected files such as {source}/A/name.png, found "
            f"{found or 'no files'}{''.join(f'; {note}' for note in notes)}. aeden reads {', '.join(SUFFIXES)}"
        )
    classes = sorted(set(class_of))
    labels = np.array([classes.index(name) for name in class_of], np.int32)
    split_of = np.array([hash_split(content_hash(image)) for image in images])
    whole = Split(np.stack(images), labels, tuple(classes)) if len(classes) > 1 else Split(np.stack(images))
    splits = {name: whole.select(np.flatnonzero(split_of == name)) for name in ("train", "validation", "test")}
    return splits, notes


def _decoded(content: bytes, path: str, limits: Limits, remarks: dict[str, list[str]]) -> np.ndarray | ImageError:
    """The pixels as uint8 [h, w, c], or why there are none; adds what is to be said about the image to `remarks`."""
    try:
        image = decode_image(content, limits=limits).opaque()
    except ImageError as error:
        return error
    for note in image.notes:
        remarks.setdefault(note, []).append(path)
    return image.uint8()
