"""The fast forms that `aeden.nn.passes` chooses between, in float64: values, all first and second derivatives.

The oracle is the plain computation: a resized image or inserted zeros, and XLA's own convolution.
"""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from aeden.nn import passes
from aeden.nn.fast_convolution import convolution, resized_convolution, transposed_convolution

# (kernel, strides): square ones of the resize, and rectangular ones.
SQUARE = [((k, k), (s, s)) for k, s in product(range(1, 7), range(1, 5))]
RECTANGULAR = [((k, m), (s, t)) for k, m, s, t in product((1, 2, 5), (3, 4), (1, 3), (2, 1))]
CHANNELS = ((5, 6), (2, 5), (6, 1))


def plain_convolution(x, kernel, strides, padding="SAME"):
    return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def plain_transposed(x, kernel, strides, padding="SAME"):
    return lax.conv_transpose(x, kernel, strides, padding, None, ("NHWC", "HWIO", "NHWC"), transpose_kernel=True)


def plain_resized(x, kernel, strides):
    resized = jnp.repeat(jnp.repeat(x, strides[0], 1), strides[1], 2)
    return plain_convolution(resized, kernel, (1, 1))


def derivatives(function, x, kernel):
    """Value; gradients; forward mode; Hessian-vector products, forward over reverse and reverse over reverse."""
    rng = np.random.default_rng(1)
    out = jax.eval_shape(function, x, kernel)
    weights = jnp.asarray(rng.normal(size=out.shape))
    along = tuple(jnp.asarray(rng.normal(size=a.shape)) for a in (x, kernel))

    def loss(x, kernel):
        return jnp.sum(weights * jnp.sin(function(x, kernel)))

    gradient = jax.grad(loss, (0, 1))

    def directional(x, kernel):
        return sum(jnp.vdot(g, v) for g, v in zip(gradient(x, kernel), along, strict=True))

    return [
        function(x, kernel),
        *gradient(x, kernel),
        *jax.jvp(function, (x, kernel), along),
        *jax.jvp(gradient, (x, kernel), along)[1],
        *jax.grad(directional, (0, 1))(x, kernel),
    ]


def check(fast, plain, shape, kernel_shape):
    rng = np.random.default_rng(0)
    x, kernel = (jnp.asarray(rng.normal(size=s)) for s in (shape, kernel_shape))
    results, expected = (jax.jit(lambda x, k, f=f: derivatives(f, x, k))(x, kernel) for f in (fast, plain))
    for result, reference in zip(results, expected, strict=True):
        assert result.dtype == np.float64
        np.testing.assert_allclose(result, reference, rtol=0, atol=1e-12 * max(1.0, np.abs(reference).max(initial=0)))


def check_all(taps, strides, channels, size=(5, 4)):
    c, f = channels
    with jax.enable_x64(True):
        shape = (2, *size, c)
        check(
            lambda x, k: resized_convolution(x, k, strides),
            lambda x, k: plain_resized(x, k, strides),
            shape,
            (*taps, c, f),
        )
        check(
            lambda x, k: transposed_convolution(x, k, strides),
            lambda x, k: plain_transposed(x, k, strides),
            shape,
            (*taps, f, c),
        )
        check(
            lambda x, k: convolution(x, k, strides), lambda x, k: plain_convolution(x, k, strides), shape, (*taps, c, f)
        )


@pytest.mark.parametrize(
    ("taps", "strides", "channels"),
    [
        ((4, 1), (3, 2), (6, 5)),
        ((2, 5), (1, 3), (2, 5)),
        pytest.param((3, 3), (2, 2), (5, 6), marks=pytest.mark.proof),
        pytest.param((3, 2), (2, 1), (6, 1), marks=pytest.mark.proof),
    ],
)
def test_rectangular_and_resized_convolutions_and_their_derivatives(taps, strides, channels):
    check_all(taps, strides, channels)


@pytest.mark.proof
@pytest.mark.parametrize(("taps", "strides"), [*SQUARE, *RECTANGULAR])
@pytest.mark.parametrize("channels", CHANNELS)
def test_all_rectangular_and_resized_convolutions_and_their_derivatives(taps, strides, channels):
    check_all(taps, strides, channels)


@pytest.mark.parametrize(("taps", "many"), [((3, 3), True), ((3, 3), False), ((2, 5), True), ((2, 5), False)])
def test_both_kernel_gradients_of_stride_1(taps, many, monkeypatch):
    monkeypatch.setattr(passes, "MANY_IMAGES", 1 if many else 100)
    with jax.enable_x64(True):
        check(
            lambda x, k: convolution(x, k),
            lambda x, k: plain_convolution(x, k, (1, 1)),
            (2, 7, 6, 5),
            (*taps, 5, 6),
        )


@pytest.mark.parametrize("padding", ["VALID", ((2, 4), (0, 1)), ((-1, 0), (3, -2))])
def test_paddings_of_which_some_crop(padding):
    with jax.enable_x64(True):
        check(
            lambda x, k: convolution(x, k, (2, 1), padding),
            lambda x, k: plain_convolution(x, k, (2, 1), padding),
            (2, 7, 8, 5),
            (3, 2, 5, 6),
        )
        check(
            lambda x, k: transposed_convolution(x, k, (2, 3), padding),
            lambda x, k: plain_transposed(x, k, (2, 3), padding),
            (2, 7, 8, 5),
            (3, 2, 6, 5),
        )
