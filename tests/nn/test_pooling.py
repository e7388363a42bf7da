"""Max-pooling, compared with Flax, and max-unpooling, compared with NumPy."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aeden.nn.pooling import max_pool, max_unpool


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_max_pool_agrees_with_flax(rng, factor):
    # All values differ, so that no window has two maxima.
    x = jnp.asarray(rng.permutation(2 * 7 * 6 * 3).reshape(2, 7, 6, 3), jnp.float32)

    def pool(x):
        return nn.max_pool(x, (factor, factor), (factor, factor))

    weights = rng.normal(size=jax.eval_shape(pool, x).shape).astype(np.float32)
    mine, its = (
        jax.jit(jax.value_and_grad(lambda x, f=f: (jnp.sum(weights * f(x)), f(x)), has_aux=True))(x)
        for f in (lambda x: max_pool(x, factor), pool)
    )
    (_, value), gradient = mine
    (_, expected_value), expected = its
    np.testing.assert_array_equal(value, expected_value)
    np.testing.assert_array_equal(gradient, expected)


def test_equal_maxima_share_the_gradient_of_max_pool():
    x = jnp.asarray([[1.0, 3.0], [3.0, 3.0]]).reshape(1, 2, 2, 1)
    gradient = np.asarray(jax.jit(jax.grad(lambda x: max_pool(x, 2).sum()))(x))
    np.testing.assert_allclose(gradient.ravel(), [0, 1 / 3, 1 / 3, 1 / 3], rtol=1e-6)


def test_max_unpool_is_the_opposite_of_max_pool(rng):
    """Oracle: the positions that NumPy's argmax finds; of equal pixels the first."""
    image = rng.integers(0, 4, size=(2, 6, 9, 2)).astype(np.float32)
    x = rng.normal(size=(2, 2, 3, 2)).astype(np.float32)
    expected = np.zeros_like(image)
    for b, i, j, c in np.ndindex(x.shape):
        row, column = np.unravel_index(image[b, 3 * i : 3 * i + 3, 3 * j : 3 * j + 3, c].argmax(), (3, 3))
        expected[b, 3 * i + row, 3 * j + column, c] = x[b, i, j, c]
    np.testing.assert_array_equal(jax.jit(lambda x, p: max_unpool(x, p, 3))(x, image), expected)
    to_image = jax.jit(jax.grad(lambda p: jnp.sum(max_unpool(jnp.asarray(x), p, 3) ** 2)))(image)
    np.testing.assert_array_equal(to_image, 0)


def test_max_unpool_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"2 times as large: got \(1, 4, 4, 2\) for \(1, 2, 2, 3\)"):
        max_unpool(jnp.ones((1, 2, 2, 3)), jnp.ones((1, 4, 4, 2)), 2)
