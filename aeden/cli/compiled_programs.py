"""Compiled programs, which later commands find again."""

from __future__ import annotations

import jax

from aeden.runtime import cache


def keep_programs() -> None:
    """Keeps compiled programs for the next start."""
    folder = "jax_compilation_cache_dir"
    if getattr(jax.config, folder) is None:
        jax.config.update(folder, str(cache.cache_folder() / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
