"""Images in class folders, on disk or in a .tar.gz: `root/A/name.png`. notMNIST's layout, and that of many others.

Nothing is ever unpacked to disk, and a member that points outside its archive is refused.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from aeden.data.batches import Split

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


def read_members(source: Path) -> Iterator[tuple[str, bytes]]:
    """Yields (path within, content) of every image file of a folder or .tar.gz.

    Raises:
      FileNotFoundError: there is no such folder or archive.
      ValueError: the archive is truncated or damaged, or a member points outside.
    """
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                yield path.relative_to(source).as_posix(), path.read_bytes()
        return
    if not source.exists():
        raise FileNotFoundError(f"no image folder or archive {source}")
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                yield from _read_member(archive, member, source)
            # A tar ends before its gzip does: only the end of the latter holds the checksum of all.
            while archive.fileobj is not None and archive.fileobj.read(1 << 20):
                pass
    except (EOFError, zlib.error, tarfile.TarError, OSError) as error:
        if isinstance(error, PermissionError):
            raise
        raise ValueError(f"{source} is truncated or damaged ({error}): fetch it again") from error


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo, source: Path) -> Iterator[tuple[str, bytes]]:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or member.issym() or member.islnk() or member.isdev():
        raise ValueError(f"{source}: member {member.name!r} points outside the archive; it is refused")
    if member.isfile() and path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
        file = archive.extractfile(member)
        assert file is not None
        content = file.read()
        if len(content) != member.size:
            raise EOFError(f"member {member.name!r} ends early")
        yield member.name, content


def decode(content: bytes) -> np.ndarray | None:
    """Pixels of an image file as uint8 [h, w, c], c = 1 or 3; None where it cannot be read."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            gray = image.mode in ("1", "L", "LA", "I", "I;16")
            pixels = np.asarray(image.convert("L" if gray else "RGB"))
    except Exception:  # Pillow raises whatever a damaged file makes it stumble over.
        return None
    return pixels[..., None] if gray else pixels


def content_hash(image: np.ndarray) -> str:
    """sha256 of an image's shape and pixels, in hexadecimal."""
    return hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


def hash_split(digest: str) -> str:
    """The split of an image, by its content: 80 % train, 10 % validation, 10 % test. Duplicates go together."""
    share = int(digest[:12], 16) / 16**12
    return "train" if share < 0.8 else "validation" if share < 0.9 else "test"


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
