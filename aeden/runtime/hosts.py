"""Joining several processes, on one machine or on many, to one run."""

from __future__ import annotations

import jax


def join_processes(coordinator: str, processes: int, process: int) -> None:
    """Makes this process one of several processes of a run. Call it before any other use of JAX.

    Args:
      coordinator: host:port at which process 0 listens.
      processes: number of processes in the run.
      process: index of this process, from 0.

    Raises:
      ValueError: the index is not in 0..processes - 1.
    """
    if not 0 <= process < processes:
        raise ValueError(f"--coordinator needs --processes=N and --process from 0 to N-1, not {processes}, {process}")
    jax.distributed.initialize(coordinator, processes, process)
