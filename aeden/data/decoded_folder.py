"""A folder or archive of images, decoded once into a memory-mapped file in aeden's cache.

The cache is keyed by the names, sizes and times of the files, so a changed folder is decoded again. It is built under
a lock and appears complete or not at all.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from aeden.data.image_files import ImageError, decode_image
from aeden.data.image_members import SUFFIXES, files_on_disk, iterate_files, remark_notes, skipped_notes, suffixes_found
from aeden.data.image_store import ImageStore
from aeden.data.splits import content_hash
from aeden.runtime.cache import cache_folder, only_one
from aeden.runtime.files import DamagedFileError, read_json, write_json

# Part of the cache's key: raise it when the same files would be decoded to other pixels.
VERSION = 1
PIXELS, INDEX = "pixels.bin", "index.json"


@dataclasses.dataclass(frozen=True, eq=False)
class DecodedFolder:
    """The readable images of a folder or archive, in order of their names.

    Attributes:
      images: the images, 8 bits per value, gray or RGB, without alpha (`DecodedImage.opaque`).
      names: path of each image, relative to the folder.
      hashes: `content_hash` of each image.
      notes: what the user should know: which files were skipped, and how others were read.
    """

    images: ImageStore
    names: tuple[str, ...]
    hashes: tuple[str, ...]
    notes: tuple[str, ...]


def open_folder(source: Path) -> DecodedFolder:
    """Opens the images of a folder or archive; decodes them if that has not been done yet.

    Raises:
      FileNotFoundError: there is no such folder or archive.
      ValueError: there is no readable image, or the archive is damaged.
      OSError: the cache cannot be written.
    """
    if not source.exists():
        raise FileNotFoundError(f"there is no image folder or archive {source}: correct data.dir")
    folder = cache_folder() / "images" / f"{fingerprint(source)}-{VERSION}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with only_one(folder.parent / f"{folder.name}.lock"):
        index = _read_index(folder)
        if index is None:
            _build(source, folder)
            index = _read_index(folder)
            assert index is not None, "a build that ends without an error has written its folder"
        values = np.memmap(folder / PIXELS, np.uint8, "r")
    shapes = np.array(index["shapes"], np.int64)
    lengths = shapes.prod(1)
    store = ImageStore(values, shapes, np.cumsum(lengths) - lengths)
    return DecodedFolder(store, tuple(index["names"]), tuple(index["hashes"]), tuple(index["notes"]))


def fingerprint(source: Path) -> str:
    """Changes when a file of the folder, or the archive, changes its name, size, permissions or modification time."""
    digest = hashlib.sha256(os.fsencode(source.resolve()))
    for path in files_on_disk(source):
        status = path.stat()
        digest.update(os.fsencode(path) + f" {status.st_size} {status.st_mode} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:20]


def _read_index(folder: Path) -> dict[str, Any] | None:
    """The index of a decoded folder; None if it is missing, or does not fit its pixels."""
    try:
        index: dict[str, Any] = read_json(folder / INDEX)
        size = (folder / PIXELS).stat().st_size
    except (OSError, DamagedFileError):
        return None
    return index if size == sum(h * w * c for h, w, c in index["shapes"]) else None


def _build(source: Path, folder: Path) -> None:
    """Decodes a folder or archive into the cache. The caller holds the lock.

    Raises:
      ValueError, OSError: see `open_folder`.
    """
    for left in folder.parent.glob(f".{folder.name}.*"):  # of a build that was killed
        shutil.rmtree(left, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        write_json(temporary / INDEX, _decode_into(source, temporary / PIXELS))
        if folder.exists():
            shutil.rmtree(folder)
        os.rename(temporary, folder)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OSError(
                f"no space is left in {folder.parent}, where the decoded images of {source} are kept: free some, or "
                "name another folder with AEDEN_CACHE"
            ) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _decode_into(source: Path, pixels_file: Path) -> dict[str, Any]:
    """Writes the pixels of all images of a folder or archive, one image at a time, and returns their index."""
    print(f"decoding the images of {source}, once ...", file=sys.stderr, flush=True)
    index: dict[str, Any] = {"names": [], "shapes": [], "hashes": []}
    skipped: dict[str, str] = {}
    remarks: dict[str, list[str]] = {}
    with open(pixels_file, "wb") as file:
        for name, content in iterate_files(source):
            try:
                if isinstance(content, ImageError):
                    raise content
                image = decode_image(content).opaque()
            except ImageError as error:
                skipped[name] = str(error)
                continue
            for remark in image.notes:
                remarks.setdefault(remark, []).append(name)
            pixels = np.ascontiguousarray(image.uint8())
            file.write(pixels.data)
            index["names"].append(name)
            index["shapes"].append(pixels.shape)
            index["hashes"].append(content_hash(pixels))
        file.flush()
        os.fsync(file.fileno())
    notes = [*skipped_notes(skipped), *remark_notes(remarks)]
    if not index["names"]:
        found = suffixes_found(source) or "no files"
        raise ValueError(
            f"{source} contains no readable image, but {found}{''.join(f'; {note}' for note in notes)}. aeden reads "
            f"{', '.join(SUFFIXES)}"
        )
    return {**index, "notes": notes}
