"""The run folder: it holds one run, is used by one process at a time, and belongs to one config and one data set."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import platform
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from aeden.runtime import files
from aeden.runtime.files import DamagedFileError, read_json, write_json
from aeden.runtime.identity import differences


class RunFolderError(Exception):
    """The folder belongs to another run or is in use by another process."""


@contextlib.contextmanager
def locked(workdir: Path, primary: bool = True) -> Iterator[None]:
    """Holds the lock of a run folder; creates the folder if it does not exist.

    Args:
      workdir: the run folder.
      primary: whether this is the run's primary process; only that one takes the lock.

    Raises:
      RunFolderError: another process holds the lock, or the folder cannot be written to.
    """
    lock = _open_lock(workdir) if primary else None
    if lock is None:
        yield
        return
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise RunFolderError(
                f"{workdir} is in use by another process ({file.read().strip() or 'unknown'}): "
                "wait for it, or choose another --workdir"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}")
        file.flush()
        try:
            yield
        finally:
            # A run that is refused leaves no empty folder behind.
            if [path.name for path in workdir.iterdir()] == [".lock"]:
                (workdir / ".lock").unlink()
                workdir.rmdir()


def _open_lock(workdir: Path) -> TextIO:
    """Opens the lock file of a run folder; creates both if they do not exist."""
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        return open(workdir / ".lock", "a+")
    except OSError as error:
        raise RunFolderError(
            f"{workdir} cannot be used as a run folder ({files.explain(error)}): choose another --workdir"
        ) from error


def claim(workdir: Path, config: Mapping[str, Any], dataset: Mapping[str, str]) -> None:
    """Records the config and data of a new run in its folder. A folder that has a record keeps it.

    Args:
      workdir: the run folder, locked.
      config: the whole config as nested dicts.
      dataset: `name` and `sha256` of the data opened, and the name `requested`.
    """
    path = workdir / "config.json"
    if not path.exists():
        write_json(path, {"config": dict(config), "dataset": dict(dataset)})


def recorded_config(workdir: Path) -> dict[str, Any] | None:
    """The config that a run folder was created with; None if the folder holds no run.

    Raises:
      DamagedFileError: the record cannot be read.
    """
    return _record(workdir)["config"] if (workdir / "config.json").exists() else None


def _record(workdir: Path) -> dict[str, Any]:
    """config.json of a run folder.

    Raises:
      DamagedFileError: it is not the record of a run.
    """
    path = workdir / "config.json"
    record = read_json(path)
    if not isinstance(record, dict) or not all(isinstance(record.get(name), dict) for name in ("config", "dataset")):
        raise DamagedFileError(f"{path} is not the record of a run: delete it, or choose another --workdir")
    return record


def check_config(
    workdir: Path, config: Mapping[str, Any], defaults: Mapping[str, Any], sections: Collection[str]
) -> None:
    """Refuses a folder that holds a run of another experiment; a folder without a run passes.

    Args:
      workdir: the run folder.
      config: the config now.
      defaults, sections: see `aeden.runtime.identity.identity`.

    Raises:
      RunFolderError: naming every field that differs.
    """
    old = recorded_config(workdir)
    changed = differences(old, config, defaults, sections) if old is not None else []
    if changed:
        raise RunFolderError(
            f"{workdir} holds a run with another config ({'; '.join(changed)}): choose another --workdir, or delete it"
        )


def check_data(workdir: Path, dataset: Mapping[str, str]) -> None:
    """Refuses a folder that holds a run on other data; a folder without a run passes.

    Raises:
      RunFolderError: naming both data sets.
      DamagedFileError: the record does not name its data.
    """
    path = workdir / "config.json"
    if not path.exists():
        return
    old = _record(workdir)["dataset"]
    if not all(isinstance(old.get(name), str) for name in ("name", "sha256")):
        raise DamagedFileError(f"{path} does not name the data of its run: delete it, or choose another --workdir")
    if old["sha256"] != dataset["sha256"]:
        raise RunFolderError(
            f"{workdir} was trained on {old['name']} (sha256 {old['sha256'][:12]}), but the data found now is "
            f"{dataset['name']} (sha256 {dataset['sha256'][:12]}): choose another --workdir"
        )


def finished(workdir: Path) -> dict[str, Any] | None:
    """The summary of a finished run; None if the folder holds none.

    Raises:
      DamagedFileError: the summary cannot be read.
    """
    path = workdir / "summary.json"
    if not path.exists():
        return None
    summary = read_json(path)
    if not isinstance(summary, dict) or not summary:
        raise DamagedFileError(f"{path} is damaged: it holds no results; delete it, and run the command again")
    return {name: _with_nan(value) if isinstance(value, dict) else value for name, value in summary.items()}


def _with_nan(table: dict[str, Any]) -> dict[str, Any]:
    """A table of figures with NaN for null, see `aeden.runtime.files.as_json`. A null elsewhere means "none"."""
    return {
        name: _with_nan(value) if isinstance(value, dict) else math.nan if value is None else value
        for name, value in table.items()
    }
