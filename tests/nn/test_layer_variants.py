"""Layers of papers that enlarge images, compared with SciPy, NumPy, plain Flax and each other."""

from itertools import product

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, signal

from aeden.nn.layer_variants import BilinearAdditiveConv, LargeContextConv, SmoothedTransposeConv, UnpoolConv
from aeden.nn.layers import TransposeConv, UpsampleConv
from aeden.nn.point_sampling import PointSamplingConv, sample, sampling_groups


def random_params(layer, rng, *inputs):
    """Parameters of the layer with random values, biases included."""
    params = jax.eval_shape(layer.init, jax.random.key(0), *inputs)
    return jax.tree.map(lambda p: rng.normal(size=p.shape).astype(np.float32), params)


def applied(layer, params, *inputs):
    """What a layer with these parameters makes of the inputs, compiled as a whole."""
    return jax.jit(layer.apply)({"params": params}, *inputs)


def flax_convolution(params, x, features, kernel=3):
    return applied(nn.Conv(features, (kernel, kernel)), params, x)


@pytest.mark.parametrize("lowering", ["reference", "fast"])
def test_large_context_is_the_sum_of_two_transposed_convolutions(rng, lowering):
    x = jnp.asarray(rng.normal(size=(2, 5, 4, 3)), jnp.float32)
    layer = LargeContextConv(6, lowering=lowering)
    params = random_params(layer, rng, x)["params"]
    large = applied(TransposeConv(6, 7, 2), params["large"], x)
    small = applied(TransposeConv(6, 3, 2, use_bias=False), params["small"], x)
    assert "bias" not in params["small"]["conv"]
    np.testing.assert_allclose(applied(layer, params, x), large + small, atol=1e-4)


@pytest.mark.parametrize(("kernel", "factor"), list(product((3, 5), (2, 3))))
def test_a_smoothed_transposed_convolution_is_a_nearest_resize_and_a_convolution(rng, kernel, factor):
    """Away from the border, with the kernel turned by 180 degrees (Sugawara et al. 2019, section 3)."""
    x = jnp.asarray(rng.normal(size=(2, 8, 9, 3)), jnp.float32)
    layer = SmoothedTransposeConv(4, kernel, factor)
    params = random_params(layer, rng, x)["params"]
    turned = params["conv"]["conv"]["kernel"][::-1, ::-1].swapaxes(2, 3)
    conv = {"conv": {"kernel": turned, "bias": params["bias"]}}
    expected = np.asarray(applied(UpsampleConv(4, kernel, factor), conv, x))
    out, inside = np.asarray(applied(layer, params, x)), slice(kernel, -kernel)
    assert out.shape == expected.shape
    np.testing.assert_allclose(out[:, inside, inside], expected[:, inside, inside], atol=1e-4)


@pytest.mark.parametrize(("kernel", "factor"), [(3, 2), (4, 2), (4, 3), (5, 4)])
def test_smoothing_is_the_sum_over_a_window(rng, kernel, factor):
    """Every kernel size answers a constant with a constant, unlike the transposed convolution alone."""
    x = jnp.asarray(rng.normal(size=(2, 6, 7, 3)), jnp.float32)
    layer = SmoothedTransposeConv(4, kernel, factor)
    params = random_params(layer, rng, x)["params"]
    rough = applied(TransposeConv(4, kernel, factor, use_bias=False), params["conv"], x)
    # Pixel i of a full convolution sums from i - factor + 1 to i; the window begins `before` pixels in front of i.
    before = (factor - 1 - (kernel - factor) % 2) // 2
    first, (height, width) = factor - 1 - before, rough.shape[1:3]
    sums = signal.convolve(np.asarray(rough, np.float64), np.ones((1, factor, factor, 1)), "full", "direct")
    expected = sums[:, first : first + height, first : first + width] + np.asarray(params["bias"])
    np.testing.assert_allclose(applied(layer, params, x), expected, atol=1e-4)
    inside = slice(2 * factor, -2 * factor)
    flat = np.asarray(applied(layer, params, jnp.ones((1, 12, 12, 3))))[0, inside, inside]
    np.testing.assert_allclose(flat, np.broadcast_to(flat[0, 0], flat.shape), atol=1e-4)


@pytest.mark.parametrize("kernel", [2, 3])
def test_smoothing_by_a_factor_of_one_is_a_convolution(rng, kernel):
    x = jnp.asarray(rng.normal(size=(2, 6, 7, 3)), jnp.float32)
    layer = SmoothedTransposeConv(4, kernel, 1)
    params = random_params(layer, rng, x)["params"]
    convolved = np.asarray(applied(TransposeConv(4, kernel, 1, use_bias=False), params["conv"], x))
    np.testing.assert_allclose(applied(layer, params, x), convolved + params["bias"].reshape(1, 1, 1, 4), atol=1e-5)


