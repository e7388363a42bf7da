"""The network of super-resolution, and interpolation, compared with Flax and Pillow."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from PIL import Image

from aeden.nn.decoders import DECODERS
from aeden.nn.resize import interpolate
from aeden.nn.super_resolution import SuperResolver

PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "cubic": Image.Resampling.BICUBIC,
    "lanczos3": Image.Resampling.LANCZOS,
}


def pillow(image, factor, method):
    """An image [h, w, c] enlarged by Pillow, in floats."""
    size = image.shape[1] * factor, image.shape[0] * factor
    channels = [Image.fromarray(np.asarray(image[..., c])).resize(size, PILLOW[method]) for c in range(image.shape[2])]
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("method", PILLOW)
def test_interpolation_is_that_of_pillow(rng, method, factor):
    images = rng.uniform(size=(1, 5, 8, 2)).astype(np.float32)
    found = jax.jit(interpolate, static_argnums=(1, 2))(jnp.asarray(images), factor, method)
    np.testing.assert_allclose(found[0], pillow(images[0], factor, method), atol=1e-5)


def test_a_shift_of_more_than_half_a_pixel_is_refused():
    with pytest.raises(ValueError, match=r"a shift of 0\.6 pixels is more than half a pixel"):
        interpolate(jnp.zeros((1, 4, 4, 1)), 2, "cubic", 0.6)
    with pytest.raises(ValueError, match="unknown resize method 'bicubic'"):
        interpolate(jnp.zeros((1, 4, 4, 1)), 2, "bicubic", -0.5)


def test_the_network_is_that_of_flax_added_to_pillows_bicubic(rng):
    """Two convolutions at the low resolution, a transposed one by 3, an output convolution."""
    net = SuperResolver("transpose", (4, 6), (1, 1), (3,), channels=2, residual=True, decoder_kernel_size=5)
    x = jnp.asarray(rng.uniform(size=(1, 6, 7, 2)), jnp.float32)
    params = jax.jit(net.init)(jax.random.key(0), x)["params"]
    params = jax.tree.map(lambda p: p + 0.1, params)  # so that biases count

    def flax(layer, values, features):
        return layer.apply({"params": values}, features)

    @jax.jit
    def plain(encoder, decoder, features):
        for i, width in enumerate((4, 6)):
            features = nn.relu(flax(nn.Conv(width, (3, 3)), encoder[f"stage{i}"], features))
        grow = nn.ConvTranspose(6, (5, 5), (3, 3), transpose_kernel=True)
        features = nn.relu(flax(grow, decoder["stage0"]["conv"], features))
        return flax(nn.Conv(2, (3, 3)), decoder["out"], features)

    expected = plain(params["encoder"], params["decoder"], x) + pillow(np.asarray(x[0]), 3, "cubic")[None]
    np.testing.assert_allclose(jax.jit(net.apply)({"params": params}, x), expected, rtol=1e-4, atol=1e-4)


def test_a_code_is_enlarged_more_than_it_was_shrunk(rng):
    """The sizes of the stages, for a low resolution that the encoder does not divide."""
    net = SuperResolver("subpixel", (4, 8), (2, 2), (2, 2))
    x = jnp.asarray(rng.uniform(size=(1, 7, 6, 1)), jnp.float32)
    params = jax.eval_shape(net.init, jax.random.key(0), x)["params"]
    assert jax.eval_shape(net.apply, {"params": params}, x).shape == (1, 28, 24, 1)
    assert net.mirrored().factors == (2, 2, 2, 2)
    assert net.mirrored().features == (8, 4, 4, 4)
    # The encoder at 8 x 8 and 4 x 4, then sub-pixel convolutions from 2 x 2 to 32 x 32.
    encoder = 64 * 9 * 4 + 16 * 9 * 4 * 8
    decoder = 9 * 4 * (4 * 8 * 8 + 16 * 8 * 4 + 64 * 4 * 4 + 256 * 4 * 4) + 32 * 32 * 9 * 4
    assert net.multiplications(28, 24) == encoder + decoder


# Each decoder once in the suite, and the transposed convolution, whose kernel depends on the factor, with all factors.
ENLARGED = [
    pytest.param(name, factors, enlarge, marks=() if name == "transpose" or shown == 3 else pytest.mark.proof)
    for name in DECODERS
    for shown, (factors, enlarge) in enumerate(product([(1, 1), (1, 2)], [(3,), (2, 2)]))
]


@pytest.mark.parametrize(("decoder", "factors", "enlarge"), ENLARGED)
def test_every_decoder_that_can_enlarges_by_every_factor(decoder, factors, enlarge):
    net = SuperResolver(
        decoder, (16, 144), factors, enlarge, decoder_features=(144,) * (max(factors) + len(enlarge) - 1)
    )
    net = net.clone(decoder_kernel_size=7 if decoder == "large_context" else 4)
    x = jnp.zeros((1, 5, 6, 1))
    if decoder == "unpool":
        with pytest.raises(ValueError, match=r"enlarges further than its encoder shrinks: use another model\.decoder"):
            jax.eval_shape(net.init, jax.random.key(0), x)
        return
    params = jax.eval_shape(net.init, jax.random.key(0), x)["params"]
    assert jax.eval_shape(net.apply, {"params": params}, x).shape == (1, 5 * net.scale, 6 * net.scale, 1)
    assert net.multiplications(5 * net.scale, 6 * net.scale) > 0


@pytest.mark.parametrize(
    "net",
    [
        SuperResolver("upsample", (2, 2), enlarge=(3,), resize="bilinear"),
        SuperResolver("upsample", (2,), (1,), residual=True, kernel_size=1),
        SuperResolver("transpose", (2, 2), (1, 2), (2,), decoder_kernel_size=4),
    ],
    ids=["features", "bicubic alone reads so far", "code"],
)
def test_the_receptive_radius_by_gradients(net):
    """As of the U-Net: with positive kernels, and images that grow and fall, gradients reach as far as pixels do."""
    radius, stride = net.receptive_radius(), net.stride
    height = (2 * (radius // stride + 2) + 1) * stride
    middle = (height - stride) // 2
    ramp = jnp.broadcast_to(jnp.linspace(1.0, 2.0, height)[None, :, None, None], (1, height, stride, 1))
    params = jax.jit(net.init)(jax.random.key(0), ramp[:, :stride])["params"]
    params = jax.tree.map(lambda p: jnp.abs(p) + 0.05, params)

    def rows(x):
        output = net.apply({"params": params}, x)[0]
        return output[middle * net.scale : (middle + stride) * net.scale].sum(axis=(1, 2))

    jacobian = jax.jit(jax.jacrev(rows))
    reached = set()
    for image in (ramp, ramp[:, ::-1]):
        for position, row in zip(*np.nonzero(np.asarray(jacobian(image))[:, 0].sum(axis=(2, 3))), strict=True):
            reached.add(abs(int(row) - middle - int(position) // net.scale))
    assert max(reached) == radius
