"""A folder of files that is complete or not there."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from aeden.runtime.files import naming


@contextlib.contextmanager
def new_folder(path: Path, check: Callable[[Path], None]) -> Iterator[Path]:
    """Gives a folder to write files to, and puts these at `path` when all are there.

    If `path` is a folder already, its files are replaced by the new ones or deleted; the folder itself stays.

    Args:
      path: where the files are to be.
      check: called before and after the files are written; raises if `path` must not be replaced.

    Raises:
      OSError: something cannot be written; `path` is then as it was, and nothing is left behind.
    """
    check(path)
    path = path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent)) from error
    temporary = path.with_name(f".aeden-{os.getpid()}-{secrets.token_hex(4)}")
    with naming(path):
        temporary.mkdir()
    try:
        yield temporary
        check(path)
        if not path.exists():
            os.rename(temporary, path)
            return
        names = sorted(each.name for each in temporary.iterdir())
        for old in path.iterdir():
            if old.name not in names:
                old.unlink()
        for name in names:
            os.replace(temporary / name, path / name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
