"""Flax as in its documentation: nn.Conv, nn.max_pool, nn.ConvTranspose or jax.image.resize, one jit per function.

Imports nothing of aeden. There is one variant, "".
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from experiments.benchmark.peers import LEARNING_RATE, NOISE, Job, LayerSettings
from experiments.benchmark.peers.layer_pass import layer_pass


class Layer(nn.Module):
    """One layer of either decoder."""

    kind: str
    features: int
    kernel: int = 3
    stride: int = 2

    @nn.compact
    def __call__(self, x: jax.Array) -> Any:
        kernel = (self.kernel, self.kernel)
        if self.kind == "transpose":
            return nn.ConvTranspose(self.features, kernel, (self.stride, self.stride), transpose_kernel=True)(x)
        b, h, w, c = x.shape
        resized = jax.image.resize(x, (b, self.stride * h, self.stride * w, c), "nearest")
        return nn.Conv(self.features, kernel)(resized)


class Autoencoder(nn.Module):
    """The network of the Keras example, with either decoder."""

    decoder: str

    @nn.compact
    def __call__(self, x: jax.Array) -> Any:
        for _ in range(2):
            x = nn.relu(nn.Conv(32, (3, 3))(x))
            x = nn.max_pool(x, (2, 2), (2, 2))
        for _ in range(2):
            x = nn.relu(Layer(self.decoder, 32)(x))
        return nn.Conv(1, (3, 3))(x)


def training(variant: str, decoder: str, batch: int, size: int) -> Job:
    """Training steps: clipped Gaussian noise, binary cross-entropy, Adam."""
    model = Autoencoder(decoder)
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, size, size, 1)))
    optimizer = optax.adam(LEARNING_RATE)
    opt_state = optimizer.init(params)
    images = np.random.default_rng(0).integers(0, 256, (4 * batch, size, size, 1), dtype=np.uint8)
    order = np.random.default_rng(1)

    @jax.jit
    def step(params: Any, opt_state: Any, key: jax.Array, image: jax.Array) -> Any:
        target = image.astype(jnp.float32) / 255
        noisy = jnp.clip(target + NOISE * jax.random.normal(key, target.shape), 0, 1)

        def loss_of(p: Any) -> jax.Array:
            return optax.sigmoid_binary_cross_entropy(model.apply(p, noisy), target).mean()

        loss, gradient = jax.value_and_grad(loss_of)(params)
        updates, opt_state = optimizer.update(gradient, opt_state)
        return optax.apply_updates(params, updates), opt_state, loss

    taken = 0

    def run(steps: int) -> None:
        nonlocal params, opt_state, taken
        for _ in range(steps):
            chosen = images[order.integers(len(images), size=batch)]
            params, opt_state, loss = step(params, opt_state, jax.random.fold_in(jax.random.key(1), taken), chosen)
            taken += 1
            if jax.default_backend() == "cpu":
                float(loss)
        jax.block_until_ready(params)

    return run, {**_description(), "parameters": sum(leaf.size for leaf in jax.tree.leaves(params))}


def inference(variant: str, decoder: str, batch: int, size: int) -> Job:
    """Restoring a batch of noisy images, NumPy array in, NumPy array out."""
    model = Autoencoder(decoder)
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, size, size, 1)))
    restore = jax.jit(lambda x: jax.nn.sigmoid(jnp.asarray(model.apply(params, x))))
    noisy = np.random.default_rng(0).uniform(size=(batch, size, size, 1)).astype(np.float32)

    def run(steps: int) -> None:
        for _ in range(steps):
            np.asarray(restore(noisy))

    return run, _description()


def layer(variant: str, **settings: Any) -> Job:
    """One pass of a decoder layer on one device, see `LayerSettings`."""
    s = LayerSettings(**settings)
    module = Layer(s.kind, s.features, s.kernel, s.stride)
    params = jax.jit(module.init)(jax.random.key(0), jnp.zeros((1, s.size, s.size, s.channels)))
    compiled = jax.jit(layer_pass(lambda p, x: module.apply(p, x), s.pass_))
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(s.batch, s.size, s.size, s.channels)), jnp.float32)
    g = jnp.asarray(rng.normal(size=(s.batch, s.output_size, s.output_size, s.features)), jnp.float32)

    def run(steps: int) -> None:
        for _ in range(steps):
            jax.block_until_ready(compiled(params, x, g))

    return run, _description()


def _description() -> dict[str, Any]:
    return {"devices": f"1 {jax.default_backend()}", "version": jax.__version__}
