"""The members of a tar archive, compressed or not, without unpacking it to disk."""

from __future__ import annotations

import contextlib
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from aeden.data.image_limits import ImageError, Limits, RefusedSource, in_units

# Headers of a tar archive that hold a long name or the like. tarfile reads them whole, whatever their size.
HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
LARGEST_HEADER = 1 << 20
# How files begin that are no tar archives -> what they are, and the remedy.
ZIP, IMAGE = "a zip archive: unpack it, and name the folder", "a single image: name the folder that it is in"
NO_TAR = {
    **dict.fromkeys((b"PK\3\4", b"PK\5\6", b"PK\7\x08"), ZIP),
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it, and name the folder",
    b"Rar!\x1a\7": "a rar archive: unpack it, and name the folder",
    **dict.fromkeys((b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*"), IMAGE),
}
LONGEST_MARK = max(map(len, NO_TAR))


class PackedFile:
    """A member of an archive that is read when it is wanted, before the next one is looked at."""

    def __init__(self, archive: tarfile.TarFile, member: tarfile.TarInfo, limits: Limits):
        self.archive, self.member, self.limits = archive, member, limits

    def read(self) -> bytes:
        self.limits.check_size(self.member.size)
        file = self.archive.extractfile(self.member)
        assert file is not None, "it is a regular file"
        content = file.read()
        if len(content) != self.member.size:
            raise EOFError(f"member {self.member.name!r} ends early")
        return content


class _Member(tarfile.TarInfo):
    """A member whose header is refused if it is very large."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        member = super().frombuf(buf, encoding, errors)
        if member.type in HEADERS and member.size > LARGEST_HEADER:
            raise ValueError(f"a header of {in_units(member.size)}")
        return member


def archive_files(source: Path, limits: Limits) -> Iterator[tuple[str, PackedFile | ImageError]]:
    """Yields (name, file) of every member that is not hidden; an ImageError in place of one that cannot be read.

    A file must be read before the next one is asked for.

    Raises:
      ValueError: the archive is truncated or damaged, a member points outside of it, or it is larger than the limits.
    """
    count = unpacked = 0
    with one_line_errors(source), open(source, "rb") as start:
        head = start.read(LONGEST_MARK)
    for mark, kind in NO_TAR.items():
        if head.startswith(mark):
            raise RefusedSource(f"{source} is {kind}")
    with one_line_errors(source), tarfile.open(source, tarinfo=_Member) as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # It would keep them all in memory.
            path = PurePosixPath(member.name)
            if path.is_absolute() or ".." in path.parts:
                raise RefusedSource(
                    f"{source}: member {member.name!r} points outside the archive, so the archive is refused"
                )
            count, unpacked = count + 1, unpacked + max(member.size, 0)
            limits.check_members(count, source)
            if unpacked > limits.archive_bytes:
                raise RefusedSource(
                    f"{source} unpacks to more than {in_units(limits.archive_bytes)}: divide it into several"
                )
            if not member.isdir() and not any(part.startswith(".") for part in path.parts):
                yield member.name, _checked(archive, member, limits)
        _check_end(archive)


@contextlib.contextmanager
def one_line_errors(archive: Path) -> Iterator[None]:
    """Turns what tarfile raises for a damaged archive into one line with the remedy."""
    try:
        yield
    except (RefusedSource, ImageError):
        raise
    except PermissionError as error:
        raise ValueError(f"{archive} cannot be read, as the permission is missing: chmod u+r") from error
    except (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError, tarfile.TarError) as error:
        # tarfile says for each kind of archive, in a line of its own, why it is not one.
        reason = str(error).partition("\n")[0].rstrip(":")
        raise ValueError(f"{archive} is truncated or damaged ({reason}): download it again") from error


def _checked(archive: tarfile.TarFile, member: tarfile.TarInfo, limits: Limits) -> PackedFile | ImageError:
    if member.issparse():
        return ImageError("a sparse member: pack it without --sparse")
    if member.islnk() or member.issym():
        return ImageError(f"a link to {member.linkname!r}: pack the file itself, with --dereference --hard-dereference")
    if not member.isreg():
        return ImageError("a named pipe, device or other special member, not a file: leave it out")
    return PackedFile(archive, member, limits)


def _check_end(archive: tarfile.TarFile) -> None:
    """Reads on to the end of the file, after the last member: this verifies the checksum of gzip, bzip2 or xz.

    A .tar without compression has no checksum: where it ends, or a header is damaged, tarfile just stops. It must
    therefore have the blocks of zeros that mark the end.
    """
    file = archive.fileobj
    if file is None:
        return
    while file.read(1 << 20):
        pass
    if isinstance(file, io.BufferedReader):
        file.seek(archive.offset)
        end = file.read(tarfile.BLOCKSIZE)
        if len(end) < tarfile.BLOCKSIZE or end.strip(b"\0"):
            raise EOFError("no end marker after the last member")
