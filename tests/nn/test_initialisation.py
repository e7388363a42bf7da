"""Initial values: the variance of pre-activations by phase, and the schemes of Keras and PyTorch by their formulas."""

import math
import re
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT

from aeden.data.glyphs import load
from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder
from aeden.nn.decoders import DECODERS, Decoder
from aeden.nn.encoder import Encoder
from aeden.nn.initializers import INITS, added_mean_square, convolution_init
from aeden.nn.layers import SubpixelConv, TransposeConv, UpsampleConv

CHANNELS, FEATURES, SIZE, IMAGES = 36, 100, 18, 8
# The decoders whose phases have kernels or inputs of their own; name -> fields.
KINDS = {
    **{name: {"kind": name} for name in DECODERS},
    "bilinear": {"kind": "upsample", "resize": "bilinear"},
    "cubic": {"kind": "upsample", "resize": "cubic"},
    "before": {"kind": "upsample", "placement": "before"},
    "bilinear before": {"kind": "upsample", "resize": "bilinear", "placement": "before"},
}
SIZES = [(3, 2), (4, 2), (5, 3)]
# Scheme -> kernel and stride of the cases that are fast and different enough for the suite; `-m proof` runs the others.
# A decoder that is not named, so also one that is added, has those of "new".
IN_SUITE = {
    "phase": {
        "new": [(3, 2)],
        "transpose": SIZES,
        "large_context": [(5, 2)],
        **dict.fromkeys(("subpixel", "smoothed_transpose", "point_sampling"), ()),
        **dict.fromkeys(("bilinear", "cubic", "before", "bilinear before"), ()),
    },
    "icnr": {"new": [(4, 2)]},
}
# Seeds over which a decoder is measured, if 8 are too few: the fewer independent values its kernels have, the more.
SEEDS = {}


def accepts(name, kernel, stride, init):
    """Whether a decoder has such kernels and initial values."""
    kind = KINDS[name]["kind"]
    fields = DECODERS[kind].icnr
    if init == "icnr" and (fields is None or (fields and kernel % stride)):
        return False
    if kind == "bilinear_additive" and CHANNELS % stride**2:
        return False
    return (
        kernel > small_kernel(stride, init)
        if kind == "large_context"
        else kind != "smoothed_transpose" or kernel >= stride
    )


def small_kernel(stride, init):
    """Height of the small kernel of large_context: 3, or one that the stride divides."""
    return stride if init == "icnr" else 3


CASES = [
    pytest.param(name, k, s, init, marks=() if (k, s) in sizes.get(name, sizes["new"]) else pytest.mark.proof)
    for init, sizes in IN_SUITE.items()
    for name, k, s in product(KINDS, range(1, 8), range(1, 5))
    if accepts(name, k, s, init)
]


