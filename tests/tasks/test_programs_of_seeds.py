"""Runs that differ in their seed only have the same programs, so that each after the first finds them compiled."""

import time

import jax
import pytest

from aeden.tasks import execute
from configs import base, smoke

MISSED = "/jax/compilation_cache/cache_misses"


def compiled_by(config, folder):
    """How many programs a run compiles, and does not find."""
    missed = []

    def count(event, **_):
        missed.append(event)

    jax.monitoring.register_event_listener(count)
    try:
        execute.execute(config, base.get_config().to_dict(), folder, time.monotonic())
    finally:
        jax.monitoring.unregister_event_listener(count)
    return missed.count(MISSED)


@pytest.mark.parametrize(
    "task",
    [
        "denoise",
        *(pytest.param(task, marks=pytest.mark.proof) for task in ("super_resolve", "segment", "gan", "stack")),
    ],
)
def test_another_seed_compiles_nothing(task, tmp_path, monkeypatch):
    least = jax.config.jax_persistent_cache_min_compile_time_secs
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    config = smoke.get_config()
    config.task = task
    config.epochs, config.steps = 0.0, 2
    if task == "segment":
        config.data.name, config.data.side = "letters", 32
    try:
        first = compiled_by(config, tmp_path / "0")
        config.seed = 1
        second = compiled_by(config, tmp_path / "1")
    finally:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", least)
    assert first > 0
    assert second == 0
