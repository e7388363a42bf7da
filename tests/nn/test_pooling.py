"""Max-pooling, compared with Flax."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aeden.nn.pooling import max_pool


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_max_pool_agrees_with_flax(rng, factor):
    # All values differ, so that no window has two maxima.
    x = jnp.asarray(rng.permutation(2 * 7 * 6 * 3).reshape(2, 7, 6, 3), jnp.float32)

    def pool(x):
        return nn.max_pool(x, (factor, factor), (factor, factor))

    np.testing.assert_array_equal(max_pool(x, factor), pool(x))
    weights = jnp.asarray(rng.normal(size=pool(x).shape), jnp.float32)
    gradient, expected = (
        jax.grad(lambda x, f=f: jnp.sum(weights * f(x)))(x) for f in (lambda x: max_pool(x, factor), pool)
    )
    np.testing.assert_array_equal(gradient, expected)


def test_equal_maxima_share_the_gradient_of_max_pool():
    x = jnp.asarray([[1.0, 3.0], [3.0, 3.0]]).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(jax.grad(lambda x: max_pool(x, 2).sum())(x).ravel(), [0, 1 / 3, 1 / 3, 1 / 3], rtol=1e-6)
