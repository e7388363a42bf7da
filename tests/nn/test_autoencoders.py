"""Autoencoders: shapes, parameter counts, padding, and agreement of all implementations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from hypothesis import given, settings
from hypothesis import strategies as st

from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder
from aeden.nn.decoders import DECODERS
from aeden.nn.encoder import Encoder, pad_to_multiple
from aeden.nn.parameters import apply, count_parameters


def parameters(model, shape):
    return jax.eval_shape(model.init, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32))["params"]


@pytest.mark.parametrize("decoder", ["transpose", "upsample"])
def test_the_keras_example_has_28353_parameters(decoder):
    assert count_parameters(parameters(ConvAutoencoder(decoder), (1, 28, 28, 1))) == 28_353


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    h=st.integers(1, 40),
    w=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    kernel=st.integers(1, 5),
    stages=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 3)), min_size=1, max_size=3),
)
def test_logits_have_the_shape_of_the_image_and_both_decoders_as_many_parameters(h, w, channels, kernel, stages):
    features, factors = zip(*stages, strict=True)
    counts = set()
    for decoder in ("transpose", "upsample"):
        model = ConvAutoencoder(decoder, features, factors, kernel, channels)
        x = jax.ShapeDtypeStruct((2, h, w, channels), jnp.float32)
        (out, params) = jax.eval_shape(lambda x, m=model: m.init_with_output(jax.random.key(0), x), x)
        assert out.shape == x.shape
        assert out.dtype == jnp.float32
        counts.add(count_parameters(params))
    assert len(counts) == 1


# Their layers are tested in test_layer_variants.py; their whole networks are proofs. All others, so also a decoder that
# is added, are in the suite.
SLOW = ("large_context", "smoothed_transpose", "bilinear_additive", "point_sampling")
EVERY_DECODER = [pytest.param(name, marks=pytest.mark.proof if name in SLOW else (), id=name) for name in DECODERS]
# Fields without which a decoder is refused.
NEEDED = {"large_context": {"decoder_kernel_size": 5}}


def autoencoder(decoder, *arguments, **options):
    return ConvAutoencoder(decoder, *arguments, **options, **NEEDED.get(decoder, {}))


@pytest.mark.parametrize("decoder", EVERY_DECODER)
def test_images_of_odd_size_are_padded_and_cropped(rng, decoder):
    model = autoencoder(decoder, (4, 4))
    x = jnp.asarray(rng.uniform(size=(2, 9, 10, 1)), jnp.float32)
    params = jax.jit(model.init)(jax.random.key(0), x)
    padded = pad_to_multiple(x, 4)
    np.testing.assert_array_equal(padded, np.pad(x, ((0, 0), (0, 3), (0, 2), (0, 0)), mode="edge"))
    apply = jax.jit(model.apply)
    np.testing.assert_array_equal(apply(params, x), apply(params, padded)[:, :9, :10])


def test_the_encoder_equals_the_keras_example_with_relu_before_the_pool(rng):
    x = jnp.asarray(rng.normal(size=(2, 12, 12, 1)), jnp.float32)
    encoder = Encoder((8, 5))
    params = jax.jit(encoder.init)(jax.random.key(0), x)
    code, pooled = jax.jit(encoder.apply)(params, x)

    @jax.jit
    def keras(params, x):
        convolved = []
        for i, width in enumerate((8, 5)):
            convolved.append(nn.Conv(width, (3, 3)).apply({"params": params[f"stage{i}"]}, x))
            x = nn.max_pool(nn.relu(convolved[-1]), (2, 2), (2, 2))
        return x, convolved

    expected, convolved = keras(params["params"], x)
    for mine, its in zip(pooled, convolved, strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-5)
    np.testing.assert_allclose(code, expected, atol=1e-5)


@pytest.mark.parametrize("decoder", EVERY_DECODER)
def test_fast_and_reference_give_the_same_loss_and_gradients(rng, decoder):
    x = jnp.asarray(rng.uniform(size=(2, 9, 10, 1)), jnp.float32)
    models = [autoencoder(decoder, (8, 8), lowering=name) for name in ("fast", "reference")]
    params = jax.jit(models[0].init)(jax.random.key(0), x)

    def loss(params, model):
        return jnp.mean(jnp.square(model.apply(params, x)))

    fast, reference = jax.jit(lambda p: [jax.value_and_grad(loss)(p, m) for m in models])(params)
    np.testing.assert_allclose(fast[0], reference[0], rtol=1e-5)
    for gradient, expected in zip(jax.tree.leaves(fast[1]), jax.tree.leaves(reference[1]), strict=True):
        np.testing.assert_allclose(gradient, expected, atol=1e-5)


# Unpooling is not continuous: rounding may choose another pixel of a window.
@pytest.mark.parametrize("decoder", [one for one in EVERY_DECODER if one.id != "unpool"])
def test_bfloat16_is_close_to_float32(rng, decoder):
    x = jnp.asarray(rng.uniform(size=(2, 8, 8, 1)), jnp.float32)
    full, half = autoencoder(decoder, (8, 8)), autoencoder(decoder, (8, 8), dtype=jnp.bfloat16)
    params = jax.jit(full.init)(jax.random.key(0), x)
    out, expected = jax.jit(lambda p: (half.apply(p, x), full.apply(p, x)))(params)
    assert out.dtype == jnp.float32
    np.testing.assert_allclose(out, expected, atol=0.05 * max(1.0, float(np.std(expected))))


@pytest.mark.parametrize(
    ("decoder", "factor"),
    [("transpose", 2), *(pytest.param(*one, marks=pytest.mark.proof) for one in (("upsample", 2), ("transpose", 3)))],
)
def test_skip_connections_append_the_encoders_features(rng, decoder, factor):
    """Compared with the same network in plain Flax."""
    model = ConvAutoencoder(decoder, (8, 6), (factor, factor), skip=True)
    x = jnp.asarray(rng.uniform(size=(2, 2 * factor**2, factor**2, 1)), jnp.float32)
    params = jax.jit(model.init)(jax.random.key(0), x)["params"]

    def conv(part, name, features, x):
        return nn.Conv(features, (3, 3)).apply({"params": params[part][name]}, x)

    @jax.jit
    def plain(code):
        features = []
        for i, width in enumerate((8, 6)):
            features.append(conv("encoder", f"stage{i}", width, code))
            code = nn.relu(nn.max_pool(features[-1], (factor, factor), (factor, factor)))
        for i, width in enumerate((6, 8)):
            stage = params["decoder"][f"stage{i}"]["conv"]
            if decoder == "upsample":
                code = nn.Conv(width, (3, 3)).apply({"params": stage}, code.repeat(factor, 1).repeat(factor, 2))
            else:
                layer = nn.ConvTranspose(width, (3, 3), (factor, factor), transpose_kernel=True)
                code = layer.apply({"params": stage}, code)
            code = jnp.concatenate([nn.relu(code), nn.relu(features[-1 - i])], axis=-1)
        return conv("decoder", "out", 1, code)

    np.testing.assert_allclose(jax.jit(model.apply)({"params": params}, x), plain(x), atol=1e-5)


def test_decoders_that_need_the_encoder_do_not_decode_a_code_alone():
    x = jnp.ones((1, 8, 8, 1))
    for model in (ConvAutoencoder("unpool"), ConvAutoencoder("transpose", skip=True)):
        assert not model.decodes_alone
        params = jax.eval_shape(model.init, jax.random.key(0), x)
        code = jax.eval_shape(lambda p, m=model: m.apply(p, x, method="encode"), params)
        with pytest.raises(ValueError, match="needs an encoder"):
            jax.eval_shape(lambda p, c, m=model: m.apply(p, c, method="decode"), params, code)
    assert ConvAutoencoder("transpose").decodes_alone


def test_unpool_puts_the_code_where_the_encoder_took_it(rng):
    """A network whose stages do nothing: it keeps the maximum of each window in its place, and drops the rest."""
    model = ConvAutoencoder("unpool", (1, 1), kernel_size=1)
    x = jnp.asarray(rng.uniform(0.1, 1.0, size=(2, 8, 12, 1)), jnp.float32)
    params = jax.jit(model.init)(jax.random.key(0), x)
    params = jax.tree.map(lambda p: np.ones_like(p) if p.ndim == 4 else p, params)
    largest = np.asarray(x).reshape(2, 2, 4, 3, 4, 1).max(axis=(2, 4), keepdims=True)
    expected = np.where(np.asarray(x).reshape(2, 2, 4, 3, 4, 1) == largest, largest, 0).reshape(x.shape)
    np.testing.assert_allclose(jax.jit(model.apply)(params, x), expected, atol=1e-6)


def test_unknown_decoder_and_wrong_channels_are_refused():
    with pytest.raises(ValueError, match="'transposed'"):
        ConvAutoencoder("transposed").init(jax.random.key(0), jnp.ones((1, 8, 8, 1)))
    with pytest.raises(ValueError, match=r"\(1, 8, 8, 3\)"):
        ConvAutoencoder().init(jax.random.key(0), jnp.ones((1, 8, 8, 3)))


@pytest.mark.parametrize("tied", [False, True])
def test_a_dense_autoencoder_agrees_with_numpy(rng, tied):
    model = DenseAutoencoder((4, 3, 2), (10, 5), tied)
    x = jnp.asarray(rng.uniform(size=(3, 4, 3, 2)), jnp.float32)
    p = random_like(rng, parameters(model, x.shape))
    weights = [p["encoder_0"]["kernel"], p["encoder_1"]["kernel"]]
    back = [w.T for w in weights] if tied else [p["decoder_0"]["kernel"], p["decoder_1"]["kernel"]]
    code = np.asarray(x).reshape(3, 24)
    for i in range(2):
        code = np.maximum(code @ weights[i] + p[f"encoder_{i}"]["bias"][None], 0)
    encoded, decoded = jax.jit(lambda p: (apply(model, p, x, method="encode"), apply(model, p, x)))(p)
    np.testing.assert_allclose(encoded, code, rtol=1e-4)
    out = np.maximum(code @ back[1] + p["decoder_1"]["bias"][None], 0) @ back[0] + p["decoder_0"]["bias"][None]
    np.testing.assert_allclose(decoded, out.reshape(x.shape), rtol=1e-3, atol=1e-3)
    assert count_parameters(p) == (1 if tied else 2) * (24 * 10 + 10 * 5) + 10 + 5 + 24 + 10
    assert model.multiplications(4, 3) == 2 * (24 * 10 + 10 * 5)


def random_like(rng, params):
    return jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), params)


def test_the_gradient_of_a_tied_kernel(rng):
    """It is the gradient of an untied encoder kernel plus the transposed gradient of an untied decoder kernel."""
    x = jnp.asarray(rng.uniform(size=(3, 2, 3, 1)), jnp.float32)
    tied, untied = DenseAutoencoder((2, 3, 1), (4,), True), DenseAutoencoder((2, 3, 1), (4,))
    p = random_like(rng, parameters(tied, x.shape))
    q = {**p, "decoder_0": {**p["decoder_0"], "kernel": p["encoder_0"]["kernel"].T}}
    gradient = jax.jit(jax.grad(lambda p: jnp.sum(apply(tied, p, x) ** 2)))(p)
    parts = jax.jit(jax.grad(lambda q: jnp.sum(apply(untied, q, x) ** 2)))(q)
    expected = parts["encoder_0"]["kernel"] + parts["decoder_0"]["kernel"].T
    np.testing.assert_allclose(gradient["encoder_0"]["kernel"], expected, rtol=1e-4)


def test_a_dense_autoencoder_refuses_other_image_sizes():
    with pytest.raises(ValueError, match=r"\[batch, 4, 4, 1\], not \(1, 5, 4, 1\)"):
        DenseAutoencoder((4, 4, 1)).init(jax.random.key(0), jnp.ones((1, 5, 4, 1)))
