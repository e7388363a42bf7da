"""Parts of a batch: sums and maps over parts give what the whole batch gives, in a loop wherever a loop is fast."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import lax

from aeden.nn.fast_convolution import convolution
from aeden.runtime import parts


@pytest.mark.parametrize(
    ("examples", "pixels", "most", "count"),
    [
        (64, 784, None, 4),
        (32, 784, None, 2),
        (16, 784, None, 1),
        (1, 10**6, None, 1),
        (66, 784, None, 3),
        (64, 0, None, 1),
        (4, 512 * 512, None, 4),
        (64, 512 * 512, None, 64),
        (64, 512 * 512, 8, 8),
        (512, 784, None, 32),
    ],
)
def test_the_number_of_parts_divides_the_examples(examples, pixels, most, count):
    assert parts.part_count(examples, pixels, most) == count


def plain(x, kernel):
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


@pytest.mark.parametrize(
    ("convolve", "loops"), [(convolution, 1), (plain, 0), (lambda x, k: jnp.tanh(x) * k[0, 0, 0, 0], 1)]
)
def test_sums_over_parts_equal_the_sum_over_the_whole_batch(rng, convolve, loops):
    batch = {"image": jnp.asarray(rng.normal(size=(48, 28, 28, 6)), jnp.float32), "weight": jnp.arange(48.0)}
    kernel = jnp.asarray(rng.normal(size=(3, 3, 6, 6)), jnp.float32)
    seen = []

    def loss(kernel, part):
        seen.append(len(part["weight"]))
        return jnp.sum(part["weight"] * jnp.mean(convolve(part["image"], kernel) ** 2, axis=(1, 2, 3)))

    def summed(pixels):
        return jax.jit(
            lambda kernel, batch: parts.sum_over_parts(
                lambda part: (jax.value_and_grad(loss)(kernel, part), len(part["weight"])), batch, pixels
            )
        )

    (total, gradient), count = summed(784)(kernel, batch)
    assert set(seen) == {16}
    assert count == 48
    (expected, expected_gradient), _ = summed(0)(kernel, batch)
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-4, atol=1e-4 * np.abs(expected_gradient).max())
    assert str(jax.make_jaxpr(summed(784))(kernel, batch)).count("scan[") == loops


@pytest.mark.parametrize("layer", [nn.Conv(8, (3, 3)), nn.Dense(8)])
def test_results_of_parts_are_joined_in_order(rng, layer):
    x = jnp.asarray(rng.normal(size=(48, 28, 28, 6)), jnp.float32)
    params = layer.init(jax.random.key(0), x)
    whole, cut = (
        jax.jit(lambda x, pixels=pixels: parts.map_parts(lambda x: layer.apply(params, x), x, pixels))
        for pixels in (0, 784)
    )
    np.testing.assert_allclose(cut(x), whole(x), rtol=1e-5, atol=1e-6)
