"""The C library's memory allocator, set so that XLA gets the same pages back at every step."""

from __future__ import annotations

import os
import sys

# Fresh pages for XLA's temporaries cost up to a third of a CPU step: use huge pages, and never give them back.
TUNABLES = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967295:glibc.malloc.trim_threshold=8589934592"


def restart_tuned() -> None:
    """Starts this Python process anew with `TUNABLES`, which the C library reads only when a process starts.

    To be called first of all in a command. Does nothing off Linux, or where GLIBC_TUNABLES is set already.
    """
    if sys.platform == "linux" and "GLIBC_TUNABLES" not in os.environ:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "GLIBC_TUNABLES": TUNABLES})
