"""Flax as its documentation writes it: nn.Conv, nn.max_pool, nn.ConvTranspose or jax.image.resize, and one jit."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from experiments.contenders.aeden_itself import Job


class Autoencoder(nn.Module):
    """The network of the Keras example, with either decoder."""

    decoder: str

    @nn.compact
    def __call__(self, x: jax.Array) -> Any:
        for _ in range(2):
            x = nn.relu(nn.Conv(32, (3, 3))(x))
            x = nn.max_pool(x, (2, 2), (2, 2))
        for _ in range(2):
            if self.decoder == "transpose":
                x = nn.ConvTranspose(32, (3, 3), (2, 2))(x)
            else:
                b, h, w, c = x.shape
                x = nn.Conv(32, (3, 3))(jax.image.resize(x, (b, 2 * h, 2 * w, c), "nearest"))
            x = nn.relu(x)
        return nn.Conv(1, (3, 3))(x)


def training(variant: str, decoder: str, batch: int, size: int) -> Job:
    """Training steps: Gaussian noise of 0.4 clipped, binary cross-entropy, Adam.

    Args:
      variant: not used.
      decoder: "transpose" or "upsample".
      batch: images a step.
      size: height and width of the images.
    """
    model = Autoencoder(decoder)
    params = model.init(jax.random.key(0), jnp.zeros((1, size, size, 1)))
    optimizer = optax.adam(1e-3)
    opt_state = optimizer.init(params)
    images = np.random.default_rng(0).integers(0, 256, (20 * batch, size, size, 1), dtype=np.uint8)
    order = np.random.default_rng(1)

    @jax.jit
    def step(params: Any, opt_state: Any, key: jax.Array, image: jax.Array) -> Any:
        target = image.astype(jnp.float32) / 255
        noisy = jnp.clip(target + 0.4 * jax.random.normal(key, target.shape), 0, 1)

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

    description = {
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(params)),
        "devices": f"1 {jax.default_backend()}",
        "version": jax.__version__,
    }
    return run, description
