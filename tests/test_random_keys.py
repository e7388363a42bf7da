"""Random keys are unique and reproducible."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np

from aeden.random_keys import Stream, example_keys, split_each, stream_key


def test_keys_differ_by_seed_stream_phase_step_and_example():
    data = [
        tuple(np.asarray(jax.random.key_data(key)))
        for seed, stream, phase, step in product((0, 1), Stream, (0, 1, 2), (0, 1, 2))
        for key in example_keys(stream_key(seed, stream, phase), step, jnp.arange(4))
    ]
    assert len(set(data)) == len(data) == 2 * len(Stream) * 3 * 3 * 4


def test_split_keys_are_new_and_depend_on_their_own_example_only():
    parents = example_keys(stream_key(0, Stream.TRAIN), 0, jnp.arange(5))
    children = split_each(parents, 3)
    assert children.shape == (3, 5)
    data = {tuple(np.asarray(jax.random.key_data(key))) for key in [*parents, *children.ravel()]}
    assert len(data) == 20
    assert (jax.random.key_data(split_each(parents[2:], 3)) == jax.random.key_data(children[:, 2:])).all()


def test_stream_numbers_never_change():
    expected = {"INIT": 0, "ORDER": 1, "TRAIN": 2, "VALIDATION": 3, "TEST": 4, "LABELS": 5}
    assert {stream.name: int(stream) for stream in Stream}.items() >= expected.items()


def test_a_traced_step_gives_the_same_keys():
    key = stream_key(3, Stream.TRAIN)
    traced = jax.jit(lambda step, index: example_keys(key, step, index))(jnp.int32(7), jnp.arange(3))
    assert (jax.random.key_data(traced) == jax.random.key_data(example_keys(key, 7, jnp.arange(3)))).all()
