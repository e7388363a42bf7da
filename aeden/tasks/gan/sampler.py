"""Samples of a generator."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from aeden import random_keys
from aeden.nn.gan import Generator
from aeden.runtime import devices
from aeden.shapes import Array, PyTree
from aeden.tasks.objectives.adversarial import latents, sample
from aeden.training.evaluation import in_batches


class Sampler:
    """Samples of a generator, compiled once: the same numbers for the same stream, however many are asked for.

    Args:
      generator: the network.
      latent: size of the latents.
      seed: of the run.
      image_shape: height, width, channels.
    """

    def __init__(self, generator: Generator, latent: int, seed: int, image_shape: tuple[int, ...]):
        self._classes, self._latent, self._seed = generator.classes, latent, seed

        def images(params: PyTree, inputs: Array) -> Array:
            label = inputs[:, -1].astype(jnp.int32) if generator.classes else None
            made = sample(generator, params, inputs[:, :latent], label)
            return jnp.round(255.0 * made).astype(jnp.uint8)

        self._map = devices.make_mapper(images, image_shape[0] * image_shape[1])

    def inputs(self, stream: random_keys.Stream, count: int) -> np.ndarray:
        """Latents, and with classes the class beside, each in turn: float32 [count, latent (+ 1)]."""
        drawn = np.asarray(
            latents(
                random_keys.example_keys(random_keys.stream_key(self._seed, stream), 0, jnp.arange(count)), self._latent
            )
        )
        label = np.arange(count)[:, None] % max(self._classes, 1)
        return np.concatenate([drawn, label.astype(np.float32)], axis=1) if self._classes else drawn

    def images(self, params: PyTree, inputs: np.ndarray) -> np.ndarray:
        """uint8 [n, h, w, c] of inputs."""
        return in_batches(self._map(params), inputs)
