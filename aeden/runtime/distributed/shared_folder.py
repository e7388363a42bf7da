"""Whether all processes of a run see the same run folder."""

from __future__ import annotations

import platform
import time
import uuid
from pathlib import Path

import jax

from aeden.runtime.distributed import meeting
from aeden.runtime.distributed.meeting import MeetingError

# Seconds that a network file system may take to show a new file.
PATIENCE = 10.0


def check_shared(folder: Path, patience: float = PATIENCE) -> None:
    """Refuses a run folder that is not the same one in all processes: process 0 writes a file, the others look for it.

    Args:
      folder: the run folder; exists in process 0.
      patience: seconds to look for the file.

    Raises:
      MeetingError: naming the first process that sees another folder. All processes raise it.
    """
    if jax.process_count() == 1:
        return
    # A new name each time: a network file system remembers names that it has not found.
    name = meeting.from_primary("the run folder", lambda: _mark(folder))
    seen = _appears(folder / name, patience)
    try:
        without = meeting.from_all("the run folder", "" if seen else f"{folder} on {platform.node()}")
        if any(without.values()):
            process = next(process for process, where in sorted(without.items()) if where)
            raise MeetingError(
                f"process {process} does not see the run folder of process 0; its own is {without[process]}: give all "
                "processes the same --workdir, on a file system that their machines share"
            )
    finally:
        if jax.process_index() == 0:
            (folder / name).unlink(missing_ok=True)


def _mark(folder: Path) -> str:
    """Writes a file of a new name; returns the name."""
    name = f".shared-{uuid.uuid4().hex}"
    (folder / name).touch()
    return name


def _appears(path: Path, patience: float) -> bool:
    until = time.monotonic() + patience
    while not path.exists():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True
