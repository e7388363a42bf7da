"""The autoencoder: any image size, either decoder, the same number of parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeden.models import DECODERS, ConvAutoencoder, count_parameters, pad_to_multiple


def parameters(model, shape):
    return jax.eval_shape(model.init, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32))["params"]


@pytest.mark.parametrize("decoder", DECODERS)
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
    for decoder in DECODERS:
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
    params = model.init(jax.random.key(0), x)
    padded = pad_to_multiple(x, 4)
    np.testing.assert_array_equal(padded, np.pad(x, ((0, 0), (0, 3), (0, 2), (0, 0)), mode="edge"))
    np.testing.assert_array_equal(model.apply(params, x), model.apply(params, padded)[:, :9, :10])


@pytest.mark.parametrize("decoder", DECODERS)
def test_bfloat16_is_near_float32(rng, decoder):
    x = jnp.asarray(rng.uniform(size=(2, 8, 8, 1)), jnp.float32)
    full, half = ConvAutoencoder(decoder, (8, 8)), ConvAutoencoder(decoder, (8, 8), dtype=jnp.bfloat16)
    params = full.init(jax.random.key(0), x)
    assert half.apply(params, x).dtype == jnp.float32
    np.testing.assert_allclose(half.apply(params, x), full.apply(params, x), atol=0.05)


def test_unknown_decoder_and_wrong_channels_are_named():
    with pytest.raises(ValueError, match="'transposed'"):
        ConvAutoencoder("transposed").init(jax.random.key(0), jnp.ones((1, 8, 8, 1)))
    with pytest.raises(ValueError, match=r"\(1, 8, 8, 3\)"):
        ConvAutoencoder().init(jax.random.key(0), jnp.ones((1, 8, 8, 3)))
