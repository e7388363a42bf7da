"""The image files of a folder or of a .tar.gz, one by one.

What cannot be read is named and skipped, never waited for: broken links and loops of links, named pipes, devices,
folders and files without permission, sparse members, files that are too large. Nothing is unpacked to disk. An archive
with a member that points outside of it is refused, and so is a damaged one.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from aeden.data.image_archive import PackedFile, archive_files, one_line_errors
from aeden.data.image_limits import LIMITS, ImageError, Limits

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"),
    *(".jpe", ".jfif", ".apng", ".avif", ".pgm", ".ppm", ".pbm", ".pnm", ".pfm"),
)
# Images of other kinds. They are named as skipped, as they would else be missed.
OTHER_IMAGES = (
    *(".heic", ".heif", ".jxl", ".jp2", ".j2k", ".psd", ".xcf", ".svg", ".eps", ".pdf", ".ico", ".tga", ".exr", ".hdr"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".raw", ".dcm", ".fits", ".czi", ".lif", ".nd2"),
)
# At most so many skipped files are named in a note.
NAMED = 10

Found = tuple[str, bytes | ImageError]


def iterate_files(source: Path, limits: Limits = LIMITS) -> Iterator[Found]:
    """Yields (relative path, content) of every image file of a folder or .tar.gz, in the order of their paths.

    In place of the content it yields an ImageError for what cannot be read, so that the caller can count and name it.
    Hidden files and folders are left out. A link to a folder is followed unless that folder is read anyway.

    Raises:
      FileNotFoundError: the folder or archive does not exist.
      ValueError: the folder cannot be read; the archive is truncated or damaged, or a member points outside of it; or
        there are more members or bytes than the limits allow.
    """
    for path, found in _all_files(source, limits):
        name, suffix = _printable(path), PurePosixPath(path).suffix.lower()
        if isinstance(found, ImageError):
            yield name, found
        elif suffix in OTHER_IMAGES:
            yield name, ImageError(f"aeden does not read {suffix} files: convert it to PNG")
        elif suffix in SUFFIXES:
            yield name, _content(found, source)


def list_files(folder: Path, limits: Limits = LIMITS) -> Iterator[tuple[str, Path | ImageError]]:
    """Yields (relative path, path) of every file of a folder, whatever its suffix, by the rules of `iterate_files`.

    Raises:
      ValueError: the folder cannot be read, or there are more entries than the limits allow.
    """
    for name, found in _folder(folder, limits):
        yield name, found.path if isinstance(found, _OnDisk) else found


def files_on_disk(source: Path, limits: Limits = LIMITS) -> Iterator[Path]:
    """Yields the path of every file that `iterate_files` would look at: those of a folder, or the archive itself.

    Raises:
      FileNotFoundError, ValueError: see `iterate_files`.
    """
    if not source.is_dir():
        yield source
        return
    yield from (path for _, path in list_files(source, limits) if isinstance(path, Path))


def _content(file: _OnDisk | PackedFile, source: Path) -> bytes | ImageError:
    try:
        with one_line_errors(source):
            return file.read()
    except ImageError as error:
        return error


def _printable(name: str) -> str:
    """A name with escapes for what cannot be printed: line breaks, and bytes that are not UTF-8."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in name)


def suffixes_found(source: Path, limits: Limits = LIMITS) -> str:
    """What the files of a folder or archive end in, for error messages: ".txt (3), no suffix (1)"; "" without files."""
    counts: Counter[str] = Counter()
    for name, found in _all_files(source, limits):
        if not isinstance(found, ImageError):
            counts[PurePosixPath(name).suffix.lower() or "no suffix"] += 1
    return ", ".join(f"{suffix} ({count:,})" for suffix, count in counts.most_common(NAMED))


def skipped_notes(skipped: Mapping[str, ImageError | str], count: int | None = None) -> tuple[str, ...]:
    """The note for the user about skipped files, with names and reasons of the first ones; empty if there were none.

    Args:
      skipped: name -> why it was skipped.
      count: how many were skipped, if `skipped` does not hold them all.
    """
    count = len(skipped) if count is None else count
    if not count:
        return ()
    named = [f"{name} ({reason})" for name, reason in list(skipped.items())[:NAMED]]
    more = [f"and {count - len(named):,} more"] if count > len(named) > 0 else []
    listed = f": {'; '.join(named + more)}" if named else ""
    return (f"{count:,} unreadable image{'s were' if count > 1 else ' was'} skipped{listed}",)


