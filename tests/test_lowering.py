"""Every fast lowering is a theorem: the same values and gradients as the plain Flax layer."""

from itertools import product

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeden.lowering import transposed_convolution


def reference(x, kernel, stride, padding):
    layer = nn.ConvTranspose(
        kernel.shape[2], kernel.shape[:2], (stride, stride), padding, use_bias=False, transpose_kernel=True
    )
    return layer.apply({"params": {"kernel": kernel}}, x)


def check_values_and_gradients(x, kernel, stride, padding):
    shape = jax.eval_shape(lambda x, k: reference(x, k, stride, padding), x, kernel).shape
    weights = jnp.asarray(np.random.default_rng(0).normal(size=shape), x.dtype)

    @jax.jit
    def both(x, kernel):
        results = []
        for function in (transposed_convolution, reference):
            out, pullback = jax.vjp(lambda x, k, f=function: f(x, k, stride, padding), x, kernel)
            results.append((out, *pullback(weights)))
        return results

    for ours, theirs in zip(*both(x, kernel), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize(("size", "stride", "padding"), [*product(range(1, 7), range(1, 5), ("SAME", "VALID"))])
def test_transposed_convolution_equals_flax(rng, size, stride, padding):
    x = jnp.asarray(rng.normal(size=(2, 5, 4, 3)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(size, size, 2, 3)), jnp.float32)
    check_values_and_gradients(x, kernel, stride, padding)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    **{name: st.integers(1, 6) for name in ("h", "w", "kh", "kw")},
    stride=st.integers(1, 4),
    padding=st.sampled_from(["SAME", "VALID"]),
    channels=st.integers(1, 3),
    features=st.integers(1, 3),
)
def test_odd_shapes_too(h, w, kh, kw, stride, padding, channels, features):
    rng = np.random.default_rng((h, w, kh, kw, stride, channels, features))
    x = jnp.asarray(rng.normal(size=(1, h, w, channels)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(kh, kw, features, channels)), jnp.float32)
    check_values_and_gradients(x, kernel, stride, padding)


def test_under_jit_and_vmap(rng):
    x = jnp.asarray(rng.normal(size=(3, 2, 4, 4, 2)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(3, 3, 2, 2)), jnp.float32)
    mapped = jax.jit(jax.vmap(lambda x: transposed_convolution(x, kernel, 2, "SAME")))(x)
    expected = np.stack([reference(one, kernel, 2, "SAME") for one in x])
    np.testing.assert_allclose(mapped, expected, atol=2e-5)
