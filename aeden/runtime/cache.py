"""The cache folder, for everything that can be made again: prepared data sets, decoded arrays, compiled programs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path


def cache_folder() -> Path:
    """`AEDEN_CACHE`, else `aeden` in the user's cache folder (`XDG_CACHE_HOME`, `~/.cache`), else `aeden-USER` in the
    folder for temporary files, the same at each start.

    The folder is created if it does not exist. Users can delete it at any time.

    Raises:
      PermissionError: `AEDEN_CACHE` is set, but cannot be written to; or there is no folder to write to.
    """
    chosen = os.environ.get("AEDEN_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or Path("~").expanduser() / ".cache"
    folder = Path(chosen).expanduser() if chosen else Path(home) / "aeden"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if writable:
        return folder
    if chosen:
        raise PermissionError(f"AEDEN_CACHE={chosen} cannot be written to: choose another folder")
    return _shared_temporary()


def _shared_temporary() -> Path:
    """A folder of this user's own among the temporary files. One that somebody else has made is not used."""
    folder = Path(tempfile.gettempdir()) / f"aeden-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise PermissionError(f"no folder for a cache can be written to ({error.strerror}): set AEDEN_CACHE") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(f"{folder} is not a folder of yours alone, so it is not used as a cache: set AEDEN_CACHE")
    return folder


@contextlib.contextmanager
def only_one(lock_file: Path) -> Iterator[None]:
    """Waits until no other process is in a block with the same lock file, then runs the block."""
    with open(lock_file, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
