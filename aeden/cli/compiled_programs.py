"""Compiled programs, kept from one start of a command to the next."""

from __future__ import annotations

import warnings

import jax

from aeden.runtime import cache, devices


def keep_programs() -> None:
    """Keeps what XLA compiles in the cache folder, unless the user chose another folder.

    Where it cannot be kept, as on a full disk, it is compiled again at the next start. jax would warn of each program.
    """
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache")
    folder = "jax_compilation_cache_dir"  # a name that only JAX's own config knows, not its types
    if getattr(jax.config, folder) is None:
        devices.keep_programs(cache.cache_folder() / "xla")
