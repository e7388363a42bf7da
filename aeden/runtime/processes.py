"""This process: its cores, its parent, its signals."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# The environment's name for the process that started a run among others.
PARENT = "AEDEN_PARENT"


# The Linux kernel's "send me this signal when my parent dies".
PR_SET_PDEATHSIG = 1


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS tells no more than this.


def keep_to_cores(count: int) -> None:
    """Keeps this process to so many of its cores, where the system can; 0 leaves it as it is. Before JAX starts.

    XLA's sums over many threads are in another order than one thread's: the last bits of a result depend on it.

    Raises:
      ValueError: there are not so many.
    """
    if count and hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if not 0 < count <= len(allowed):
            raise ValueError(f"--cpu_cores={count}: there are {len(allowed)} here; 0 keeps all of them")
        os.sched_setaffinity(0, allowed[-count:])


def stop_with_parent() -> None:
    """Where the environment names the process that this one must not outlive (`PARENT`): stops, saving, when it dies.

    Linux only; elsewhere nothing.

    Raises:
      ProcessLookupError: it has died already.
    """
    parent = os.environ.get(PARENT)
    if parent is None or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        raise ProcessLookupError(f"process {parent}, which started this one, is gone")


class Interrupted(Exception):
    """The run was asked to stop, and has saved a checkpoint."""


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """A list that is empty until SIGINT or SIGTERM comes. A second signal acts as if nobody listened."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _: Any) -> None:
        received.append(number)
        restore()

    for number in before:
        signal.signal(number, note)
    try:
        yield received
    finally:
        restore()
