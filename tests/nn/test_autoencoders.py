"""The autoencoder: any image size, either decoder, the same number of parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from hypothesis import given, settings
from hypothesis import strategies as st

from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder, Encoder, pad_to_multiple
from aeden.nn.decoders import DECODERS
from aeden.nn.parameters import apply, count_parameters
from aeden.nn.stack import Classifier, Stack


def parameters(model, shape):
    return jax.eval_shape(model.init, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32))["params"]


@pytest.mark.parametrize("decoder", ["transpose", "upsample"])
def test_the_keras_example_has_28353_parameters(decoder):
    assert count_parameters(parameters(ConvAutoencoder(decoder), (1, 28, 28, 1))) == 28_353


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    h=st.integers(1, 40),
    w=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    kernel=st.integers(1, 5),
    stages=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 3)), min_size=1, max_size=3),
)
def test_logits_have_the_shape_of_the_image_and_both_decoders_the_same_size(h, w, channels, kernel, stages):
    features, factors = zip(*stages, strict=True)
    sizes = set()
    for decoder in ("transpose", "upsample"):
        model = ConvAutoencoder(decoder, features, factors, kernel, channels)
        x = jax.ShapeDtypeStruct((2, h, w, channels), jnp.float32)
        (out, params) = jax.eval_shape(lambda x, m=model: m.init_with_output(jax.random.key(0), x), x)
        assert out.shape == x.shape
        assert out.dtype == jnp.float32
        sizes.add(count_parameters(params))
    assert len(sizes) == 1


@pytest.mark.parametrize("decoder", DECODERS)
def test_an_odd_size_is_padded_and_cropped(rng, decoder):
    model = ConvAutoencoder(decoder, (4, 4))
    x = jnp.asarray(rng.uniform(size=(2, 9, 10, 1)), jnp.float32)
    params = jax.jit(model.init)(jax.random.key(0), x)
    padded = pad_to_multiple(x, 4)
    np.testing.assert_array_equal(padded, np.pad(x, ((0, 0), (0, 3), (0, 2), (0, 0)), mode="edge"))
    apply = jax.jit(model.apply)
    np.testing.assert_array_equal(apply(params, x), apply(params, padded)[:, :9, :10])


def test_the_encoder_is_the_keras_example_whose_relu_comes_before_the_pool(rng):
    x = jnp.asarray(rng.normal(size=(2, 12, 12, 1)), jnp.float32)
    encoder = Encoder((8, 5))
    params = encoder.init(jax.random.key(0), x)
    expected = x
    for i, width in enumerate((8, 5)):
        conv = nn.Conv(width, (3, 3)).bind({"params": params["params"][f"stage{i}"]})
        expected = nn.max_pool(nn.relu(conv(expected)), (2, 2), (2, 2))
    np.testing.assert_allclose(encoder.apply(params, x), expected, atol=1e-5)


@pytest.mark.parametrize("decoder", DECODERS)
def test_both_lowerings_are_one_model(rng, decoder):
    x = jnp.asarray(rng.uniform(size=(2, 9, 10, 1)), jnp.float32)
    models = [ConvAutoencoder(decoder, (8, 8), lowering=name) for name in ("fast", "reference")]
    params = jax.jit(models[0].init)(jax.random.key(0), x)

    def loss(params, model):
        return jnp.mean(jnp.square(model.apply(params, x)))

    (ours, fast), (theirs, reference) = jax.jit(lambda p: [jax.value_and_grad(loss)(p, m) for m in models])(params)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    for mine, its in zip(jax.tree.leaves(fast), jax.tree.leaves(reference), strict=True):
        np.testing.assert_allclose(mine, its, atol=1e-5)


@pytest.mark.parametrize("decoder", DECODERS)
def test_bfloat16_is_near_float32(rng, decoder):
    x = jnp.asarray(rng.uniform(size=(2, 8, 8, 1)), jnp.float32)
    full, half = ConvAutoencoder(decoder, (8, 8)), ConvAutoencoder(decoder, (8, 8), dtype=jnp.bfloat16)
    params = jax.jit(full.init)(jax.random.key(0), x)
    assert half.apply(params, x).dtype == jnp.float32
    np.testing.assert_allclose(half.apply(params, x), full.apply(params, x), atol=0.05)


def test_multiplications_of_the_keras_example():
    shared = 28 * 28 * 9 * 32 + 14 * 14 * 9 * 32 * 32 + 28 * 28 * 9 * 32
    assert ConvAutoencoder("transpose").multiplications(28, 28) == shared + (7 * 7 + 14 * 14) * 9 * 32 * 32
    # Four 2 x 2 kernels a source pixel, where resize and convolution as written take 9 a pixel out.
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


def test_unknown_decoder_and_wrong_channels_are_named():
    with pytest.raises(ValueError, match="'transposed'"):
        ConvAutoencoder("transposed").init(jax.random.key(0), jnp.ones((1, 8, 8, 1)))
    with pytest.raises(ValueError, match=r"\(1, 8, 8, 3\)"):
        ConvAutoencoder().init(jax.random.key(0), jnp.ones((1, 8, 8, 3)))


@pytest.mark.parametrize("tied", [False, True])
def test_a_dense_autoencoder_is_matrix_products(rng, tied):
    model = DenseAutoencoder((4, 3, 2), (10, 5), tied)
    x = jnp.asarray(rng.uniform(size=(3, 4, 3, 2)), jnp.float32)
    p = random_like(rng, model.init(jax.random.key(0), x)["params"])
    weights = [p["encoder_0"]["kernel"], p["encoder_1"]["kernel"]]
    back = [w.T for w in weights] if tied else [p["decoder_0"]["kernel"], p["decoder_1"]["kernel"]]
    code = np.asarray(x).reshape(3, 24)
    for i in range(2):
        code = np.maximum(code @ weights[i] + p[f"encoder_{i}"]["bias"][None], 0)
    np.testing.assert_allclose(apply(model, p, x, method="encode"), code, rtol=1e-4)
    out = np.maximum(code @ back[1] + p["decoder_1"]["bias"][None], 0) @ back[0] + p["decoder_0"]["bias"][None]
    np.testing.assert_allclose(apply(model, p, x), out.reshape(x.shape), rtol=1e-3, atol=1e-3)
    assert count_parameters(p) == (1 if tied else 2) * (24 * 10 + 10 * 5) + 10 + 5 + 24 + 10
    assert model.multiplications(4, 3) == 2 * (24 * 10 + 10 * 5)


def random_like(rng, params):
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), jnp.float32), params)


def test_a_tied_decoder_shares_its_gradient_with_the_encoder(rng):
    """The tied kernel's gradient is that of the encoder's kernel plus the transpose of that of an untied decoder's."""
    x = jnp.asarray(rng.uniform(size=(3, 2, 3, 1)), jnp.float32)
    tied, free = DenseAutoencoder((2, 3, 1), (4,), True), DenseAutoencoder((2, 3, 1), (4,))
    p = random_like(rng, tied.init(jax.random.key(0), x)["params"])
    q = {**p, "decoder_0": {**p["decoder_0"], "kernel": p["encoder_0"]["kernel"].T}}
    mine = jax.grad(lambda p: jnp.sum(apply(tied, p, x) ** 2))(p)
    its = jax.grad(lambda q: jnp.sum(apply(free, q, x) ** 2))(q)
    expected = its["encoder_0"]["kernel"] + its["decoder_0"]["kernel"].T
    np.testing.assert_allclose(mine["encoder_0"]["kernel"], expected, rtol=1e-4)


