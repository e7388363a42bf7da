"""The U-Nets of the benchmark: all peers train the network of configs/photos_gray.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from aeden.nn.parameters import count_parameters
from aeden.tasks.model_from_config import build_model
from configs import photos_gray
from experiments.benchmark.measure import network
from experiments.benchmark.peers.plain_flax import UNet

IMAGES = jax.random.normal(jax.random.key(1), (2, 16, 24, 1))


def our_network(decoder):
    config = photos_gray.get_config()
    config.model.decoder = decoder
    return build_model(config, IMAGES.shape[1:])


def renamed(ours):
    """The parameters of `our_network` under the names that plain Flax gives the layers: numbers in order of use."""
    decoder = ours["decoder"]
    kernels = [ours[f"stage{i}_conv{j}"] for i in range(3) for j in range(2)]
    kernels += [ours[f"bottom_conv{j}"] for j in range(2)]
    kernels += [decoder[f"stage{i}_conv1"] for i in range(3)] + [decoder["out"]]
    plain = {f"Conv_{i}": kernel for i, kernel in enumerate(kernels)}
    return plain | {f"Layer_{i}": decoder[f"stage{i}"] for i in range(3)}


@pytest.mark.parametrize("decoder", ["transpose", "upsample"])
def test_plain_flax_has_the_network_of_the_config(decoder):
    ours, plain = our_network(decoder), UNet(decoder)
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(ours.init, jax.random.key(0), IMAGES)["params"]
    params = jax.tree.map(lambda leaf: rng.normal(scale=0.05, size=leaf.shape).astype(np.float32), shapes)
    wanted = jax.eval_shape(plain.init, jax.random.key(0), IMAGES)["params"]
    theirs = jax.tree.unflatten(jax.tree.structure(wanted), jax.tree.leaves(renamed(params)))
    assert [leaf.shape for leaf in jax.tree.leaves(theirs)] == [leaf.shape for leaf in jax.tree.leaves(wanted)]
    expected = jax.jit(lambda p, x: ours.apply({"params": p}, x))(params, IMAGES)
    actual = jax.jit(lambda p, x: plain.apply({"params": p}, x))(theirs, IMAGES)
    assert jnp.max(jnp.abs(expected - IMAGES)) > 0
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("decoder", ["transpose", "upsample"])
def test_pytorch_has_as_many_parameters(decoder):
    pytest.importorskip("torch", reason="PyTorch is not installed: it comes with the bench extra")
    from experiments.benchmark.peers.pytorch_unet import unet_of

    params = jax.eval_shape(our_network(decoder).init, jax.random.key(0), IMAGES)["params"]
    assert sum(p.numel() for p in unet_of(decoder).parameters()) == count_parameters(params)


def test_its_multiplications_are_counted():
    settings = {"decoder": "transpose", "size": 64, "batch": 16}
    assert network("unet", settings).multiplications(64, 64) == our_network("transpose").multiplications(64, 64)
