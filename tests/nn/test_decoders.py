"""Decoders: number of multiplications, initial values, what is refused, and how a new kind is added."""

import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT

from aeden.nn import decoders
from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.convolution import LOWERINGS
from aeden.nn.decoders import DECODERS, Decoder, DecoderKind
from aeden.nn.layers import UpsampleConv


def test_multiplications_of_the_keras_example():
    shared = 28 * 28 * 9 * 32 + 14 * 14 * 9 * 32 * 32 + 28 * 28 * 9 * 32
    assert ConvAutoencoder("transpose").multiplications(28, 28) == shared + (7 * 7 + 14 * 14) * 9 * 32 * 32
    # Four 2 x 2 kernels per source pixel; an unmerged resize and convolution takes 9 per output pixel.
    assert ConvAutoencoder("upsample").multiplications(28, 28) == shared + (14 * 14 + 28 * 28) * 4 * 32 * 32
    bilinear = ConvAutoencoder("upsample", resize="bilinear")
    assert bilinear.multiplications(27, 28) == shared + (14 * 14 + 28 * 28) * 9 * 32 * 32
    before = ConvAutoencoder("upsample", placement="before")
    assert before.multiplications(28, 28) == shared + (7 * 7 + 14 * 14) * 9 * 32 * 32
    k4 = ConvAutoencoder("transpose", decoder_kernel_size=4)
    assert k4.multiplications(28, 28) == shared + (7 * 7 + 14 * 14) * 16 * 32 * 32
    subpixel = ConvAutoencoder("subpixel", decoder_features=(16, 8))
    shared = 28 * 28 * 9 * 32 + 14 * 14 * 9 * 32 * 32 + 28 * 28 * 9 * 8
    assert subpixel.multiplications(28, 28) == shared + 9 * (14 * 14 * 32 * 16 + 28 * 28 * 16 * 8)


@pytest.mark.parametrize(
    ("kind", "options", "taps"),
    [
        ("transpose", {}, (9, 9)),
        ("transpose", {"grow_kernel_size": 4}, (16, 16)),
        ("upsample", {}, (36, 16)),  # ceil((3 + s - 1) / s)^2 s^2 for s = 3 and 2
        ("upsample", {"resize": "bilinear"}, (81, 36)),
        ("upsample", {"placement": "before"}, (9, 9)),
        ("subpixel", {}, (81, 36)),
        ("large_context", {"grow_kernel_size": 7}, (58, 58)),
        ("smoothed_transpose", {}, (9, 9)),
        ("unpool", {}, (81, 36)),
        # 81 * 6 and 36 * 5 for the convolution, 2 s^2 groups for the offsets: 4 groups of 8 channels, 3 of 6.
        ("point_sampling", {}, (81 + 2 * 9 * 4 / 6, 36 + 2 * 4 * 3 / 5)),
    ],
)
def test_multiplications_of_a_decoder(kind, options, taps):
    decoder = Decoder(kind, features=(6, 5), factors=(3, 2), channels=2, **options)
    stages = 4 * 7 * taps[0] * 8 * 6 + 12 * 21 * taps[1] * 6 * 5
    assert decoder.multiplications(4, 7, channels=8) == pytest.approx(stages + 24 * 42 * 9 * 5 * 2)


def test_multiplications_of_bilinear_additive_and_of_skip_connections():
    additive = Decoder("bilinear_additive", features=(8, 5))
    # A quarter of the channels remains for the convolution at twice the size.
    assert additive.multiplications(4, 7, channels=8) == 9 * (8 * 14 * 2 * 8 + 16 * 28 * 2 * 5 + 16 * 28 * 5)
    skip = Decoder("transpose", features=(6, 5), skip=(3, 2))
    assert skip.multiplications(4, 7, channels=8) == 9 * (4 * 7 * 8 * 6 + 8 * 14 * (6 + 2) * 5 + 16 * 28 * (5 + 3))


def test_large_context_without_a_large_kernel_is_refused():
    with pytest.raises(ValueError, match=r"sizes are 3 and 3: set model.decoder_kernel_size, e.g. to 7"):
        Decoder("large_context").init(jax.random.key(0), jnp.ones((1, 4, 4, 1)))


# Field of a decoder -> field of `model`.
FIELDS = {"init_scheme": "init", "kernel_size": "kernel_size", "grow_kernel_size": "decoder_kernel_size"}
SETTINGS = [(3, 0, (2, 2)), (4, 4, (2, 2)), (3, 6, (2,)), (3, 7, (2, 3)), (4, 8, (2,))]


@pytest.mark.parametrize("kind", DECODERS)
def test_what_a_decoder_says_to_icnr_helps(kind):
    """Each refusal names the field, its value, the decoder and values that are accepted."""
    answers = set()
    for kernel, large, factors in SETTINGS if DECODERS[kind].icnr is not None else SETTINGS[:1]:
        options = {"init_scheme": "icnr", "kernel_size": kernel, "grow_kernel_size": large}
        refused = refusal(kind, factors, options)
        answers.add(refused)
        if refused:
            assert refused.startswith(f"model.init='icnr' with model.decoder='{kind}' "), refused
            assert "\n" not in refused
            for name, field in FIELDS.items():
                found = re.search(rf"(?:set|use|and) model\.{field}='?(\w+)", refused)
                options[name] = type(options[name])(found[1]) if found else options[name]
            assert refusal(kind, factors, options) is None, (refused, options)
    assert (None in answers) == (DECODERS[kind].icnr is not None)


