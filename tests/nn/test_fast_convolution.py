"""Fast convolutions: values and first and second derivatives, compared with the plain layers and with sums in NumPy."""

from itertools import product

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from aeden.nn.fast_convolution import convolution, resized_convolution, transposed_convolution
from aeden.nn.layers import upsample

PADDINGS = ("SAME", "VALID", ((2, 1), (0, 3)))
SIZES = ((7, 6), (4, 5))
# (input channels, output channels), below and above the number at which the implementation changes.
CHANNELS = ((5, 6), (1, 6), (5, 1), (3, 2))
GRID = list(product(range(1, 7), range(1, 5), PADDINGS, SIZES, CHANNELS))
# The whole grid takes many minutes (`-m proof`). This part has every kernel, stride, padding, size and channel count.
FEW = [
    (k, s, PADDINGS[(k + s) % 3], SIZES[k % 2], CHANNELS[(k // 2 + s) % 4])
    for k, s in ((1, 2), (2, 1), (2, 3), (3, 1), (3, 2), (3, 4), (4, 2), (5, 3), (6, 1), (6, 2))
]


def flax_transposed(x, kernel, stride, padding):
    layer = nn.ConvTranspose(
        kernel.shape[2], kernel.shape[:2], (stride, stride), padding, use_bias=False, transpose_kernel=True
    )
    return layer.apply({"params": {"kernel": kernel}}, x)


def lax_convolution(x, kernel, stride, padding):
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def resized(x, kernel, stride, padding):
    assert padding == "SAME"
    return resized_convolution(x, kernel, stride)


def resized_then_convolved(x, kernel, stride, padding):
    return lax_convolution(upsample(x, stride), kernel, 1, padding)


class Sums:
    """The three functions, tap by tap in NumPy: tap m connects high[s*i + m - before] with low[i]."""

    def __init__(self, stride, before, low, high):
        self.stride, self.before, self.low, self.high = stride, before, low, high

    def places(self, taps):
        """Each tap m, with the indices of the pixels of low and of high that it connects."""
        for m in np.ndindex(*taps):
            pairs = []
            for axis in (0, 1):
                i = np.arange(self.low[axis])
                at = self.stride * i + m[axis] - self.before[axis]
                inside = (at >= 0) & (at < self.high[axis])
                pairs.append((i[inside], at[inside]))
            yield m, np.ix_(range(2), pairs[0][0], pairs[1][0]), np.ix_(range(2), pairs[0][1], pairs[1][1])

    def scatter(self, low, kernel):
        out = np.zeros((2, *self.high, kernel.shape[2]))
        for m, at_low, at_high in self.places(kernel.shape[:2]):
            out[at_high] += low[at_low] @ kernel[m].T
        return out

    def gather(self, high, kernel):
        out = np.zeros((2, *self.low, kernel.shape[3]))
        for m, at_low, at_high in self.places(kernel.shape[:2]):
            out[at_low] += high[at_high] @ kernel[m]
        return out

    def correlate(self, low, high, taps):
        out = np.zeros((*taps, high.shape[3], low.shape[3]))
        for m, at_low, at_high in self.places(taps):
            out[m] = np.einsum("bhwf,bhwc->fc", high[at_high], low[at_low])
        return out


def all_derivatives(function, stride, padding):
    """(x, kernel, weights, directions) -> value, gradients, and the gradients of a weighted sum of the gradients."""

    def gradients(x, kernel, weights):
        out, pullback = jax.vjp(lambda x, k: function(x, k, stride, padding), x, kernel)
        return out, *pullback(weights)

    def of_gradients(x, kernel, weights, along_x, along_kernel):
        _, dx, dk = gradients(x, kernel, weights)
        return jnp.sum(dx * along_x) + jnp.sum(dk * along_kernel)

    def everything(x, kernel, weights, along_x, along_kernel):
        second = jax.grad(of_gradients, argnums=(0, 1, 2))(x, kernel, weights, along_x, along_kernel)
        return (*gradients(x, kernel, weights), *second)

    return jax.jit(everything)


def arguments(shape, kernel, out, dtype):
    """Random x, kernel, weights of the output, and a direction for each gradient."""
    rng = np.random.default_rng(0)
    return [np.asarray(rng.normal(size=s), dtype) for s in (shape, kernel, out, shape, kernel)]


def assert_close(results, references, tolerance):
    """Checks that arrays are equal up to a tolerance relative to the largest value."""
    for result, expected in zip(results, references, strict=True):
        assert result.shape == expected.shape
        largest = np.abs(expected).max(initial=0.0)
        np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance * max(1.0, largest))


def check_against_numpy(k, s, padding, size, channels):
    """Compares values and derivatives of the transposed and the strided convolution with the sums, in float64."""
    c, f = channels
    with jax.enable_x64(True):
        for function, plain in ((transposed_convolution, flax_transposed), (convolution, lax_convolution)):
            transposed = function is transposed_convolution
            kernel = (k, k, f, c) if transposed else (k, k, c, f)
            out = jax.eval_shape(lambda x, w, p=plain: p(x, w, s, padding), np.ones((2, *size, c)), np.ones(kernel))
            if 0 in out.shape:
                continue
            x, w, g, u, v = arguments((2, *size, c), kernel, out.shape, np.float64)
            low, high = (size, out.shape[1:3]) if transposed else (out.shape[1:3], size)
            # `before` comes from the definition of the padding, not from the code under test.
            sums = Sums(s, rows_before(k, s, padding, size, transposed), low, high)
            results = all_derivatives(function, s, padding)(x, w, g, u, v)
            taps = (k, k)
            if transposed:
                expected = (
                    sums.scatter(x, w),
                    sums.gather(g, w),
                    sums.correlate(x, g, taps),
                    sums.gather(g, v),
                    sums.correlate(u, g, taps),
                    sums.scatter(u, w) + sums.scatter(x, v),
                )
            else:
                expected = (
                    sums.gather(x, w),
                    sums.scatter(g, w),
                    sums.correlate(g, x, taps),
                    sums.scatter(g, v),
                    sums.correlate(g, u, taps),
                    sums.gather(u, w) + sums.gather(x, v),
                )
            assert_close(results, expected, 1e-12)


def rows_before(k, s, padding, size, transposed):
    """`before` of both axes, by the definition of the padding."""
    if not transposed:
        pads = padding if not isinstance(padding, str) else lax.padtype_to_pads(size, (k, k), (s, s), padding)
        return pads[0][0], pads[1][0]
    if padding == "SAME":
        pads = lax.padtype_to_pads([n * s for n in size], (k, k), (s, s), "SAME")
        return pads[0][0], pads[1][0]
    return (0, 0) if padding == "VALID" else tuple(k - 1 - first for first, _ in padding)


@pytest.mark.parametrize(("k", "s", "padding", "size", "channels"), FEW)
def test_values_and_derivatives_agree_with_numpy(k, s, padding, size, channels):
    check_against_numpy(k, s, padding, size, channels)


@pytest.mark.proof
@pytest.mark.parametrize(("k", "s", "padding", "size", "channels"), GRID)
def test_the_whole_grid_in_float64(k, s, padding, size, channels):
    check_against_numpy(k, s, padding, size, channels)


@pytest.mark.proof
@pytest.mark.parametrize(("k", "s", "padding"), list(product(range(1, 7), range(1, 5), PADDINGS)))
def test_the_whole_grid_in_float32_against_the_plain_layers(k, s, padding):
    size, channels = SIZES[(k + s) % 2], CHANNELS[k % 4]
    check_against_plain(transposed_convolution, flax_transposed, k, s, padding, size, channels)
    check_against_plain(convolution, lax_convolution, k, s, padding, size, channels)
    if padding == "SAME":
        check_against_plain(resized, resized_then_convolved, k, s, padding, size, channels)


def check_against_plain(function, plain, k, s, padding, size, channels, dtype=np.float32, tolerance=1e-5):
    """Compares values and derivatives with the plain layer."""
    c, f = channels
    kernel = (k, k, f, c) if function is transposed_convolution else (k, k, c, f)
    out = jax.eval_shape(lambda x, w: plain(x, w, s, padding), np.ones((2, *size, c)), np.ones(kernel))
    if 0 not in out.shape:
        values = arguments((2, *size, c), kernel, out.shape, dtype)
        results, expected = (all_derivatives(f, s, padding)(*values) for f in (function, plain))
        assert_close(results, expected, tolerance)


@pytest.mark.parametrize(("k", "s", "channels"), [(1, 2, (5, 6)), (2, 3, (2, 1)), (3, 2, (5, 6)), (4, 2, (1, 6))])
def test_the_merged_resize_agrees_with_resize_and_convolution(k, s, channels):
    with jax.enable_x64(True):
        check_against_plain(resized, resized_then_convolved, k, s, "SAME", (5, 4), channels, np.float64, 1e-12)


SHAPES = st.fixed_dictionaries(
    {
        **{name: st.integers(1, 6) for name in ("h", "w", "kh", "kw")},
        **{name: st.integers(1, 6) for name in ("c", "f")},
        "s": st.integers(1, 4),
        "padding": st.sampled_from(["SAME", "VALID"]),
    }
)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(shape=SHAPES)
def test_any_shape_in_float32(shape):
    h, w, kh, kw, c, f, s, padding = (shape[name] for name in ("h", "w", "kh", "kw", "c", "f", "s", "padding"))
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.normal(size=(2, h, w, c)), jnp.float32)
    for function, plain, kernel in (
        (transposed_convolution, flax_transposed, (kh, kw, f, c)),
        (convolution, lax_convolution, (kh, kw, c, f)),
    ):
        if plain is lax_convolution and padding == "VALID" and (kh > h or kw > w):
            continue
        weights = jnp.asarray(rng.normal(size=kernel), jnp.float32)

        @jax.jit
        def both(x, weights, functions=(function, plain)):
            results = []
            for each in functions:
                out, pullback = jax.vjp(lambda x, k, e=each: e(x, k, s, padding), x, weights)
                results.append((out, *pullback(jnp.cos(jnp.arange(out.size, dtype=jnp.float32)).reshape(out.shape))))
            return results

        assert_close(*both(x, weights), 1e-5)


@pytest.mark.parametrize(
    ("function", "plain", "channels"),
    [
        (transposed_convolution, flax_transposed, (8, 8)),
        (transposed_convolution, flax_transposed, (8, 1)),
        (convolution, lax_convolution, (8, 1)),
        (convolution, lax_convolution, (1, 8)),
        (resized, resized_then_convolved, (8, 8)),
    ],
)
def test_under_vmap_pmap_and_in_bfloat16(rng, function, plain, channels):
    c, f = channels
    shape = (3, 3, f, c) if function is transposed_convolution else (3, 3, c, f)
    kernel = jnp.asarray(rng.normal(size=shape), jnp.float32)
    x = jnp.asarray(rng.normal(size=(2, 2, 6, 6, c)), jnp.float32)
    expected = plain(x.reshape(4, 6, 6, c), kernel, 2, "SAME")
    for mapping in (jax.vmap, jax.pmap):
        result = mapping(lambda x, k: function(x, k, 2, "SAME"), in_axes=(0, None))(x, kernel)
        assert_close([np.asarray(result).reshape(expected.shape)], [expected], 1e-5)

    @jax.jit
    def gradients(x, kernel):
        def power(apply, dtype):
            return lambda k: jnp.mean(
                jnp.square(apply(x.astype(dtype), k.astype(dtype), 2, "SAME").astype(jnp.float32))
            )

        return jax.value_and_grad(power(function, jnp.bfloat16))(kernel), jax.value_and_grad(power(plain, jnp.float32))(
            kernel
        )

    half, full = gradients(x[0], kernel)
    assert function(x[0].astype(jnp.bfloat16), kernel.astype(jnp.bfloat16), 2, "SAME").dtype == jnp.bfloat16
    assert_close(half, full, 0.03)