def phases(name, kernel, stride, init):
    """Mean square of the pre-activations of a layer over that of its input, by phase and as a mean over the phases."""
    options = {"kernel_size": small_kernel(stride, init), "grow_kernel_size": kernel, "init_scheme": init}
    decoder, seeds = Decoder(**KINDS[name], **options), SEEDS.get(name, 8)
    layer = DECODERS[decoder.kind].make_layer(decoder, FEATURES, stride, "layer").clone(name=None)
    # Neighbouring pixels are equal: a resize keeps such an image, as it nearly keeps a code (see the last test).
    values = jax.nn.relu(jax.random.normal(jax.random.key(7), (IMAGES, 1, 1, CHANNELS)))
    inputs, square = [jnp.broadcast_to(values, (IMAGES, SIZE, SIZE, CHANNELS))], jnp.mean(values**2)
    if name == "bilinear_additive":
        # The sample is small, so take what it gives to the sums of channels, not what it would give on average.
        added = stride**2
        square = jnp.mean(values.reshape(IMAGES, -1, added).sum(-1) ** 2) / added_mean_square(added)
    untrained = jax.jit(lambda key, *x: layer.apply(layer.init(key, *x), *x))
    border = stride * -(-(kernel + 1) // stride)
    measured = np.zeros((stride, stride))
    for seed in range(seeds):
        if name == "unpool":
            # Values go to other pixels under each seed.
            larger = (IMAGES, SIZE * stride, SIZE * stride, CHANNELS)
            inputs[1:] = [jax.random.normal(jax.random.key(100 + seed), larger)]
        out = np.asarray(untrained(jax.random.key(seed), *inputs))[:, border:-border, border:-border]
        measured += np.array(
            [[np.mean(np.square(out[:, i::stride, j::stride])) for j in range(stride)] for i in range(stride)]
        ) / float(square * seeds)
    return measured


@pytest.mark.parametrize(("name", "kernel", "stride", "init"), CASES)
def test_every_output_pixel_starts_with_the_same_variance(name, kernel, stride, init):
    """Twice the mean square of the input, in every phase."""
    measured = phases(name, kernel, stride, init)
    expected = np.full((stride, stride), 2.0)
    if KINDS[name]["kind"] == "transpose" and kernel < stride:
        reached = (np.arange(stride) - (kernel - stride) // 2 * (kernel > stride)) % stride < kernel
        expected *= np.outer(reached, reached)
    np.testing.assert_allclose(measured, expected, rtol=0.1)


@pytest.mark.parametrize(("kernel", "stride"), SIZES)
def test_he_leaves_transposed_phases_uneven(kernel, stride):
    """Each phase has the variance 2 * (its taps) / k^2."""
    taps = np.array([len(range(phase, kernel, stride)) for phase in range(stride)])
    measured = phases("transpose", kernel, stride, "he")
    expected = np.sort(np.outer(taps, taps).ravel()) * 2.0 / kernel**2
    np.testing.assert_allclose(np.sort(measured.ravel()), expected, rtol=0.12)


def test_the_table_of_he_follows_from_its_rule_and_is_measured():
    """docs/method.md: v = 2 / (k² c), and n v g for each layer that enlarges."""
    text = (ROOT / "docs/method.md").read_text()
    rows = re.findall(r"^\| ([^|]*), then convolution \| (k² c[^|]*) \| ([^|]*) \|$", text, re.MULTILINE)
    rows += re.findall(r"^\| (sub-pixel) convolution \| (k² c[^|]*) \| ([^|]*) \|$", text, re.MULTILINE)
    names = {"resize": "upsample", "max-unpooling by 2": "unpool", "bilinear additive by 2": "bilinear_additive"}
    assert [row[0] for row in rows] == [*names, "sub-pixel"]
    for layer, inputs, stated in rows:
        name = names.get(layer, "subpixel")
        count, _, rest = inputs.partition(",")
        gain = re.search(r"g = ([\d./]+)", rest)
        value = 2.0 * fraction(count.replace("k² c", "1")) * (fraction(gain[1]) if gain else 1.0)
        assert fraction(stated) == pytest.approx(value, rel=0.03), layer
        assert phases(name, 3, 2, "he").mean() == pytest.approx(value, rel=0.05), layer


def fraction(text):
    """ "1/4" -> 0.25."""
    number, _, divisor = text.partition("/")
    return float(number) / float(divisor or 1)


@pytest.mark.parametrize(
    ("kernel", "stride"),
    [(4, 2), (6, 3), *(pytest.param(kernel, 2, marks=pytest.mark.proof) for kernel in (2, 6))],
)
def test_icnr_starts_as_a_shifted_nearest_resize(rng, kernel, stride):
    x = jnp.asarray(rng.normal(size=(1, 7, 7, 5)), jnp.float32)
    layer = TransposeConv(4, kernel, stride, init_scheme="icnr")
    params = jax.jit(layer.init)(jax.random.key(3), x)
    shift = (kernel - stride) // 2
    # Whole source pixels: output pixels from s*i - shift on have the same value.
    blocks = np.roll(jax.jit(layer.apply)(params, x), (shift, shift), axis=(1, 2))[:, 2 * stride : -2 * stride][
        :, :, 2 * stride : -2 * stride
    ]
    for i, j in product(range(stride), repeat=2):
        np.testing.assert_allclose(blocks[:, i::stride, j::stride], blocks[:, ::stride, ::stride], atol=1e-6)
    assert np.std(blocks) > 0.1
    assert phases("transpose", kernel, stride, "icnr").mean() == pytest.approx(2.0, rel=0.1)


def test_icnr_of_a_subpixel_layer_is_he():
    x = jnp.ones((1, 3, 4, 8))
    one, other = (SubpixelConv(4, init_scheme=init).init(jax.random.key(1), x) for init in ("he", "icnr"))
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_icnr_is_refused_where_it_has_no_meaning():
    x = jnp.ones((1, 3, 4, 8))
    with pytest.raises(ValueError, match="stride divides, not 3 with stride 2: use a kernel size of 4"):
        TransposeConv(4, 3, init_scheme="icnr").init(jax.random.key(0), x)
    with pytest.raises(
        ValueError, match="init='icnr' is for transposed and sub-pixel convolutions: use 'he' or 'phase'"
    ):
        UpsampleConv(4, init_scheme="icnr").init(jax.random.key(0), x)


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ValueError, match="unknown init 'kaiming': use one of he, phase, icnr, glorot, torch"):
        convolution_init("kaiming", 3, 1)
    for layer in (TransposeConv, UpsampleConv, SubpixelConv):
        with pytest.raises(ValueError, match="unknown init"):
            layer(4, init_scheme="kaiming").init(jax.random.key(0), jnp.ones((1, 3, 4, 8)))


def uniform_limits(params):
    """Largest absolute value and standard deviation of kernel and bias."""
    return {name: (float(np.abs(x).max()), float(np.std(x))) for name, x in params["params"]["conv"].items()}


@pytest.mark.parametrize(("layer", "fan_in", "fan_out"), [
    (TransposeConv(160, 3), 9 * 24, 9 * 160),
    (UpsampleConv(160, 3), 9 * 24, 9 * 160),
    (SubpixelConv(40, 3), 9 * 24, 9 * 160),
])  # fmt: skip
def test_glorot_is_keras_default(layer, fan_in, fan_out):
    found = uniform_limits(layer.clone(init_scheme="glorot").init(jax.random.key(0), jnp.ones((1, 3, 4, 24))))
    limit = math.sqrt(6 / (fan_in + fan_out))
    assert found["kernel"] == pytest.approx((limit, limit / math.sqrt(3)), rel=0.02)
    assert found["kernel"][0] <= limit
    assert found["bias"] == (0, 0)


@pytest.mark.parametrize(("layer", "fan_in"), [
    (TransposeConv(160, 3), 9 * 160),  # PyTorch: the fan-in of a ConvTranspose2d is that of its output channels
    (UpsampleConv(160, 3), 9 * 24),
    (SubpixelConv(40, 3), 9 * 24),
])  # fmt: skip
def test_torch_is_pytorchs_default(layer, fan_in):
    found = uniform_limits(layer.clone(init_scheme="torch").init(jax.random.key(0), jnp.ones((1, 3, 4, 24))))
    limit = 1 / math.sqrt(fan_in)
    assert found["kernel"] == pytest.approx((limit, limit / math.sqrt(3)), rel=0.02)
    assert found["bias"] == pytest.approx((limit, limit / math.sqrt(3)), rel=0.1)


@pytest.mark.parametrize("init", INITS)
def test_encoder_output_and_dense_layers_follow_the_scheme(init):
    model = ConvAutoencoder("transpose", (64, 64), decoder_kernel_size=4, init_scheme=init)
    params = jax.jit(model.init)(jax.random.key(0), jnp.ones((1, 8, 8, 1)))["params"]
    limits = {"glorot": math.sqrt(6 / (9 * 64 + 9 * 64)), "torch": 1 / math.sqrt(9 * 64)}
    spread = limits[init] / math.sqrt(3) if init in limits else math.sqrt(2 / (9 * 64))
    assert np.std(params["encoder"]["stage1"]["kernel"]) == pytest.approx(spread, rel=0.03)
    fan = {"glorot": math.sqrt(6 / (9 * 64 + 9)), "torch": 1 / math.sqrt(9 * 64)}
    out = fan[init] / math.sqrt(3) if init in fan else math.sqrt(2 / (9 * 64))
    assert np.std(params["decoder"]["out"]["kernel"]) == pytest.approx(out, rel=0.1)
    assert bool(np.any(params["encoder"]["stage0"]["bias"])) == (init == "torch")
    if init != "icnr":
        dense = DenseAutoencoder((8, 8, 1), (500,), init_scheme=init)
        params = jax.jit(dense.init)(jax.random.key(0), jnp.ones((1, 8, 8, 1)))["params"]
        kernel = params["encoder_0"]["kernel"]
        wanted = {"glorot": math.sqrt(2 / (64 + 500)), "torch": math.sqrt(1 / (3 * 64))}.get(init, math.sqrt(2 / 64))
        assert np.std(kernel) == pytest.approx(wanted, rel=0.03)


@pytest.mark.parametrize(
    "names",
    [
        ["upsample", "transpose", "bilinear"],
        pytest.param(list(KINDS), marks=pytest.mark.proof),
    ],
    ids=["some", "all"],
)
def test_phase_makes_decoders_alike_on_codes_of_images(names):
    """The first layer of each decoder, on the codes that an untrained encoder makes of noisy drawn digits."""
    images = load("digits", None, 64)["test"].images / np.float32(255)
    noisy = jnp.clip(images + 0.4 * jax.random.normal(jax.random.key(0), images.shape), 0, 1)
    measured = {name: on_codes(name, noisy, SEEDS.get(name, 3)) for name in names}
    for name, value in measured.items():
        # The channels of a code are not independent, as `added_mean_square` supposes.
        assert value == pytest.approx(measured["upsample"], rel=0.25 if name == "bilinear_additive" else 0.13), measured


def on_codes(name, noisy, seeds):
    """Mean square of the pre-activations over that of the code, away from the border."""
    encoder, kernel = Encoder(), 7 if name == "large_context" else 3
    decoder = Decoder(**KINDS[name], init_scheme="phase", grow_kernel_size=kernel)
    layer = DECODERS[decoder.kind].make_layer(decoder, FEATURES, 2, "layer").clone(name=None)

    @jax.jit
    def ratio(seed):
        code, pooled = encoder.apply(encoder.init(jax.random.key(seed), noisy[:1]), noisy)
        inputs = (code, pooled[-1]) if name == "unpool" else (code,)
        out = layer.apply(layer.init(jax.random.key(10 + seed), *inputs), *inputs)[:, 4:-4, 4:-4]
        return jnp.mean(out**2) / jnp.mean(code[:, 1:-1, 1:-1] ** 2)

    return float(np.mean([ratio(seed) for seed in range(seeds)]))


@pytest.mark.parametrize("channels", [1, 4, 9])
def test_mean_square_of_added_channels(rng, channels):
    x = np.maximum(rng.normal(size=(200_000, channels)), 0)
    assert np.mean(x.sum(1) ** 2) / np.mean(x**2) == pytest.approx(added_mean_square(channels), rel=0.02)
