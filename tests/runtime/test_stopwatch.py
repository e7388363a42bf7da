"""Seconds by part: they add up to the time that passed, and compilation counts on its own."""

from __future__ import annotations

import threading
import time

import jax
import jax.numpy as jnp
import pytest

from aeden.runtime import stopwatch


def sleep(seconds: float) -> float:
    """Sleeps; returns how long it took."""
    began = time.monotonic()
    time.sleep(seconds)
    return time.monotonic() - began


def test_inner_parts_do_not_count_for_outer_ones():
    started = time.monotonic()
    with stopwatch.part("outer"):
        outer = sleep(0.02)
        with stopwatch.part("inner"):
            inner = sleep(0.03)
        outer += sleep(0.01)
    seconds = stopwatch.breakdown(started)
    passed = time.monotonic() - started
    assert set(seconds) == {"start", "outer", "inner"}
    assert inner <= seconds["inner"]
    assert outer <= seconds["outer"]
    assert outer + inner <= sum(seconds.values()) <= passed


def test_only_the_time_since_the_given_moment_counts():
    with stopwatch.part("work"):
        sleep(0.02)
        started = time.monotonic()
        later = sleep(0.01)
    seconds = stopwatch.breakdown(started)
    assert later <= seconds["work"] <= time.monotonic() - started


def test_compilation_is_a_part_of_its_own_wherever_it_happens():
    started = time.monotonic()
    with stopwatch.part("work"):
        jax.jit(lambda x: jnp.sin(x) * 3.25 + jax.jit(jnp.cosh)(x))(jnp.ones(7))
        compiled = stopwatch.breakdown(started)["compile"]
        rest = sleep(0.02)
    seconds = stopwatch.breakdown(started)
    assert 0 < compiled == pytest.approx(seconds["compile"])
    assert rest <= seconds["work"]
    assert sum(seconds.values()) <= time.monotonic() - started


def test_a_compilation_that_contains_another_counts_once():
    clock = stopwatch._Stopwatch()
    started = time.monotonic()
    with clock.part("work"):
        before = sleep(0.02)
        whole = sleep(0.01)
        clock.compiled("/jax/core/compile/inner", whole / 2)
        whole += sleep(0.01)
        clock.compiled("/jax/core/compile/outer", whole)
        clock.compiled("/jax/something/else", 100.0)
    seconds = clock.breakdown(started)
    assert seconds["compile"] == pytest.approx(whole)
    assert seconds["work"] >= before - 1e-6
    assert sum(seconds.values()) <= time.monotonic() - started


def test_a_time_before_the_first_record_counts_as_start():
    clock = stopwatch._Stopwatch()
    seconds = clock.breakdown(time.monotonic() - 10.0)
    assert seconds == {"start": pytest.approx(10.0, abs=5.0)}


def test_other_threads_do_not_count():
    started = time.monotonic()

    def work() -> None:
        with stopwatch.part("elsewhere"):
            sleep(0.01)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "elsewhere" not in stopwatch.breakdown(started)


def test_breakdowns_are_merged_by_part():
    assert stopwatch.merge({"train": 1.0, "test": 2.0}, {"train": 3.0}) == {"train": 4.0, "test": 2.0}