def test_a_stack_of_dense_layers_is_the_deep_autoencoder(rng):
    """Unrolled, single-layer autoencoders on top of each other are one autoencoder of as many hidden layers."""
    stack = Stack((DenseAutoencoder((4, 3, 2), (10,)), DenseAutoencoder((1, 1, 10), (5,))))
    deep = DenseAutoencoder((4, 3, 2), (10, 5))
    x = jnp.asarray(rng.uniform(size=(3, 4, 3, 2)), jnp.float32)
    p = random_like(rng, stack.init(jax.random.key(0), x)["params"])
    q = {f"{side}_{i}": p[f"layers_{i}"][f"{side}_0"] for side in ("encoder", "decoder") for i in range(2)}
    np.testing.assert_allclose(apply(stack, p, x), apply(deep, q, x), rtol=1e-4, atol=1e-4)
    code = apply(stack, p, x, method="encode")
    assert code.shape == (3, 1, 1, 5)
    np.testing.assert_allclose(code.reshape(3, 5), apply(deep, q, x, method="encode"), rtol=1e-5)


@pytest.mark.parametrize("decoder", ["transpose", "upsample"])
def test_a_stack_of_convolutional_layers_encodes_as_the_deep_encoder(rng, decoder):
    one = ConvAutoencoder(decoder, (4,), (2,), lowering="reference")
    stack = Stack((one, one.clone(features=(6,), channels=4)))
    deep = ConvAutoencoder(decoder, (4, 6), lowering="reference")
    x = jnp.asarray(rng.uniform(size=(2, 10, 9, 1)), jnp.float32)
    p = jax.jit(stack.init)(jax.random.key(0), x)["params"]
    q = {"encoder": {f"stage{i}": p[f"layers_{i}"]["encoder"]["stage0"] for i in range(2)}}
    assert jax.eval_shape(lambda: apply(stack, p, x)).shape == x.shape
    mine, its = apply(stack, p, x[:, :8, :8], method="encode"), apply(deep, q, x[:, :8, :8], method="encode")
    np.testing.assert_allclose(mine, its, rtol=1e-5)
    assert apply(stack, p, x, method="encode").shape == (2, 3, 3, 6)


def test_a_classifier_is_logistic_regression_on_the_code_and_has_no_decoder(rng):
    stack = Stack((DenseAutoencoder((4, 3, 1), (6,)),))
    x = jnp.asarray(rng.uniform(size=(3, 4, 3, 1)), jnp.float32)
    p = Classifier(stack, 5).init(jax.random.key(0), x)["params"]
    assert set(p["stack"]["layers_0"]) == {"encoder_0"}
    p = random_like(rng, p)
    code = apply(stack, p["stack"], x, method="encode").reshape(3, 6)
    expected = code @ p["head"]["kernel"] + p["head"]["bias"][None]
    np.testing.assert_allclose(apply(Classifier(stack, 5), p, x), expected, rtol=1e-4, atol=1e-5)
    pixels = Classifier(Stack(()), 5)
    assert pixels.init(jax.random.key(0), x)["params"]["head"]["kernel"].shape == (12, 5)


def test_a_dense_autoencoder_is_for_one_size():
    with pytest.raises(ValueError, match=r"\[batch, 4, 4, 1\], not \(1, 5, 4, 1\)"):
        DenseAutoencoder((4, 4, 1)).init(jax.random.key(0), jnp.ones((1, 5, 4, 1)))
