"""Random keys from (seed, stream, step, example index): no key is used twice, and every one can be made again.

A key depends on nothing else, so a resumed run replays the same noise, and noise is the same for every batch size
and device count.
"""

from __future__ import annotations

import enum

import jax

from aeden.shapes import Array, Integer, Key


class Stream(enum.IntEnum):
    """What a key is for. The numbers are part of every recorded result: never renumber, only append."""

    INIT = 0
    ORDER = 1
    TRAIN = 2
    VALIDATION = 3
    TEST = 4


def stream_key(seed: int | Integer[Array, ""], stream: Stream) -> Key[Array, ""]:
    """The key of one stream of one run."""
    return jax.random.fold_in(jax.random.key(seed), int(stream))


def example_keys(key: Key[Array, ""], step: int | Integer[Array, ""], index: Integer[Array, b]) -> Key[Array, b]:
    """One key an example, from a stream's key, the step and the examples' indices in their split."""
    at_step = jax.random.fold_in(key, step)
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(at_step, index)
