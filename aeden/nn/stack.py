"""Stacked autoencoders, and a classifier on their code (config.task="stack")."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from flax import linen as nn

from aeden.nn.autoencoders import SingleAutoencoder
from aeden.shapes import Array, Float

# (number of a layer, its code) -> the code with some of it left out
Drop = Callable[[int, Array], Array]


class Stack(nn.Module):
    """Autoencoders on top of each other, each of which restores the code of the one below (Vincent et al. 2010).

    [b, h, w, c] -> logits alike, through all encoders and back through all decoders ("unrolled"). Codes are not
    negative, and a ReLU follows every decoder but the first's, whose output is the logits. Without layers the code is
    the image itself.

    Attributes:
      layers: the autoencoders, lowest first; a `DenseAutoencoder` above another has the shape [1, 1, nodes].
    """

    layers: Sequence[SingleAutoencoder]

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        return self._through(x, 0)

    def encode(self, x: Float[Array, "b h w c"], drop: Drop | None = None) -> Float[Array, "b H W f"]:
        """The code of images: [b, h, w, c] -> the highest layer's, [b, H, W, f] or [b, 1, 1, nodes].

        Args:
          x: the images.
          drop: (number of a layer from 0, its code) -> the code that the next one sees, for dropout.
        """
        for i, layer in enumerate(self.layers):
            x = _as_image(layer.encode(x))
            x = drop(i, x) if drop else x
        return x

    def _through(self, x: Array, i: int) -> Array:
        layer, (h, w) = self.layers[i], x.shape[1:3]
        code = layer.encode(x)
        if i + 1 < len(self.layers):
            code = nn.relu(self._through(_as_image(code), i + 1)).reshape(code.shape)
        return layer.decode(code)[:, :h, :w]


class Classifier(nn.Module):
    """Logistic regression on a stack's code: [b, h, w, c] -> logits of the classes [b, classes].

    Attributes:
      stack: what makes the code.
      classes: how many there are.
    """

    stack: Stack
    classes: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], drop: Drop | None = None) -> Float[Array, "b k"]:
        code = self.stack.encode(x, drop).astype(jnp.float32)
        head = nn.Dense(self.classes, kernel_init=nn.initializers.zeros, name="head")
        return head(code.reshape(len(code), -1))


Autoencoder = SingleAutoencoder | Stack


def _as_image(code: Array) -> Array:
    """[b, n] -> [b, 1, 1, n]: what one layer's code is to the next."""
    return code.reshape(len(code), 1, 1, -1) if code.ndim == 2 else code
