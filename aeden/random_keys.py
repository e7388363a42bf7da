"""Random keys, derived from seed, phase, stream, step and example index.

No key is used twice, and every key can be computed again. A key depends on nothing else, so a resumed run draws the
same noise, and the noise does not depend on the batch size or the number of devices.
"""

from __future__ import annotations

import enum

import jax
import jax.numpy as jnp
import numpy as np

from aeden.shapes import Array, Integer, Key


class Stream(enum.IntEnum):
    """The purpose of a key. The numbers are part of every recorded result, so append to them and never change them."""

    INIT = 0
    ORDER = 1
    TRAIN = 2
    VALIDATION = 3
    TEST = 4
    LABELS = 5
    CROPS = 6


# Key numbers reserved per phase, far more than the number of streams.
STREAMS = 256


def stream_key(seed: int | Integer[Array, ""], stream: Stream, phase: int = 0) -> Key[Array, ""]:
    """The key of one stream in one phase of a run; phases are numbered from 0."""
    return jax.random.fold_in(jax.random.key(seed), STREAMS * phase + int(stream))


def stream_key_data(seed: int, stream: Stream, phase: int = 0) -> np.ndarray:
    """`stream_key` as data, uint32 [2]: an argument of compiled programs, which `jax.random.wrap_key_data` takes."""
    return np.asarray(jax.random.key_data(stream_key(seed, stream, phase)))


def example_keys(key: Key[Array, ""], step: int | Integer[Array, ""], index: Integer[Array, b]) -> Key[Array, b]:
    """One key per example, from the key of a stream, the step and the indices of the examples in their split."""
    at_step = jax.random.fold_in(key, step)
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(at_step, index)


def split_each(example_keys: Key[Array, b], count: int) -> Key[Array, "count b"]:
    """`count` new keys per example, one for each purpose."""
    return jnp.moveaxis(jax.vmap(lambda key: jax.random.split(key, count))(example_keys), 1, 0)
