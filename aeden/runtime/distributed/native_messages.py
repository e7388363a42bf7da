"""What JAX's coordination service and Gloo write on standard error and output, past Python, and the service's abort.

When a partner is lost, the service writes pages and ends the process with SIGABRT. In place of that, this process says
in one line what has happened: the pages are filtered out, and the abort waits some seconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import sys
import threading
from typing import TextIO

from aeden.runtime import standard_streams

# The head of a message of XLA's log, e.g. "E1127 01:48:30.239971    7106 coordination_service_agent.cc:289] ...".
_HEAD = re.compile(rb"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ ([\w./-]+):\d+\] ?(.*)")
_FILES = re.compile(rb"coordination|client\.h|distributed|gloo|barrier")


class NativeMessages:
    """Filters what native code writes on standard error and output, and delays an abort by six seconds.

    Attributes:
      fatal: set when the service is about to end the process.
      reason: what the service said then.
    """

    def __init__(self) -> None:
        self.fatal, self.reason = threading.Event(), ""
        self._dropping = False

    def install(self) -> None:
        """From now on native messages pass the filter; Python's own go to the same place as before, unfiltered."""
        sys.stderr = standard_streams.forgiving(self._behind_filter(2))
        with contextlib.suppress(OSError):  # standard output is closed
            sys.stdout = self._behind_filter(1)
        # The thread that aborts calls sleep(SIGABRT), so it sleeps 6 s. No Python runs in the handler, because the
        # aborting thread may hold any lock.
        library = ctypes.CDLL(None)
        library.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
        library.signal(int(signal.SIGABRT), ctypes.cast(library.sleep, ctypes.c_void_p))

    def _behind_filter(self, number: int) -> TextIO:
        """Puts the filter before standard output (1) or error (2); returns a stream of Python's past it."""
        real = os.dup(number)
        stream = os.fdopen(os.dup(real), "w", buffering=1, errors="backslashreplace")
        reader, writer = os.pipe()
        os.dup2(writer, number)
        os.close(writer)
        threading.Thread(target=self._pump, args=(reader, real), daemon=True, name="native-messages").start()
        return stream

    def _pump(self, reader: int, real: int) -> None:
        with os.fdopen(reader, "rb", buffering=0) as lines:
            rest = b""
            while data := lines.read(65536):
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    if self.passes(line):
                        try:
                            os.write(real, line + b"\n")
                        except OSError:
                            continue  # nobody reads it

    def passes(self, line: bytes) -> bool:
        """Whether a line is to be shown. Lines of the coordination service, with what belongs to them, are not."""
        head = _HEAD.match(line)
        if head:
            self._dropping = bool(_FILES.search(head[1]))
            if self._dropping and line.startswith(b"F"):
                self.reason = head[2].decode(errors="replace")
                self.fatal.set()
        elif self._dropping and self.fatal.is_set() and len(self.reason) < 4000:
            self.reason += " " + line.decode(errors="replace")
        return not self._dropping and not line.startswith(b"[Gloo]")
