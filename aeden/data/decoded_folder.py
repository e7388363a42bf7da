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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aeden.data.image_files import ImageError, decode_image, iterate_files
from aeden.data.image_store import ImageStore
from aeden.data.splits import content_hash
from aeden.runtime.cache import cache_folder, only_one
from aeden.runtime.files import DamagedFileError, read_json, write_json

# Part of the cache's key: raise it when the same files would be decoded to other pixels.
VERSION = 1
PIXELS, INDEX = "pixels.bin", "index.json"
# Number of files that a note names.
NAMED = 5


@dataclasses.dataclass(frozen=True, eq=False)
class DecodedFolder:
    """The readable images of a folder or archive, in order of their names.

    Attributes:
      images: the images, 8 bits per value, gray or RGB; an alpha channel is left out.
      names: path of each image, relative to the folder.
      hashes: `content_hash` of each image.
      skipped: name of each file that was left out -> why.
    """

    images: ImageStore
    names: tuple[str, ...]
    hashes: tuple[str, ...]
    skipped: Mapping[str, str]


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
    return DecodedFolder(store, tuple(index["names"]), tuple(index["hashes"]), index["skipped"])


def left_out(reasons: Mapping[str, str]) -> tuple[str, ...]:
    """The note for the user about files that were left out, with the names of the first; empty if there are none.

    Args:
      reasons: name of a file -> why.
    """
    if not reasons:
        return ()
    named = [f"{name} ({reason})" for name, reason in list(reasons.items())[:NAMED]]
    more = f" and {len(reasons) - NAMED} more" if len(reasons) > NAMED else ""
    return (f"{len(reasons)} file{'s were' if len(reasons) > 1 else ' was'} left out: {'; '.join(named)}{more}",)


def fingerprint(source: Path) -> str:
    """Changes when a file of the folder, or the archive, changes its name, size or modification time."""
    digest = hashlib.sha256(os.fsencode(source.resolve()))
    for path in sorted(_files(source)) if source.is_dir() else [source]:
        try:
            status = path.stat()
        except OSError:  # a link that leads nowhere, or a file that has just been deleted
            continue
        digest.update(os.fsencode(path) + f" {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:20]


def _files(source: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(source):
        yield from (Path(folder) / name for name in names)


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
    index: dict[str, Any] = {"names": [], "shapes": [], "hashes": [], "skipped": {}}
    with open(pixels_file, "wb") as file:
        for name, content in iterate_files(source):
            try:
                if isinstance(content, ImageError):
                    raise content
                pixels = np.ascontiguousarray(decode_image(content).uint8())
            except ImageError as error:
                index["skipped"][name] = str(error)
                continue
            file.write(pixels.data)
            index["names"].append(name)
            index["shapes"].append(pixels.shape)
            index["hashes"].append(content_hash(pixels))
        file.flush()
        os.fsync(file.fileno())
    if not index["names"]:
        reasons = "".join(f"; {note}" for note in left_out(index["skipped"]))
        raise ValueError(f"{source} contains no readable image{reasons}")
    return index