def remark_notes(remarks: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Notes about how images were read, one line for all images of which the same is said.

    Args:
      remarks: what is said -> names of the images.
    """
    lines = [
        f"{names[0]}{f' and {len(names) - 1:,} more' if len(names) > 1 else ''}: {remark}"
        for remark, names in remarks.items()
    ]
    more = [f"{len(lines) - NAMED:,} more remarks like these"] if len(lines) > NAMED else []
    return (*lines[:NAMED], *more)


def read_file(path: Path, limits: Limits = LIMITS) -> bytes:
    """The content of a file, without waiting for one that is a named pipe or a device.

    Raises:
      ImageError: it does not exist, is not a file, is too large, or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ImageError(f"{_kind(status.st_mode)}, not a file: leave it out")
            limits.check_size(status.st_size)
            return file.read(limits.file_bytes)
    except OSError as error:
        raise ImageError(_why(error)) from error


def _kind(mode: int) -> str:
    """What a file of this mode is, in words."""
    kinds = {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFDIR: "a folder",
    }
    return kinds.get(stat.S_IFMT(mode), "a special file")


def _why(error: OSError) -> str:
    """Why a file or folder cannot be read, and the remedy."""
    known = {
        errno.ELOOP: "a link that leads to itself: remove it",
        errno.ENOENT: "does not exist, or is a link to a file that does not exist: correct its name",
        errno.EACCES: "cannot be read, as the permission is missing: chmod u+r",
        errno.EISDIR: "a folder, not a file: name its files",
        errno.ENXIO: "a socket or device, not a file: leave it out",
    }
    return known.get(error.errno or 0, f"cannot be read ({error.strerror or error}): copy it again")


class _OnDisk:
    """A file that is read when it is wanted."""

    def __init__(self, path: Path, limits: Limits):
        self.path, self.limits = path, limits

    def read(self) -> bytes:
        return read_file(self.path, self.limits)


Entry = tuple[str, _OnDisk | PackedFile | ImageError]
FolderEntry = tuple[str, _OnDisk | ImageError]


def _all_files(source: Path, limits: Limits) -> Iterator[Entry]:
    """Every file that is not hidden, of a folder or archive."""
    if not source.exists():
        raise FileNotFoundError(f"no image folder or archive {source}")
    if not source.is_dir() and not source.is_file():
        raise ValueError(f"{source} is {_kind(source.stat().st_mode)}, not a folder or archive")
    yield from _folder(source, limits) if source.is_dir() else archive_files(source, limits)


def _folder(source: Path, limits: Limits) -> Iterator[FolderEntry]:
    try:
        os.scandir(source).close()
    except OSError as error:
        raise ValueError(f"{source}: {_why(error)}") from error
    for count, entry in enumerate(_walk(source, limits), 1):
        limits.check_members(count, source)
        yield entry


def _walk(source: Path, limits: Limits) -> Iterator[FolderEntry]:
    """The files below a folder, sorted by path, however deep the folders are nested."""
    root, linked = source.resolve(), set[Path]()
    # What is still to be looked at, and its relative path, the next one last.
    waiting = _entries(source, "")
    while waiting:
        path, relative = waiting.pop()
        try:
            mode = path.stat().st_mode
        except OSError as error:
            yield relative, ImageError(_why(error))
            continue
        if stat.S_ISREG(mode):
            yield relative, _OnDisk(path, limits)
        elif not stat.S_ISDIR(mode):
            yield relative, ImageError(f"{_kind(mode)}, not a file: leave it out")
        elif path.is_symlink() and not leads_elsewhere(path, root, linked):
            yield relative, ImageError("a link to a folder that is read anyway or contains it: not followed")
        else:
            try:
                waiting += _entries(path, f"{relative}/")
            except OSError as error:
                yield relative, ImageError(f"a folder that {_why(error)}")


def _entries(folder: Path, prefix: str) -> list[tuple[Path, str]]:
    """What is in a folder and not hidden, and its relative path, last name first."""
    with os.scandir(folder) as scan:
        names = sorted((entry.name for entry in scan if not entry.name.startswith(".")), reverse=True)
    return [(folder / name, prefix + name) for name in names]


def leads_elsewhere(link: Path, root: Path, linked: set[Path]) -> bool:
    """Whether a link leads to a folder that is neither read anyway nor contains `root`; if so, adds it to `linked`.

    Args:
      link: the link to a folder.
      root: the folder that is read, without links.
      linked: the folders outside of `root` that links have led to.
    """
    target = link.resolve()
    if target.is_relative_to(root) or root.is_relative_to(target) or target in linked:
        return False
    linked.add(target)
    return True
