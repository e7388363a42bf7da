"""The layers, compared with NumPy, SciPy, plain Flax and `jax.linear_transpose`."""

from itertools import product

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from scipy import ndimage

from aeden.nn.convolution import LOWERINGS, convolution
from aeden.nn.layers import RESIZE_METHODS, SubpixelConv, TransposeConv, Upsample, UpsampleConv, upsample

KERNELS_STRIDES_PADDINGS = list(product(range(1, 7), range(1, 5), ("SAME", "VALID")))
FEW = [
    (1, 2, "SAME"),
    (2, 2, "VALID"),
    (3, 1, "SAME"),
    (3, 2, "SAME"),
    (3, 2, "VALID"),
    (4, 2, "SAME"),
    (5, 3, "SAME"),
    (2, 3, "SAME"),
    (6, 4, "VALID"),
]


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_nearest_repeats_pixels(rng, factor):
    x = rng.normal(size=(2, 3, 5, 2)).astype(np.float32)
    expected = x.repeat(factor, axis=1).repeat(factor, axis=2)
    np.testing.assert_array_equal(upsample(jnp.asarray(x), factor), expected)


def test_a_3x3_image_becomes_9x9():
    assert upsample(jnp.ones((1, 3, 3, 1)), 3).shape == (1, 9, 9, 1)


@pytest.mark.parametrize("factor", [2, 3])
def test_bilinear_agrees_with_scipy(rng, factor):
    x = rng.normal(size=(2, 4, 5, 3)).astype(np.float32)
    # grid_mode is the half-pixel convention; "nearest" repeats the border pixels outside the image.
    expected = ndimage.zoom(x, (1, factor, factor, 1), order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(upsample(jnp.asarray(x), factor, "bilinear"), expected, atol=1e-5)


@pytest.mark.parametrize("method", RESIZE_METHODS)
def test_every_method_keeps_a_constant_image(method):
    layer = Upsample(3, method)
    np.testing.assert_allclose(layer.apply({}, jnp.full((1, 4, 4, 2), 0.7)), np.full((1, 12, 12, 2), 0.7), atol=1e-5)


@pytest.mark.parametrize(("factor", "method"), [(0, "nearest"), (2, "nearset")])
def test_upsample_refuses_bad_factors_and_methods(factor, method):
    with pytest.raises(ValueError, match=r"factor|nearset"):
        upsample(jnp.ones((1, 2, 2, 1)), factor, method)


@pytest.mark.parametrize("lowering", LOWERINGS)
def test_upsample_conv_refuses_a_factor_of_zero(lowering):
    with pytest.raises(ValueError, match="factor is an integer of 1 or more, not 0"):
        UpsampleConv(2, factor=0, lowering=lowering).init(jax.random.key(0), jnp.ones((1, 2, 2, 1)))


@pytest.mark.parametrize("placement", ["after", "before"])
@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_upsample_conv_equals_a_resize_and_a_flax_convolution(rng, placement, method):
    x = jnp.asarray(rng.normal(size=(2, 4, 5, 3)), jnp.float32)
    layer = UpsampleConv(6, kernel_size=3, factor=2, method=method, placement=placement)
    params = layer.init(jax.random.key(0), x)
    conv = nn.Conv(6, (3, 3)).bind({"params": params["params"]["conv"]})
    expected = conv(upsample(x, 2, method)) if placement == "after" else upsample(conv(x), 2, method)
    np.testing.assert_allclose(layer.apply(params, x), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [pytest.param(*case, marks=() if case in FEW else pytest.mark.proof) for case in KERNELS_STRIDES_PADDINGS],
)
def test_transpose_conv_is_the_transpose_of_a_strided_convolution(rng, kernel, stride, padding):
    x = jnp.asarray(rng.normal(size=(2, 4, 3, 5)), jnp.float32)
    layer = TransposeConv(4, kernel, stride, padding)
    params = layer.init(jax.random.key(1), x)
    out = jax.jit(layer.apply)(params, x)

    def strided(image):
        return lax.conv_general_dilated(
            image,
            params["params"]["conv"]["kernel"],  # [h, w, out, in]: as [h, w, in, out] it maps the image back to x
            (stride, stride),
            padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    assert jax.eval_shape(strided, out).shape == x.shape
    (expected,) = jax.jit(jax.linear_transpose(strided, jax.ShapeDtypeStruct(out.shape, out.dtype)))(x)
    np.testing.assert_allclose(out, expected, atol=1e-5)


@pytest.mark.parametrize(("factor", "kernel"), [(2, 3), (3, 2), (2, 5)])
def test_subpixel_conv_rearranges_the_channels_of_a_flax_convolution(rng, factor, kernel):
    x = jnp.asarray(rng.normal(size=(2, 4, 3, 5)), jnp.float32)
    layer = SubpixelConv(4, kernel, factor)
    params = layer.init(jax.random.key(1), x)
    start = layer.apply(params, x)
    for i, j in product(range(factor), repeat=2):  # ICNR: at the start all pixels of one source pixel are equal
        np.testing.assert_allclose(start[:, i::factor, j::factor], start[:, ::factor, ::factor], atol=1e-6)
    params = jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape), jnp.float32), params)
    conv = nn.Conv(4 * factor**2, (kernel, kernel)).bind({"params": params["params"]["conv"]})
    low, out = conv(x), layer.apply(params, x)
    for i, j in product(range(factor), repeat=2):
        first = 4 * (factor * i + j)
        np.testing.assert_allclose(out[:, i::factor, j::factor], low[..., first : first + 4], atol=1e-4)


