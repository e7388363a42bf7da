"""Joining the processes of one run, on one machine or many."""

from __future__ import annotations

import jax


def join_processes(coordinator: str, processes: int, process: int) -> None:
    """Makes this process one of a run of several, before anything else is asked of JAX.

    Args:
      coordinator: host:port where process 0 listens.
      processes: how many there are.
      process: which this one is, from 0.

    Raises:
      ValueError: the numbers do not fit together.
    """
    if not 0 <= process < processes:
        raise ValueError(f"--coordinator needs --processes=N and --process from 0 to N-1, not {processes}, {process}")
    jax.distributed.initialize(coordinator, processes, process)
