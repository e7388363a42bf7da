"""Functions of single examples give the same on all devices, for any number of examples."""

import jax.numpy as jnp
import numpy as np
import pytest

from aeden.runtime import example_maps


@pytest.mark.parametrize(("count", "pixels"), [(1, 784), (63, 0), (63, 784), (64, 784), (65, 784)])
def test_any_number_of_examples_is_mapped_in_order(rng, count, pixels):
    x = rng.normal(size=(count, 3)).astype(np.float32)
    doubled = example_maps.map_examples(lambda scale, x: scale * x, jnp.float32(2), pixels)(x)
    np.testing.assert_array_equal(doubled, 2 * x)


def test_a_mapper_follows_its_parameters_and_compiles_once(rng):
    x = rng.normal(size=(64, 3)).astype(np.float32)
    traced = []

    def scaled(scale, examples):
        traced.append(len(examples))
        return scale * examples

    mapper = example_maps.make_mapper(scaled)
    for scale in (2, 3):
        np.testing.assert_array_equal(mapper(jnp.float32(scale))(x), scale * x)
    assert traced == [32]
