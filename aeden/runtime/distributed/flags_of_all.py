"""A flag of each process, such as that it was asked to stop, told to all: by a collective, between two steps."""

from __future__ import annotations

import jax
import numpy as np

from aeden.runtime.distributed import turns


def processes_with(flag: bool) -> list[int]:
    """The processes in which the flag is set. All processes must call this, and all get the same answer."""
    if jax.process_count() == 1:
        return [0] if flag else []
    from jax.experimental import multihost_utils

    with turns.collective():
        return [int(i) for i in np.flatnonzero(multihost_utils.process_allgather(np.array(flag)))]
