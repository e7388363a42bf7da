"""Stacked autoencoders and classifiers, compared with one deep autoencoder and with NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aeden.nn.autoencoders import ConvAutoencoder, DenseAutoencoder
from aeden.nn.parameters import apply
from aeden.nn.stack import Classifier, Stack


def random_like(rng, params):
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), jnp.float32), params)


def test_a_stack_of_dense_layers_equals_the_deep_autoencoder(rng):
    """Unrolled, a stack of single-layer autoencoders equals one autoencoder with as many hidden layers."""
    stack = Stack((DenseAutoencoder((4, 3, 2), (10,)), DenseAutoencoder((1, 1, 10), (5,))))
    deep = DenseAutoencoder((4, 3, 2), (10, 5))
    x = jnp.asarray(rng.uniform(size=(3, 4, 3, 2)), jnp.float32)
    p = random_like(rng, stack.init(jax.random.key(0), x)["params"])
    q = {f"{side}_{i}": p[f"layers_{i}"][f"{side}_0"] for side in ("encoder", "decoder") for i in range(2)}
    np.testing.assert_allclose(apply(stack, p, x), apply(deep, q, x), rtol=1e-4, atol=1e-4)
    code = apply(stack, p, x, method="encode")
    assert code.shape == (3, 1, 1, 5)
    np.testing.assert_allclose(code.reshape(3, 5), apply(deep, q, x, method="encode"), rtol=1e-5)


@pytest.mark.parametrize("decoder", ["transpose", pytest.param("upsample", marks=pytest.mark.proof)])
def test_a_stack_of_convolutional_layers_encodes_like_the_deep_encoder(rng, decoder):
    one = ConvAutoencoder(decoder, (4,), (2,), lowering="reference")
    stack = Stack((one, one.clone(features=(6,), channels=4)))
    deep = ConvAutoencoder(decoder, (4, 6), lowering="reference")
    x = jnp.asarray(rng.uniform(size=(2, 10, 9, 1)), jnp.float32)
    p = jax.jit(stack.init)(jax.random.key(0), x)["params"]
    q = {"encoder": {f"stage{i}": p[f"layers_{i}"]["encoder"]["stage0"] for i in range(2)}}
    assert jax.eval_shape(lambda: apply(stack, p, x)).shape == x.shape
    code, expected = (apply(m, params, x[:, :8, :8], method="encode") for m, params in ((stack, p), (deep, q)))
    np.testing.assert_allclose(code, expected, rtol=1e-5)
    assert apply(stack, p, x, method="encode").shape == (2, 3, 3, 6)


def test_a_classifier_is_logistic_regression_on_the_code_without_a_decoder(rng):
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