def test_smoothing_refuses_a_kernel_smaller_than_the_factor():
    with pytest.raises(ValueError, match=r"factor 3 or more, not 2: set model\.decoder_kernel_size=3"):
        SmoothedTransposeConv(4, 2, 3).init(jax.random.key(0), jnp.ones((1, 2, 2, 3)))


@pytest.mark.parametrize("factor", [2, 3])
def test_bilinear_additive_adds_groups_of_channels(rng, factor):
    x = rng.normal(size=(2, 4, 5, 2 * factor**2)).astype(np.float32)
    layer = BilinearAdditiveConv(6, 3, factor)
    params = random_params(layer, rng, jnp.asarray(x))
    enlarged = ndimage.zoom(x, (1, factor, factor, 1), order=1, mode="nearest", grid_mode=True)
    added = np.stack([enlarged[..., i * factor**2 : (i + 1) * factor**2].sum(-1) for i in range(2)], axis=-1)
    expected = flax_convolution(params["params"]["conv"], added, 6)
    np.testing.assert_allclose(applied(layer, params["params"], x), expected, atol=1e-4)


def test_bilinear_additive_refuses_channels_that_do_not_divide():
    with pytest.raises(ValueError, match="groups of 4 channels, which do not divide 6 channels"):
        BilinearAdditiveConv(4).init(jax.random.key(0), jnp.ones((1, 2, 2, 6)))


def test_unpool_conv_convolves_the_unpooled_image(rng):
    pooled = rng.normal(size=(2, 6, 8, 3)).astype(np.float32)
    x = rng.normal(size=(2, 3, 4, 3)).astype(np.float32)
    layer = UnpoolConv(5)
    params = random_params(layer, rng, jnp.asarray(x), jnp.asarray(pooled))
    sparse = np.zeros_like(pooled)
    for b, i, j, c in np.ndindex(x.shape):
        window = pooled[b, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c]
        row, column = np.unravel_index(window.argmax(), (2, 2))
        sparse[b, 2 * i + row, 2 * j + column, c] = x[b, i, j, c]
    expected = flax_convolution(params["params"]["conv"], sparse, 5)
    np.testing.assert_allclose(applied(layer, params["params"], x, pooled), expected, atol=1e-4)


def test_point_sampling_reads_like_scipys_interpolation(rng):
    x = rng.normal(size=(2, 5, 6, 4)).astype(np.float32)
    offsets = rng.normal(size=(2, 5, 6, 2, 3, 2, 2)).astype(np.float32)
    out = np.asarray(jax.jit(sample)(x, offsets))
    assert out.shape == (2, 10, 18, 4)
    for b, c in product(range(2), range(4)):
        for row, column in ((0, 0), (3, 7), (9, 17), (4, 2), (6, 11)):
            i, s, j, t = row // 2, row % 2, column // 3, column % 3
            dy, dx = offsets[b, i, j, s, t, c // 2]
            point = [[i + (s + 0.5) / 2 - 0.5 + dy], [j + (t + 0.5) / 3 - 0.5 + dx]]
            expected = ndimage.map_coordinates(x[b, :, :, c], point, order=1, mode="nearest")
            np.testing.assert_allclose(out[b, row, column, c], expected[0], atol=1e-5)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_point_sampling_without_offsets_is_a_bilinear_resize(rng, factor):
    x = jnp.asarray(rng.normal(size=(2, 5, 1, 4)), jnp.float32)
    out = jax.jit(sample)(x, np.zeros((2, 5, 1, factor, factor, 2, 2), np.float32))
    expected = ndimage.zoom(x, (1, factor, factor, 1), order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_point_sampling_conv_moves_its_points_by_a_quarter_of_the_prediction(rng):
    x = jnp.asarray(rng.normal(size=(2, 4, 5, 8)), jnp.float32)
    layer = PointSamplingConv(6)
    start = jax.jit(layer.init)(jax.random.key(0), x)["params"]
    assert float(np.std(start["offset"]["kernel"])) == pytest.approx(1e-3, rel=0.15)
    params = random_params(layer, rng, x)["params"]
    offsets = 0.25 * np.asarray(flax_convolution(params["offset"], x, 2 * 4 * 4, 1)).reshape(2, 4, 5, 2, 2, 4, 2)
    expected = flax_convolution(params["conv"], jax.jit(sample)(x, offsets), 6)
    np.testing.assert_allclose(applied(layer, params, x), expected, atol=1e-4)
    gradient = jax.jit(jax.grad(lambda p: jnp.sum(layer.apply({"params": p}, x) ** 2)))(params)
    assert all(np.any(leaf) and np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradient))


def test_groups_divide_the_channels():
    assert [sampling_groups(channels, 4) for channels in (32, 6, 5, 9)] == [4, 3, 1, 3]
