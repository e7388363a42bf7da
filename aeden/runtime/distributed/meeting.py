"""Processes that wait for each other and compare what they know, through the key-value store of JAX's service.

Collectives are not used for this: on CPUs they give up after 30 s, and say nothing while they wait. Every process must
call these functions in the same order. In a run of one process they do nothing.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax

from aeden.runtime import processes
from aeden.runtime.processes import Interrupted

# Seconds that processes wait for each other within a run. A process that is lost is noticed far earlier.
LONG = 3600.0
# Seconds of silence before a wait is told, and between two lines about it.
TELL = 10.0
_numbers = itertools.count()


class MeetingError(ValueError):
    """Processes do not come, or do not agree."""


def client() -> Any:
    """The client of the coordination service; None in a run of one process."""
    # Orbax takes it from the same place; JAX has no public name for it.
    from jax._src import distributed

    return distributed.global_state.client


def meet(what: str, limit: float = LONG, interruptible: bool = True) -> None:
    """Returns when every process has called this.

    Args:
      what: what the processes have done by then, in a few words.
      limit: seconds to wait.
      interruptible: whether a signal that has been noted ends the wait; not where all work is done.

    Raises:
      MeetingError: not all have come in time.
      Interrupted: SIGTERM or SIGINT arrived meanwhile.
    """
    if jax.process_count() > 1:
        _exchange(f"met/{next(_numbers)}", "", what, limit, _of_jax(), interruptible)


def from_primary(what: str, make: Callable[[], Any]) -> Any:
    """What process 0 makes, in every process; only process 0 calls `make`.

    Args:
      what: what is made, in a few words.
      make: returns something that JSON can hold.

    Raises:
      MeetingError: process 0 has not answered within `LONG`.
    """
    if jax.process_count() == 1:
        return make()
    store, folder = client(), f"aeden/sent/{next(_numbers)}/"
    if jax.process_index() == 0:
        made = make()
        store.key_value_set(f"{folder}value", json.dumps(made))
        return made
    found: list[str] = []

    def look() -> list[int]:
        found.extend(value for _, value in store.key_value_dir_get(folder))
        return [] if found else [0]

    _await(look, what, LONG, jax.process_count())
    return json.loads(found[0])


def from_all(what: str, mine: str) -> dict[int, str]:
    """Gives a text to all processes and returns that of each, by the index of the process.

    Args:
      what: what the texts are about, in a few words.
      mine: the text of this process.

    Raises:
      MeetingError: a process has not come within `LONG`.
    """
    return _exchange(f"told/{next(_numbers)}", mine, what, LONG, _of_jax())


def agree(what: str, facts: Mapping[str, object], limit: float, place: tuple[int, int] | None = None) -> None:
    """Compares facts with those of all other processes.

    Args:
      what: what is compared, in a few words.
      facts: name -> value, printable.
      limit: seconds to wait for the others.
      place: index of this process and number of processes; None to ask JAX, which starts its devices.

    Raises:
      MeetingError: a process has not come in time, or its facts differ from those of process 0; all processes raise it,
        with the same words.
    """
    if client() is None:
        return
    mine = json.dumps({name: str(value) for name, value in facts.items()})
    everyone = _exchange(f"agreed/{next(_numbers)}", mine, what, limit, place or _of_jax())
    first = json.loads(everyone[0])
    for process in sorted(everyone):
        other = json.loads(everyone[process])
        names = [name for name in {**first, **other} if first.get(name) != other.get(name)]
        if names:
            values = "; ".join(
                f"{name} {other.get(name, 'missing')}, not {first.get(name, 'missing')}" for name in names[:3]
            )
            raise MeetingError(
                f"process {process} differs from process 0 in {what}: {values}. Start all processes with the same "
                "command, code and packages, or with --distributed=off to train alone in each"
            )


def _of_jax() -> tuple[int, int]:
    return jax.process_index(), jax.process_count()


def _exchange(
    topic: str, mine: str, what: str, limit: float, place: tuple[int, int], interruptible: bool = True
) -> dict[int, str]:
    """Gives a text to all processes and returns that of each."""
    store, folder = client(), f"aeden/{topic}/"
    store.key_value_set(f"{folder}{place[0]}", mine)
    found: dict[int, str] = {}

    def look() -> list[int]:
        found.update((int(key.rpartition("/")[2]), value) for key, value in store.key_value_dir_get(folder))
        return [process for process in range(place[1]) if process not in found]

    _await(look, what, limit, place[1], interruptible)
    return found


def _await(missing: Callable[[], list[int]], what: str, limit: float, count: int, interruptible: bool = True) -> None:
    """Waits until no process is missing, and tells which are."""
    began, pause, told = time.monotonic(), 0.01, 1
    while absent := missing():
        waited = time.monotonic() - began
        names = ", ".join(map(str, absent[:8])) + (", ..." if len(absent) > 8 else "")
        if waited > limit:
            raise MeetingError(
                f"process {names} of {count} has not come within {limit:.0f} s ({what}): see its own output, and run "
                "the same command again"
            )
        if waited > told * TELL:
            told += 1
            line = f"waiting for {len(absent)} of {count} processes (process {names}; {what}), {waited:.0f} s"
            print(line, file=sys.stderr, flush=True)
        if interruptible and processes.stop_noted():
            raise Interrupted("stopped while waiting for the other processes: run the same command again to go on")
        time.sleep(pause)
        pause = min(1.5 * pause, 0.5)
