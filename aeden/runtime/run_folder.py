"""The run folder: one run, one process at a time, one config for good; and what a result must say of its cause."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aeden.runtime.files import read_json, write_json
from aeden.runtime.identity import MAY_CHANGE, flatten


class RunFolderError(Exception):
    """The folder belongs to another run, or to another process."""


@contextlib.contextmanager
def locked(workdir: Path, primary: bool = True) -> Iterator[None]:
    """Holds a run folder for one run; makes it where it does not exist. Only a run's primary process holds the lock.

    Raises:
      RunFolderError: another process holds it.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    if not primary:
        yield
        return
    with open(workdir / ".lock", "a+") as file:
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
        yield


def claim(workdir: Path, config: dict[str, Any], dataset: dict[str, str], primary: bool = True) -> None:
    """Binds a run folder to its config and data, or checks that it is bound to the same.

    Args:
      workdir: the run folder, locked.
      config: the whole config as JSON holds it.
      dataset: name and sha256 of the data really opened, and the name asked for.
      primary: whether this process writes.

    Raises:
      RunFolderError: the folder holds a run with another config or other data; the message shows the difference.
    """
    path = workdir / "config.json"
    if not path.exists():
        if primary:
            write_json(path, {"config": config, "dataset": dataset})
        return
    check_config(workdir, config)
    check_data(workdir, dataset)


def check_data(workdir: Path, dataset: dict[str, str]) -> None:
    """Refuses a folder that holds a run on other data; an empty folder passes.

    Raises:
      RunFolderError: naming both.
    """
    path = workdir / "config.json"
    if not path.exists():
        return
    old = read_json(path)["dataset"]
    if old["sha256"] != dataset["sha256"]:
        raise RunFolderError(
            f"{workdir} was trained on {old['name']} (sha256 {old['sha256'][:12]}), but the data found now is "
            f"{dataset['name']} (sha256 {dataset['sha256'][:12]}): choose another --workdir"
        )


def check_config(workdir: Path, config: dict[str, Any]) -> None:
    """Refuses a folder that holds a run with another config; an empty folder passes.

    Raises:
      RunFolderError: naming every field that differs.
    """
    path = workdir / "config.json"
    if not path.exists():
        return
    old, new = flatten(read_json(path)["config"]), flatten(json.loads(json.dumps(config)))
    missing = "(absent)"
    changed = [
        f"{name}: {old.get(name, missing)!r} there, {new.get(name, missing)!r} now"
        for name in sorted({*old, *new})
        if name not in MAY_CHANGE and old.get(name, missing) != new.get(name, missing)
    ]
    if changed:
        raise RunFolderError(
            f"{workdir} holds a run with another config ({'; '.join(changed)}): choose another --workdir, or delete it"
        )


def finished(workdir: Path) -> dict[str, Any] | None:
    """The summary of a finished run, or None."""
    path = workdir / "summary.json"
    return read_json(path) if path.exists() else None
