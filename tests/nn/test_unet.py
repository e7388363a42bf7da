"""The U-Net, compared with plain Flax: residual, bias-free, given the noise level, of any size, with every decoder."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder
from aeden.nn.decoders import DECODERS
from aeden.nn.parameters import count_parameters
from aeden.nn.restore import model_output, restore
from aeden.nn.unet import UNet, pad_by_reflection

# Fields without which a decoder is refused, for stages of one width.
NEEDED = {"large_context": {"decoder_kernel_size": 5}}


def unet(decoder="upsample", features=(4, 4), factors=(2, 2), **options):
    return UNet(decoder, features, factors, **NEEDED.get(decoder, {}), **options)


def start(model, *shape):
    """Random parameters, those of biases and of the last layer as large as the others. Nothing is compiled."""
    params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros(shape))["params"]
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: np.asarray(0.3 * rng.normal(size=leaf.shape), np.float32), params)


def flax_unet(model, params, x, level=None):
    """The same network of Flax's own layers, for two stages that halve the image and the fields used below."""
    h, w = x.shape[1:3]
    y = np.pad(np.asarray(x), ((0, 0), (0, -h % 4), (0, -w % 4), (0, 0)), mode="reflect")
    if level is not None:
        y = np.concatenate([y, np.ones_like(y[..., :1]) * np.reshape(np.asarray(level), (-1, 1, 1, 1))], axis=-1)

    def conv(y, features, *path):
        given = params
        for name in path:
            given = given[name]
        return nn.Conv(features, (3, 3), use_bias=model.use_bias).apply({"params": given}, y)

    skipped = []
    for i, width in enumerate(model.features):
        for j in range(model.blocks):
            y = nn.relu(conv(y, width, f"stage{i}_conv{j}"))
        skipped.append(y)
        y = nn.max_pool(y, (2, 2), (2, 2))
    for j in range(model.blocks):
        y = nn.relu(conv(y, model.features[-1], f"bottom_conv{j}"))
    for i, width in enumerate(reversed(model.features)):
        if model.decoder == "upsample":
            y = conv(y.repeat(2, 1).repeat(2, 2), width, "decoder", f"stage{i}", "conv")
        else:
            layer = nn.ConvTranspose(width, (3, 3), (2, 2), transpose_kernel=True, use_bias=model.use_bias)
            y = layer.apply({"params": params["decoder"][f"stage{i}"]["conv"]}, y)
        y = jnp.concatenate([nn.relu(y), skipped[-1 - i]], axis=-1)
        for j in range(1, model.blocks):
            y = nn.relu(conv(y, width, "decoder", f"stage{i}_conv{j}"))
    y = conv(y, model.channels, "decoder", "out")[:, :h, :w]
    return x - y if model.residual else y


@pytest.mark.parametrize(
    ("decoder", "options"),
    [
        ("upsample", {"residual": True, "use_bias": False, "level_input": True}),
        ("transpose", {"blocks": 1}),
    ],
    ids=["residual, bias-free, with level", "logits, one block"],
)
def test_it_is_the_network_of_plain_flax_at_odd_sizes(rng, decoder, options):
    model = unet(decoder, (4, 3), channels=2, **options)
    x, level = jnp.asarray(rng.normal(size=(2, 9, 6, 2)), jnp.float32), jnp.asarray([0.1, 0.7])
    given = (level,) if model.level_input else ()
    params = start(model, *x.shape)
    found = jax.jit(model.apply)({"params": params}, x, *given)
    expected = jax.jit(lambda p: flax_unet(model, p, x, *given))(params)
    assert found.dtype == jnp.float32
    assert float(jnp.std(x - found)) > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_padding_continues_the_image_by_reflection(rng):
    for h, w in ((5, 8), (1, 3), (8, 8)):
        x = jnp.asarray(rng.normal(size=(2, h, w, 1)), jnp.float32)
        expected = np.pad(x, ((0, 0), (0, -h % 8), (0, -w % 8), (0, 0)), mode="reflect")
        np.testing.assert_array_equal(pad_by_reflection(x, 8), expected)


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_decoder_fits_and_leaves_no_bias_if_asked(decoder):
    """Traced only. The output has the shape of the image, whatever that is."""
    for size, bias in (((9, 14), True), ((8, 8), False)):
        model = unet(decoder, channels=3, residual=True, use_bias=bias)
        x = jax.ShapeDtypeStruct((2, *size, 3), jnp.bfloat16)
        if DECODERS[decoder].moves and not bias:
            with pytest.raises(ValueError, match=r"depend on the scale of its input.*use model\.bias=True, or another"):
                jax.eval_shape(model.init, jax.random.key(0), x)
            continue
        out, variables = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
        assert (out.shape, out.dtype) == (x.shape, jnp.float32)
        names = [str(path[-1]) for path, _ in jax.tree_util.tree_flatten_with_path(variables)[0]]
        assert any("bias" in name for name in names) == bias


