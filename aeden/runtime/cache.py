"""The cache folder, for everything that can be made again: prepared data sets, decoded arrays, compiled programs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def cache_folder() -> Path:
    """`AEDEN_CACHE`, else `aeden` in the user's cache folder (`XDG_CACHE_HOME`, `~/.cache`), else a temporary folder.

    The folder is created if it does not exist. Users can delete it at any time.

    Raises:
      PermissionError: `AEDEN_CACHE` is set, but cannot be written to.
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
    return Path(tempfile.mkdtemp(prefix="aeden-"))


@contextlib.contextmanager
def only_one(lock_file: Path) -> Iterator[None]:
    """Waits until no other process is in a block with the same lock file, then runs the block."""
    with open(lock_file, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
