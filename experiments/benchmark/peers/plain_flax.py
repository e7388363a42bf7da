"""Flax as in its documentation: nn.Conv, nn.max_pool, nn.ConvTranspose or jax.image.resize, one jit per function.

The sub-pixel decoder is nn.Conv and a rearrangement of its channels.

Imports nothing of aeden. There is one variant, "".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from experiments.benchmark.peers import (
    LEARNING_RATE,
    NOISE,
    UNET_BLOCKS,
    UNET_FEATURES,
    UNET_NOISE,
    Job,
    LayerSettings,
    NetworkSettings,
)
from experiments.benchmark.peers.layer_pass import layer_pass
from experiments.benchmark.peers.xla_precision import set_precision


class Layer(nn.Module):
    """One layer of a decoder."""

    kind: str
    features: int
    kernel: int = 3
    stride: int = 2
    dtype: Any = jnp.float32
    bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> Any:
        options: Any = {"use_bias": self.bias, "dtype": self.dtype}
        kernel, s = (self.kernel, self.kernel), self.stride
        if self.kind == "transpose":
            return nn.ConvTranspose(self.features, kernel, (s, s), transpose_kernel=True, **options)(x)
        b, h, w, c = x.shape
        if self.kind == "subpixel":
            phases = nn.Conv(self.features * s**2, kernel, **options)(x).reshape(b, h, w, s, s, self.features)
            return phases.transpose(0, 1, 3, 2, 4, 5).reshape(b, s * h, s * w, self.features)
        resized = jax.image.resize(x, (b, s * h, s * w, c), "nearest")
        return nn.Conv(self.features, kernel, **options)(resized)


class Autoencoder(nn.Module):
    """The network of the Keras example, with any decoder."""

    decoder: str
    channels: int = 1
    decoder_kernel: int = 3
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> Any:
        for _ in range(2):
            x = nn.relu(nn.Conv(32, (3, 3), dtype=self.dtype)(x))
            x = nn.max_pool(x, (2, 2), (2, 2))
        for _ in range(2):
            x = nn.relu(Layer(self.decoder, 32, self.decoder_kernel, dtype=self.dtype)(x))
        return jnp.asarray(nn.Conv(self.channels, (3, 3), dtype=self.dtype)(x), jnp.float32)


class UNet(nn.Module):
    """The U-Net of configs/photos_gray.py, with any decoder: noisy images -> restored ones."""

    decoder: str
    channels: int = 1
    decoder_kernel: int = 3
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, noisy: jax.Array) -> Any:
        def convolutions(x: Any, features: int, count: int) -> Any:
            for _ in range(count):
                x = nn.relu(nn.Conv(features, (3, 3), use_bias=False, dtype=self.dtype)(x))
            return x

        x, skipped = noisy, []
        for features in UNET_FEATURES:
            x = convolutions(x, features, UNET_BLOCKS)
            skipped.append(x)
            x = nn.max_pool(x, (2, 2), (2, 2))
        x = convolutions(x, UNET_FEATURES[-1], UNET_BLOCKS)
        for features, skip in zip(reversed(UNET_FEATURES), reversed(skipped), strict=True):
            x = nn.relu(Layer(self.decoder, features, self.decoder_kernel, dtype=self.dtype, bias=False)(x))
            x = convolutions(jnp.concatenate([x, skip], -1), features, UNET_BLOCKS - 1)
        noise = nn.Conv(self.channels, (3, 3), use_bias=False, dtype=self.dtype)(x)
        return noisy - jnp.asarray(noise, jnp.float32)


def _network(s: NetworkSettings) -> tuple[Autoencoder, Any]:
    """The network and its parameters."""
    model = Autoencoder(s.decoder, s.channels, s.decoder_kernel, jnp.dtype(set_precision(s.precision)))
    return model, jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, s.size, s.size, s.channels)))


def training(variant: str, **settings: Any) -> Job:
    """Training steps: clipped Gaussian noise, binary cross-entropy, Adam. See `NetworkSettings`."""
    s = NetworkSettings(**settings)
    model, params = _network(s)

    def loss_of(params: Any, key: jax.Array, target: jax.Array) -> jax.Array:
        noisy = jnp.clip(target + NOISE * jax.random.normal(key, target.shape), 0, 1)
        return optax.sigmoid_binary_cross_entropy(model.apply(params, noisy), target).mean()

    return _training_job(s, params, loss_of)


def unet(variant: str, **settings: Any) -> Job:
    """Training steps of the U-Net: Gaussian noise of a level drawn for each image, absolute error, Adam."""
    s = NetworkSettings(**settings)
    model = UNet(s.decoder, s.channels, s.decoder_kernel, jnp.dtype(set_precision(s.precision)))
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, s.size, s.size, s.channels)))

    def loss_of(params: Any, key: jax.Array, target: jax.Array) -> jax.Array:
        level_key, noise_key = jax.random.split(key)
        level = jax.random.uniform(level_key, (len(target), 1, 1, 1), maxval=UNET_NOISE)
        noisy = target + level * jax.random.normal(noise_key, target.shape)
        return jnp.abs(jnp.asarray(model.apply(params, noisy)) - target).mean()

    return _training_job(s, params, loss_of)


def _training_job(s: NetworkSettings, params: Any, loss_of: Callable[[Any, jax.Array, jax.Array], jax.Array]) -> Job:
    """Adam steps on random batches.

    Args:
      s: see `NetworkSettings`.
      params: initial parameters.
      loss_of: (parameters, key of the noise, images [b, h, w, c] in [0, 1]) -> loss.
    """
    optimizer = optax.adam(LEARNING_RATE)
    opt_state = optimizer.init(params)
    images = np.random.default_rng(0).integers(0, 256, (4 * s.batch, s.size, s.size, s.channels), dtype=np.uint8)
    order = np.random.default_rng(1)

    @jax.jit
    def step(params: Any, opt_state: Any, key: jax.Array, image: jax.Array) -> Any:
        loss, gradient = jax.value_and_grad(loss_of)(params, key, image.astype(jnp.float32) / 255)
        updates, opt_state = optimizer.update(gradient, opt_state)
        return optax.apply_updates(params, updates), opt_state, loss

    taken = 0

    def run(steps: int) -> None:
        nonlocal params, opt_state, taken
        for _ in range(steps):
            chosen = images[order.integers(len(images), size=s.batch)]
            params, opt_state, loss = step(params, opt_state, jax.random.fold_in(jax.random.key(1), taken), chosen)
            taken += 1
            if jax.default_backend() == "cpu":
                float(loss)
        jax.block_until_ready(params)

    return run, {**_description(), "parameters": sum(leaf.size for leaf in jax.tree.leaves(params))}


def inference(variant: str, **settings: Any) -> Job:
    """Restoring a batch of noisy images, NumPy array in, NumPy array out. See `NetworkSettings`."""
    s = NetworkSettings(**settings)
    model, params = _network(s)
    restore = jax.jit(lambda x: jax.nn.sigmoid(jnp.asarray(model.apply(params, x))))
    noisy = np.random.default_rng(0).uniform(size=(s.batch, s.size, s.size, s.channels)).astype(np.float32)

    def run(steps: int) -> None:
        for _ in range(steps):
            np.asarray(restore(noisy))

    return run, _description()


def layer(variant: str, **settings: Any) -> Job:
    """One pass of a decoder layer on one device, see `LayerSettings`."""
    s = LayerSettings(**settings)
    kind = jnp.dtype(set_precision(s.precision))
    module = Layer(s.kind, s.features, s.kernel, s.stride, kind)
    params = jax.jit(module.init)(jax.random.key(0), jnp.zeros((1, s.size, s.size, s.channels)))
    compiled = jax.jit(layer_pass(lambda p, x: module.apply(p, x), s.pass_))
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(s.batch, s.size, s.size, s.channels)), kind)
    g = jnp.asarray(rng.normal(size=(s.batch, s.output_size, s.output_size, s.features)), kind)

    def run(steps: int) -> None:
        for _ in range(steps):
            jax.block_until_ready(compiled(params, x, g))

    return run, _description()


def _description() -> dict[str, Any]:
    return {"devices": f"1 {jax.default_backend()}", "version": jax.__version__}