# Their layers share the code of the others.
ALIKE = ("subpixel", "transpose", "bilinear_additive", "large_context")


@pytest.mark.parametrize(
    "decoder",
    [
        pytest.param(name, marks=pytest.mark.proof if name in ALIKE else ())
        for name, kind in DECODERS.items()
        if not kind.moves
    ],
)
def test_without_biases_the_output_scales_with_the_image(rng, decoder):
    model = unet(decoder, residual=True, use_bias=False)
    x = jnp.asarray(rng.normal(0.5, 0.5, size=(1, 10, 9, 1)), jnp.float32)
    apply, params = jax.jit(model.apply), start(model, *x.shape)
    once, scaled = apply({"params": params}, x), apply({"params": params}, 7.5 * x)
    assert float(jnp.std(x - once)) > 0.01
    np.testing.assert_allclose(scaled, 7.5 * once, rtol=1e-4, atol=1e-4)


def test_a_residual_network_starts_near_the_identity(rng):
    x = jnp.asarray(rng.uniform(size=(1, 16, 16, 1)), jnp.float32)
    out, _ = jax.jit(unet("upsample", (2,), (2,), residual=True).init_with_output)(jax.random.key(0), x)
    assert 0 < float(jnp.abs(out - x).max()) < 0.1


REACHES = {
    "unet nearest": unet(features=(2, 2)),
    "bilinear": ConvAutoencoder("upsample", (2, 2), resize="bilinear"),
    "unet k4": unet("transpose", (2, 2), (3, 2), blocks=1, decoder_kernel_size=4),
    "even kernels": ConvAutoencoder("transpose", (2, 2), (2, 3), kernel_size=4),
}
EVERY_REACH = [
    pytest.param(m, marks=pytest.mark.proof if i > 1 else (), id=n) for i, (n, m) in enumerate(REACHES.items())
]


