"""The image files of a folder or a .tar.gz, one by one.

Nothing is unpacked to disk, and an archive with a member that points outside of it is refused.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from aeden.data.image_limits import LIMITS, ImageError, Limits

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


def read_members(source: Path) -> Iterator[tuple[str, bytes]]:
    """Yields (relative path, file content) of every image file of a folder or .tar.gz, without hidden files.

    Raises:
      FileNotFoundError: the folder or archive does not exist.
      ValueError: the archive is truncated or damaged, or a member points outside of it.
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
            # The tar data ends before the gzip file does. Reading on to the end verifies the gzip checksum.
            while archive.fileobj is not None and archive.fileobj.read(1 << 20):
                pass
    except (EOFError, zlib.error, tarfile.TarError, OSError) as error:
        if isinstance(error, PermissionError):
            raise
        raise ValueError(f"{source} is truncated or damaged ({error}): download it again") from error


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo, source: Path) -> Iterator[tuple[str, bytes]]:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or member.issym() or member.islnk() or member.isdev():
        raise ValueError(f"{source}: member {member.name!r} points outside the archive, so the archive is refused")
    if member.isfile() and path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
        file = archive.extractfile(member)
        assert file is not None
        content = file.read()
        if len(content) != member.size:
            raise EOFError(f"member {member.name!r} ends early")
        yield member.name, content


def skipped_note(skipped: int) -> tuple[str, ...]:
    """The note for the user about skipped unreadable images; empty if there were none."""
    if not skipped:
        return ()
    return (f"{skipped} unreadable image{'s were' if skipped > 1 else ' was'} skipped",)


def iterate_files(source: Path, limits: Limits = LIMITS) -> Iterator[tuple[str, bytes | ImageError]]:
    """Yields (relative path, content) of every image file of a folder or archive; an ImageError for one to skip."""
    for name, content in read_members(source):
        if len(content) > limits.file_bytes:
            yield name, ImageError(f"{len(content)} bytes are too many: scale the image down")
        else:
            yield name, content
