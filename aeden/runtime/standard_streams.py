"""Standard output and error that may be closed: what a run has to say must not end it.

This module must import nothing but the standard library: commands call it before anything else.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any


def open_closed() -> None:
    """Opens the standard streams that are closed, as the null device.

    Otherwise the next file that is opened, perhaps a checkpoint, would get the number of standard error, and a library
    that writes there would write into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is given out, so it is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


class _Forgiving:
    """A text stream whose `write` and `flush` never fail."""

    def __init__(self, stream: Any):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes what can be written."""
        # ValueError: the stream is closed, or cannot represent the text.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flushes what can be flushed."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def forgiving(stream: Any) -> Any:
    """The same text stream, but its `write` and `flush` never fail."""
    return _Forgiving(stream)


@contextlib.contextmanager
def forgiving_stderr() -> Iterator[None]:
    """Inside, messages that standard error does not take (reader gone, disk full) are lost, and nothing fails."""
    before = sys.stderr
    sys.stderr = _Forgiving(before)
    try:
        yield
    finally:
        sys.stderr = before
