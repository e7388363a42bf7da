"""What all processes of a run must have in common, compared before any work."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

import aeden
from aeden.runtime import provenance
from aeden.runtime.distributed import meeting
from aeden.runtime.distributed.placement import Place
from aeden.runtime.identity import flatten

# Of JAX, which environment variables set: they decide types, random numbers and products.
JAX_OPTIONS = (
    "jax_enable_x64",
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
    "jax_default_matmul_precision",
    "jax_numpy_dtype_promotion",
    "jax_disable_jit",
)


def agree_on_command(experiment: Mapping[str, Any], place: Place, limit: float) -> None:
    """Compares configs, code, versions of packages and options of JAX.

    Args:
      experiment: the whole config as nested dicts.
      place: the place of this process.
      limit: seconds to wait for the others.

    Raises:
      MeetingError: see `meeting.agree`.
    """
    facts = {**flatten(experiment), **{f"version of {name}": value for name, value in provenance.versions().items()}}
    facts |= {name: getattr(jax.config, name) for name in JAX_OPTIONS}
    facts["sha256 of aeden's code"] = code_digest(Path(aeden.__file__).parent)
    meeting.agree("command or code", facts, limit, (place.process, place.processes))


def agree_on_devices(place: Place, limit: float) -> None:
    """Compares numbers and kinds of devices; this starts JAX's devices.

    Raises:
      MeetingError: see `meeting.agree`.
    """
    # Starting them waits for all processes, which must not be far apart.
    meeting.agree("being about to start the devices", {}, limit, (place.process, place.processes))
    facts = {"number of local devices": jax.local_device_count(), "platform": jax.default_backend()}
    meeting.agree("devices", facts, limit)


def code_digest(folder: Path) -> str:
    """The first 12 hexadecimal digits of a hash over all Python files in a folder, with their names."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