LAYERS = {
    "transpose": lambda name: TransposeConv(4, lowering=name),
    "transpose, explicit padding": lambda name: TransposeConv(4, 4, padding=((2, 2), (1, 3)), lowering=name),
    "upsample": lambda name: UpsampleConv(4, lowering=name),
    "bilinear": lambda name: UpsampleConv(4, method="bilinear", lowering=name),
    "subpixel": lambda name: SubpixelConv(4, lowering=name),
    "before": lambda name: UpsampleConv(4, placement="before", lowering=name),
    "convolution": lambda name: convolution(1, 3, name="conv", lowering=name),
    "strided convolution": lambda name: convolution(6, 3, name="conv", stride=2, lowering=name),
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_fast_and_reference_share_parameters(rng, make):
    x = jnp.asarray(rng.normal(size=(2, 5, 4, 3)), jnp.float32)
    params = make("reference").init(jax.random.key(2), x)
    fast = make("fast").init(jax.random.key(2), x)
    assert jax.tree.structure(fast) == jax.tree.structure(params)
    jax.tree.map(np.testing.assert_array_equal, fast, params)
    for name in ("fast", "auto"):
        np.testing.assert_allclose(make(name).apply(params, x), make("reference").apply(params, x), atol=1e-5)


class InPlainFlax(nn.Module):
    """A plain Flax layer with the name "conv"."""

    layer: type[nn.Module]
    features: int
    options: dict

    @nn.compact
    def __call__(self, x):
        return self.layer(self.features, (3, 3), name="conv", **self.options)(x)


HE_NORMAL = nn.initializers.he_normal()
TRANSPOSED = {
    "transpose_kernel": True,
    "kernel_init": lambda key, shape, dtype: HE_NORMAL(key, (3, 3, shape[3], shape[2]), dtype).swapaxes(2, 3),
}


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("channels", [1, 7])
@pytest.mark.parametrize(
    ("layer", "plain"),
    [
        (lambda name: UpsampleConv(6, lowering=name), InPlainFlax(nn.Conv, 6, {"kernel_init": HE_NORMAL})),
        (lambda name: UpsampleConv(6, factor=1, lowering=name), InPlainFlax(nn.Conv, 6, {"kernel_init": HE_NORMAL})),
        (
            lambda name: UpsampleConv(6, placement="before", dtype=jnp.bfloat16, lowering=name),
            InPlainFlax(nn.Conv, 6, {"kernel_init": HE_NORMAL}),
        ),
        (lambda name: TransposeConv(6, lowering=name), InPlainFlax(nn.ConvTranspose, 6, TRANSPOSED)),
        (lambda name: convolution(6, 3, name="conv", lowering=name), nn.Conv(6, (3, 3), kernel_init=HE_NORMAL)),
        (
            lambda name: convolution(6, 3, name="conv", stride=2, lowering=name),
            nn.Conv(6, (3, 3), strides=2, kernel_init=HE_NORMAL),
        ),
    ],
)
def test_initial_parameters_are_those_of_plain_flax_to_the_bit(layer, plain, channels, lowering):
    x, key = jnp.ones((1, 4, 5, channels)), jax.random.key(3)
    params, expected = layer(lowering).init(key, x), plain.init(key, x)
    assert jax.tree.structure(params) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, params, expected)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}


def test_the_fast_convolution_computes_what_flax_computes_with_stride_and_bias(rng):
    x = jnp.asarray(rng.normal(size=(2, 7, 6, 3)), jnp.float32)
    for stride in (1, 2):
        plain = nn.Conv(6, (3, 3), strides=stride)
        params = jax.tree.map(
            lambda p: jnp.asarray(rng.normal(size=p.shape), jnp.float32), plain.init(jax.random.key(0), x)
        )
        fast = convolution(6, 3, name="conv", stride=stride, lowering="fast")
        np.testing.assert_allclose(fast.apply(params, x), plain.apply(params, x), atol=1e-4)


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_forward_mode_agrees_with_the_plain_layers(rng, make):
    x, u = (jnp.asarray(rng.normal(size=(1, 4, 4, 2)), jnp.float32) for _ in range(2))
    params = make("reference").init(jax.random.key(0), x)
    directions = jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape), jnp.float32), params)

    @jax.jit
    def slopes(params, directions, x, u):
        return [jax.jvp(make(lowering).apply, (params, x), (directions, u)) for lowering in ("fast", "reference")]

    (out, slope), (expected, expected_slope) = slopes(params, directions, x, u)
    np.testing.assert_allclose(out, expected, atol=1e-5)
    np.testing.assert_allclose(slope, expected_slope, atol=2e-5)


def test_bfloat16_computes_in_bfloat16_with_float32_parameters(rng):
    x = jnp.asarray(rng.normal(size=(2, 4, 4, 3)), jnp.float32)
    for layer in (TransposeConv(4, dtype=jnp.bfloat16, lowering="fast"), UpsampleConv(4, dtype=jnp.bfloat16)):
        params = layer.init(jax.random.key(0), x)
        assert layer.apply(params, x).dtype == jnp.bfloat16
        assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}


@pytest.mark.parametrize(
    "layer", [TransposeConv(2, padding="FULL"), TransposeConv(2, lowering="best"), UpsampleConv(2, placement="inside")]
)
def test_unknown_options_are_refused(layer):
    with pytest.raises(ValueError, match=r"'FULL'|'best'|'inside'"):
        layer.init(jax.random.key(0), jnp.ones((1, 4, 4, 1)))


def test_the_variance_of_a_transposed_kernel_depends_on_its_input_channels():
    # He et al. 2015: variance 2 / (k * k * input channels).
    kernel = TransposeConv(4, 3).init(jax.random.key(0), jnp.ones((1, 2, 2, 400)))["params"]["conv"]["kernel"]
    assert kernel.shape == (3, 3, 4, 400)
    np.testing.assert_allclose(np.var(kernel), 2 / (9 * 400), rtol=0.1)
