"""Reading image files from a folder or a .tar.gz."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

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
