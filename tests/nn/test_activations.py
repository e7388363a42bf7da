"""The ReLU, compared with Flax's."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from aeden.nn.activations import relu


def test_values_and_derivatives_equal_those_of_flax(rng):
    x = jnp.asarray([*rng.normal(size=100), 0.0, -0.0, 1e-30, -1e30, 1e38, -1e38, np.inf], jnp.float32)
    for function, expected in ((relu, nn.relu), (jax.vmap(jax.grad(relu)), jax.vmap(jax.grad(nn.relu)))):
        np.testing.assert_array_equal(jax.jit(function)(x), jax.jit(expected)(x))
    tangents = jnp.ones_like(x)
    np.testing.assert_array_equal(jax.jvp(relu, (x,), (tangents,))[1], jax.jvp(nn.relu, (x,), (tangents,))[1])


def test_nan_stays_nan_and_the_type_is_kept():
    assert np.isnan(relu(jnp.float32(np.nan)))
    assert relu(jnp.ones(3, jnp.bfloat16)).dtype == jnp.bfloat16
