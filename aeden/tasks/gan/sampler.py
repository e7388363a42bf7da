"""Samples of a generator."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from aeden import random_keys
from aeden.nn.gan import Generator
from aeden.runtime import example_maps
from aeden.shapes import Array, PyTree
from aeden.tasks.objectives.adversarial import latents, sample
from aeden.training.evaluation import in_batches


class Sampler:
    """Draws samples of a generator; compiled once. Sample i of a stream is the same however many are drawn.

    Args:
      generator: the network.
      latent: size of the latent vectors.
      seed: seed of the run.
      image_shape: height, width, channels.
      truncation: largest absolute value of an entry of a latent vector, see `truncated`; 0 for no limit.
    """

    def __init__(
        self, generator: Generator, latent: int, seed: int, image_shape: tuple[int, ...], truncation: float = 0.0
    ):
        self.latent, self.truncation = latent, truncation
        self._classes, self._seed = generator.classes, seed

        def levels(params: PyTree, inputs: Array) -> Array:
            label = inputs[:, -1].astype(jnp.int32) if generator.classes else None
            samples = sample(generator, params, inputs[:, :latent], label)
            return jnp.where(jnp.isfinite(samples), jnp.round(255.0 * samples), -1.0).astype(jnp.int16)

        self._map = example_maps.make_mapper(levels, image_shape[0] * image_shape[1])

    def inputs(self, stream: random_keys.Stream, count: int, truncation: float | None = None) -> np.ndarray:
        """Inputs of the generator: latent vectors and, with classes, a class each in turn.

        Args:
          stream: the stream of random numbers.
          count: number of samples.
          truncation: in place of that of the sampler; the same latent vectors, drawn nearer to 0.

        Returns:
          float32 [count, latent] or, with classes, [count, latent + 1].
        """
        keys = random_keys.example_keys(random_keys.stream_key(self._seed, stream), 0, jnp.arange(count))
        drawn = np.asarray(latents(keys, self.latent))
        limit = self.truncation if truncation is None else truncation
        drawn = truncated(drawn, limit) if limit else drawn
        label = np.arange(count)[:, None] % max(self._classes, 1)
        return np.concatenate([drawn, label.astype(np.float32)], axis=1) if self._classes else drawn

    def labels(self, inputs: np.ndarray) -> np.ndarray | None:
        """The class of each input, int32 [n]; None without classes."""
        return inputs[:, -1].astype(np.int32) if self._classes else None

    def images(self, params: PyTree, inputs: np.ndarray) -> np.ndarray:
        """The generator's images of inputs: uint8 [n, h, w, c]."""
        return self.levels(params, inputs).astype(np.uint8)

    def levels(self, params: PyTree, inputs: np.ndarray) -> np.ndarray:
        """The same before they are bytes: int16 [n, h, w, c], 0 to 255, or -1 where a pixel is not finite."""
        return in_batches(self._map(params), inputs)


def truncated(latent: np.ndarray, limit: float) -> np.ndarray:
    """Normally distributed numbers as numbers of the normal distribution without its tails beyond `limit`.

    The truncation trick of Brock et al. 2019, "Large scale GAN training for high fidelity natural image synthesis",
    section 3.1: samples near the mode are more typical and less varied. There, entries beyond the limit are drawn
    again. Here, each keeps its quantile, so that the same latent vectors can be followed over several limits; and as
    the order of the entries stays, so does the cluster that they select (`gan.modes`).

    Args:
      latent: standard normal, [n, d].
      limit: largest absolute value, above 0.
    """
    from scipy.special import ndtr, ndtri

    tail = ndtr(-limit)
    quantile = tail + ndtr(np.asarray(latent, np.float64)) * (1.0 - 2.0 * tail)
    return np.clip(ndtri(quantile), -limit, limit).astype(np.float32)
