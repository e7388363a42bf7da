"""Settings of the C library's memory allocator (glibc malloc) that let XLA reuse the same memory pages in every step.

This module must import nothing but `os` and `sys`, because it restarts the process before anything else happens.
"""

from __future__ import annotations

import os
import sys

# Fresh pages for XLA's temporaries cost up to a third of a CPU step: use huge pages, and never return them to the
# system.
TUNABLES = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967295:glibc.malloc.trim_threshold=8589934592"


def restart_tuned() -> None:
    """Restarts this Python process with `TUNABLES`, which the C library reads only when a process starts.

    Commands call it before anything else. It does nothing if the system is not Linux or GLIBC_TUNABLES is already set.
    """
    if sys.platform == "linux" and "GLIBC_TUNABLES" not in os.environ:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, "GLIBC_TUNABLES": TUNABLES})
