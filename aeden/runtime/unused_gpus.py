"""GPUs that a job was given and JAX does not see, most often because JAX was installed without CUDA."""

from __future__ import annotations

from collections.abc import Mapping

import jax

# Variables by which SLURM and containers name the GPUs of a job, and values that stand for none.
VARIABLES = ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS", "CUDA_VISIBLE_DEVICES")
NONE = ("", "-1", "NoDevFiles", "none", "void")


def unused_gpus(environment: Mapping[str, str]) -> str:
    """One line if JAX computes on the CPU of a job that has GPUs; "" otherwise, or where JAX_PLATFORMS chooses.

    Args:
      environment: environment variables.
    """
    named = next((name for name in VARIABLES if environment.get(name, "") not in NONE), None)
    if named is None or environment.get("JAX_PLATFORMS") or jax.default_backend() != "cpu":
        return ""
    return (
        f"note: {named}={environment[named]} gives this job GPUs, but JAX computes on the CPU: "
        "pip install -e '.[cuda12]' -c constraints.txt, or set JAX_PLATFORMS=cpu"
    )
