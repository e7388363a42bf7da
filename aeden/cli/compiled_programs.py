"""Compiled programs, kept from one start of a command to the next."""

from __future__ import annotations

import jax

from aeden.runtime import cache, devices


def keep_programs() -> None:
    """Keeps what XLA compiles in the cache folder, unless the user chose another folder."""
    folder = "jax_compilation_cache_dir"  # a name that only JAX's own config knows, not its types
    if getattr(jax.config, folder) is None:
        devices.keep_programs(cache.cache_folder() / "xla")
