"""The current process: the processor cores it uses, its parent process, and the signals that stop it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Environment variable with the process id of the command that started this run, see `stop_with_parent`.
PARENT = "AEDEN_PARENT"
# The Linux kernel's option "send me this signal when my parent dies", from <linux/prctl.h>.
PR_SET_PDEATHSIG = 1
# The signals that stop a run, and what Python does at each if nobody says otherwise.
USUAL = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,  # the terminal is closed; nohup has it ignored
}


class Interrupted(Exception):
    """The run was asked to stop and has saved a checkpoint."""


# Signals since `note_interrupts` and `note_terminations`, and those that the innermost `stop_signals` has received.
_noted: list[int] = []
_received: list[list[int]] = []


def leave_on_interrupt() -> None:
    """From now on the signals of `USUAL` end the process at once, with one line: for imports, before anything else."""

    def leave(*_: Any) -> None:
        with contextlib.suppress(OSError):
            os.write(2, b"interrupted before anything was done\n")
        os._exit(130)

    for number in USUAL:
        if signal.getsignal(number) is USUAL[number]:
            signal.signal(number, leave)


def note_interrupts() -> None:
    """From now on the signals of `USUAL` raise KeyboardInterrupt and are noted too.

    Python drops an exception that a handler raises in a callback, e.g. of the garbage collection. The note is not lost:
    the next `stop_signals` begins with it.
    """

    def receive(number: int, _: Any) -> None:
        _noted.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        return
    for number in USUAL:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, receive)


def note_terminations() -> None:
    """From now on SIGTERM is only noted, for a run of several processes: all save and stop at the same step.

    The next `stop_signals` begins with the note, and so does whoever asks `stop_noted`. A second one ends the process.
    """

    def receive(number: int, _: Any) -> None:
        if _noted or stop_requested():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        _noted.append(number)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, receive)


def stop_noted() -> bool:
    """Whether a signal has been noted outside any `stop_signals`."""
    return bool(_noted)


def stop_requested() -> bool:
    """Whether a signal has arrived in the `stop_signals` that is open."""
    return bool(_received and _received[-1])


def cores() -> int:
    """Number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS only reports the total.


def keep_to_cores(count: int) -> None:
    """Restricts this process to `count` of its cores, if the system supports it; 0 changes nothing.

    Call it before JAX starts. XLA adds numbers in another order with several threads than with one, so the last bits
    of results depend on the number of cores.

    Raises:
      ValueError: the process has fewer cores, or `count` is negative.
    """
    if count and hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if not 0 < count <= len(allowed):
            raise ValueError(f"--cpu_cores={count}: this process has {len(allowed)} cores; 0 uses all of them")
        os.sched_setaffinity(0, allowed[-count:])


def stop_with_parent() -> None:
    """Makes this process receive SIGTERM when its parent process dies, so that it saves and stops.

    This happens only if the environment variable `PARENT` names the parent, and only on Linux.

    Raises:
      ProcessLookupError: the parent has already died.
    """
    parent = os.environ.get(PARENT)
    if parent is None or sys.platform != "linux":
        return
    if not parent.isdecimal():
        raise ValueError(f"the environment variable {PARENT}={parent} is no process id: unset it")
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        raise ProcessLookupError(f"process {parent}, which started this one, is gone")


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collects the signals of `USUAL` in a list, which is empty until the first arrives; see `stop_requested`.

    The handlers do nothing else: whoever works inside looks at the list from time to time. A second signal has its
    usual effect again. Outside the main thread, Python cannot receive signals, so the list stays empty.
    """
    received = list(_noted)
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {number: signal.getsignal(number) for number in USUAL}
    if before[signal.SIGHUP] == signal.SIG_IGN:
        del before[signal.SIGHUP]

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def receive(number: int, _: Any) -> None:
        received.append(number)
        restore()

    for number in before:
        signal.signal(number, receive)
    _received.append(received)
    try:
        yield received
    finally:
        _received.pop()
        restore()