def refusal(kind, factors, options):
    """What a decoder says when it is initialized, or None."""
    decoder = Decoder(kind, (36,) * len(factors), factors, lowering="reference", **options)
    inputs = [jnp.ones((1, 2, 2, 36))]
    if decoder.needs_encoder:
        inputs.append([jnp.ones((1, 2 * scale, 2 * scale, 36)) for scale in np.cumprod(factors)[::-1]])
    try:
        jax.eval_shape(decoder.init, jax.random.key(0), *inputs)
    except ValueError as error:
        return str(error)
    return None


def test_which_decoders_take_icnr_is_in_the_guide():
    row = re.search(r"^\| `model.init` \|.*$", (ROOT / "docs/guide.md").read_text(), re.MULTILINE)[0]
    assert {name for name in DECODERS if f"`{name}`" in row} == {
        n for n, kind in DECODERS.items() if kind.icnr is not None
    }


def test_an_unknown_kind_is_refused():
    for call in (lambda d: d.multiplications(4, 4, 1), lambda d: d.init(jax.random.key(0), jnp.ones((1, 4, 4, 1)))):
        with pytest.raises(ValueError, match="unknown decoder 'transposed': use one of transpose, upsample, subp"):
            call(Decoder("transposed"))


class FlaxDecoder(nn.Module):
    """The parameters of a decoder with features (6, 5), factors (2, 2) and one channel, in plain Flax."""

    kind: str

    @nn.compact
    def __call__(self, x):
        for i, width in enumerate((6, 5)):
            x = FlaxStage(self.kind, width, name=f"stage{i}")(x)
        return nn.Conv(1, (3, 3), kernel_init=nn.initializers.he_normal(), name="out")(x)


class FlaxStage(nn.Module):
    """A layer that enlarges by 2, in plain Flax."""

    kind: str
    width: int

    @nn.compact
    def __call__(self, x):
        he_normal = nn.initializers.he_normal()
        if self.kind == "upsample":
            x = jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)
            return nn.Conv(self.width, (3, 3), kernel_init=he_normal, name="conv")(x)
        if self.kind == "subpixel":

            def repeated(key, shape, dtype):
                return jnp.tile(he_normal(key, (*shape[:3], shape[3] // 4), dtype), 4)

            nn.Conv(4 * self.width, (3, 3), kernel_init=repeated, name="conv")(x)
        else:

            def swapped(key, shape, dtype):
                return he_normal(key, (*shape[:2], shape[3], shape[2]), dtype).swapaxes(2, 3)

            nn.ConvTranspose(self.width, (3, 3), (2, 2), transpose_kernel=True, kernel_init=swapped, name="conv")(x)
        return jnp.zeros((len(x), 2 * x.shape[1], 2 * x.shape[2], self.width))


@pytest.mark.parametrize("kind", ["transpose", "upsample", "subpixel"])
@pytest.mark.parametrize("lowering", LOWERINGS)
def test_initial_parameters_are_those_of_plain_flax_to_the_bit(kind, lowering):
    x, key = jnp.ones((1, 3, 4, 7)), jax.random.key(5)
    params = Decoder(kind, (6, 5), (2, 2), lowering=lowering).init(key, x)["params"]
    expected = FlaxDecoder(kind).init(key, x)["params"]
    assert jax.tree.structure(params) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, params, expected)


def test_a_new_kind_needs_an_entry_in_the_table_only(monkeypatch):
    kind = DecoderKind(
        lambda decoder, features, factor, name: UpsampleConv(
            features, decoder.layer_kernel_size(), factor, method="cubic", name=name, **decoder.layer_options()
        ),
        lambda decoder, factor: 1000 * factor,
        others=lambda decoder, channels, factor: decoder.layer_kernel_size() * channels,
    )
    monkeypatch.setitem(decoders.DECODERS, "cubic", kind)
    model, same = ConvAutoencoder("cubic", (6, 5)), ConvAutoencoder("upsample", (6, 5), resize="cubic")
    x = jnp.linspace(0.0, 1.0, 2 * 8 * 8).reshape(2, 8, 8, 1)
    params = model.init(jax.random.key(0), x)
    np.testing.assert_array_equal(model.apply(params, x), same.apply(params, x))
    encoder_and_out = 8 * 8 * 9 * 6 + 4 * 4 * 9 * 6 * 5 + 8 * 8 * 9 * 6
    others = 3 * 5 * (2 * 2 * 5 + 4 * 4 * 5)
    assert model.multiplications(8, 8) == encoder_and_out + 2000 * (2 * 2 * 5 * 5 + 4 * 4 * 5 * 6) + others
    assert list(DECODERS)[:3] == ["transpose", "upsample", "subpixel"]