@pytest.mark.parametrize("model", EVERY_REACH)
def test_the_receptive_radius_by_gradients(model):
    """With positive kernels, an image that grows along its rows has its maxima in the last row of each window, so that
    the gradient reaches as far as pixels do; one that falls has them in the first row."""
    radius, stride = model.receptive_radius(), model.stride
    height, width = 2 * stride * -(-(radius + stride) // stride) + stride, stride
    middle = (height - stride) // 2
    ramp = jnp.broadcast_to(jnp.linspace(1.0, 2.0, height)[None, :, None, None], (1, height, width, 1))
    params = jax.tree.map(lambda p: jnp.abs(p) + 0.05, start(model, 1, stride, stride, 1))

    def rows(x):
        return model.apply({"params": params}, x)[0, middle : middle + stride].sum(axis=(1, 2))

    jacobian = jax.jit(jax.jacrev(rows))
    reached = set()
    for image in (ramp, ramp[:, ::-1]):
        for position, row in zip(*np.nonzero(np.asarray(jacobian(image))[:, 0].sum(axis=(2, 3))), strict=True):
            reached.add(abs(int(row) - middle - int(position)))
    assert max(reached) == radius


def test_the_default_network_sees_52_pixels_and_has_under_a_million_parameters():
    model = UNet(residual=True, use_bias=False, init_scheme="phase")
    params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 8, 8, 1)))["params"]
    assert (model.stride, model.receptive_radius(), count_parameters(params)) == (8, 52, 698_688)
    # By hand: 3 x 3 kernels at the full size, a half, a quarter and an eighth of 64 pixels; 16 / 4 taps per output
    # pixel where a nearest resize is merged.
    full, half, quarter, eighth = (4096 // 4**i for i in range(4))
    encoder = 9 * (full * (32 + 32**2) + half * (32 * 48 + 48**2) + quarter * (48 * 96 + 96**2) + eighth * 2 * 96**2)
    decoder = 9 * (quarter * 192 * 96 + half * 96 * 48 + full * (64 * 32 + 32))
    enlarging = 16 * (eighth * 96**2 + quarter * 96 * 48 + half * 48 * 32)
    assert model.multiplications(64, 64) == model.multiplications(57, 63) == encoder + decoder + enlarging


def test_a_decoder_that_reads_anywhere_has_no_receptive_radius():
    with pytest.raises(ValueError, match="'point_sampling' reads at points that depend on the image"):
        unet("point_sampling").receptive_radius()


def test_the_noise_level_is_asked_for_and_refused_in_one_line(rng):
    x = jnp.asarray(rng.uniform(size=(2, 8, 8, 1)), jnp.float32)
    told, blind = (unet("upsample", (2,), (2,), level_input=told, blocks=1) for told in (True, False))
    params = start(told, *x.shape)  # without a level
    with pytest.raises(ValueError, match=r"needs the noise level of the images \(model.level_input=True\): give it"):
        restore(told, params, x)
    with pytest.raises(ValueError, match=r"not given the noise level: set model\.level_input=True"):
        blind.init(jax.random.key(0), x, jnp.ones(2))
    with pytest.raises(ValueError, match=r"takes \[batch, height, width, 1\], not \(2, 8, 8, 3\)"):
        blind.init(jax.random.key(0), jnp.ones((2, 8, 8, 3)))
    at = {level: np.asarray(restore(told, params, x, level)) for level in (0.1, 0.5)}
    assert np.abs(at[0.1] - at[0.5]).max() > 1e-3
    each = np.asarray(restore(told, params, x, jnp.asarray([0.1, 0.5])))
    np.testing.assert_allclose(each, np.stack([at[0.1][0], at[0.5][1]]), atol=1e-6)


@pytest.mark.parametrize(
    ("model", "linear"),
    [
        (unet("upsample", (2,), (2,), residual=True, blocks=1), True),
        (unet("upsample", (2,), (2,), blocks=1), False),
        (DenseAutoencoder((8, 8, 1), (3,)), False),
    ],
    ids=["residual", "logits", "dense"],
)
def test_restored_images_are_in_the_unit_interval_and_networks_are_trained_without_it(rng, model, linear):
    x = jnp.asarray(rng.normal(0.5, 1.0, size=(2, 8, 8, 1)), jnp.float32)
    params = start(model, *x.shape)
    output = model.apply({"params": params}, x)
    np.testing.assert_array_equal(model_output(model, params, x), output)
    assert not 0 <= output.min() <= output.max() <= 1
    expected = np.clip(output, 0, 1) if linear else 1 / (1 + np.exp(-np.asarray(output)))
    # A level that a network does not use does not matter.
    np.testing.assert_allclose(restore(model, params, x, 0.3), expected, atol=1e-6)


def test_multiplications_grow_with_blocks_and_channels():
    sizes = [unet(blocks=n, channels=c).multiplications(8, 8) for n, c in itertools.product((1, 2, 3), (1, 3))]
    assert sizes == sorted(set(sizes))
    assert unet(level_input=True).multiplications(8, 8) - unet().multiplications(8, 8) == 64 * 9 * 4
