"""Random keys from (seed, phase, stream, step, example index): no key is used twice, and every one can be made again.

A key depends on nothing else, so a resumed run replays the same noise, and noise is the same for every batch size
and device count.
"""

from __future__ import annotations

import enum

import jax
import jax.numpy as jnp

from aeden.shapes import Array, Integer, Key


class Stream(enum.IntEnum):
    """What a key is for. The numbers are part of every recorded result: never renumber, only append."""

    INIT = 0
    ORDER = 1
    TRAIN = 2
    VALIDATION = 3
    TEST = 4
    LABELS = 5


# Streams of a phase: room for more of them than there will ever be.
STREAMS = 256


def stream_key(seed: int | Integer[Array, ""], stream: Stream, phase: int = 0) -> Key[Array, ""]:
    """The key of one stream of one phase of a run, from 0."""
    return jax.random.fold_in(jax.random.key(seed), STREAMS * phase + int(stream))


def example_keys(key: Key[Array, ""], step: int | Integer[Array, ""], index: Integer[Array, b]) -> Key[Array, b]:
    """One key an example, from a stream's key, the step and the examples' indices in their split."""
    at_step = jax.random.fold_in(key, step)
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(at_step, index)


def split_each(example_keys: Key[Array, b], count: int) -> Key[Array, "count b"]:
    """`count` new keys for each example, by purpose."""
    return jnp.moveaxis(jax.vmap(lambda key: jax.random.split(key, count))(example_keys), 1, 0)
