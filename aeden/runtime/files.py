"""Text, JSON and CSV files. A file is written completely or not at all."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import math
import os
import secrets
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

# A row of a table: column name -> value.
Row = dict[str, Any]


# What to do about an error of the system.
REMEDIES = {
    errno.ENOSPC: "make room on that disk, and run the same command again",
    errno.EDQUOT: "make room in your quota, and run the same command again",
    errno.EROFS: "choose a folder on a disk that can be written to",
    errno.EACCES: "change its permissions, or choose another folder",
    errno.EPERM: "change its permissions, or choose another folder",
    errno.EEXIST: "something of that name is in the way: rename it, or choose another folder",
    errno.ENOTDIR: "a part of this path is no folder: rename it, or choose another folder",
    errno.EISDIR: "a folder is in the way: rename it, or choose another folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "raise the limit of open files: ulimit -n 4096",
    errno.EIO: "the disk fails: choose another folder",
}


class DamagedFileError(ValueError):
    """A file written by aeden can no longer be read."""


def explain(error: OSError) -> str:
    """An error of the system in one line: the file, what is wrong, and the remedy."""
    if error.errno is None:
        return " ".join(str(error).split())
    what = error.strerror or os.strerror(error.errno)
    where = f"{error.filename}: " if error.filename is not None else ""
    remedy = REMEDIES.get(error.errno)
    return f"{where}{what}" + (f"; {remedy}" if remedy else "")


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors of the system inside name this file, also those of `write` and `flush`, which know no name."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            error.filename, error.filename2 = str(path), None
        raise


def as_json(content: Any) -> str:
    """The text of a JSON file. Numbers that are not finite become null: JSON has none.

    So a null in a table of figures is a figure that is not finite, such as the PSNR of equal images.

    Raises:
      TypeError: the content cannot be written as JSON.
    """
    return json.dumps(_finite(content), indent=2, allow_nan=False) + "\n"


def _finite(content: Any) -> Any:
    if isinstance(content, float) and not math.isfinite(content):
        return None
    if isinstance(content, dict):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return content


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file atomically and flushes it to the disk; see `as_json`.

    Raises:
      TypeError: the content cannot be written as JSON.
      OSError: the file cannot be written; an older file of this name is unchanged.
    """
    write_text(path, as_json(content))


def write_text(path: Path, text: str) -> None:
    """Writes a text file atomically and flushes it to the disk.

    Raises:
      OSError: the file cannot be written; an older file of this name is unchanged.
    """
    with naming(path):
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(descriptor, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


@contextlib.contextmanager
def new_file(path: Path, replace: bool = False) -> Iterator[io.BufferedIOBase]:
    """A binary file for reading and writing that gets its name once it is complete and on the disk.

    Its permissions follow the umask, or are those of the file that it replaces. Its folder must exist.

    Args:
      path: the name.
      replace: whether an existing file of this name is replaced.

    Raises:
      FileExistsError: there is something of this name, before or after writing, and it is not to be replaced.
      OSError: the file cannot be written; an older file of this name is unchanged, and nothing is left behind.
    """
    if not replace and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    # A short name, since a name of the greatest length has no room for a suffix.
    temporary = path.with_name(f".aeden-{os.getpid()}-{secrets.token_hex(4)}")
    with naming(path):
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    try:
        with open(descriptor, "w+b") as file:
            if replace and path.is_file():
                os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
            yield file
            file.flush()
            os.fsync(descriptor)
        with naming(path):
            if replace:
                os.replace(temporary, path)
            else:
                _name(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _name(temporary: Path, path: Path) -> None:
    """Renames a file, unless there is one of the new name, even if it came a moment ago.

    Raises:
      FileExistsError: there is one.
    """
    try:
        os.link(temporary, path)
        os.unlink(temporary)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.rename(temporary, path)


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
      DamagedFileError: the file is not valid JSON.
      OSError: the file does not exist or cannot be read.
    """
    try:
        return json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{path} is damaged ({error}): delete it, or choose another --workdir") from error


def write_csv(path: Path, rows: list[Row]) -> None:
    """Writes a CSV file, one line per row; a value that a row lacks is left empty.

    Raises:
      OSError: the file cannot be written; an older file of this name is unchanged.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def columns(rows: Iterable[Row]) -> list[str]:
    """The names of all columns that occur in any row, in order of first occurrence."""
    return list(dict.fromkeys(name for row in rows for name in row))
