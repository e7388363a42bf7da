"""Stacked autoencoders and a classifier of their code (config.task="stack")."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from flax import linen as nn

from aeden.nn.activations import relu
from aeden.nn.autoencoders import SingleAutoencoder
from aeden.nn.super_resolution import SuperResolver
from aeden.nn.unet import Network
from aeden.shapes import Array, Float

# Dropout of codes: (index of a layer, its code) -> the code with some entries dropped
Drop = Callable[[int, Array], Array]


class Stack(nn.Module):
    """A stack of autoencoders, each of which restores the code of the one below it (Vincent et al. 2010).

    [b, h, w, c] -> logits of the same shape, through all encoders and back through all decoders ("unrolled"). Codes
    are non-negative: a ReLU follows every decoder except the lowest, whose output is the logits. Without layers the
    code is the image itself.

    Attributes:
      layers: the autoencoders, lowest first; a `DenseAutoencoder` on top of another has the shape [1, 1, nodes].
    """

    layers: Sequence[SingleAutoencoder]

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        return self._encode_and_decode(x, 0)

    def encode(self, x: Float[Array, "b h w c"], drop: Drop | None = None) -> Float[Array, "b H W f"]:
        """The code of the highest layer: [b, h, w, c] -> [b, H, W, f] or [b, 1, 1, nodes].

        Args:
          x: images.
          drop: dropout, (index of a layer from 0, its code) -> the input of the next layer; None for no dropout.
        """
        for i, layer in enumerate(self.layers):
            x = _as_image(layer.encode(x))
            x = drop(i, x) if drop else x
        return x

    def _encode_and_decode(self, x: Array, i: int) -> Array:
        """Passes the input of layer i up through the remaining encoders and back down to the output of layer i."""
        layer, (h, w) = self.layers[i], x.shape[1:3]
        code = layer.encode(x)
        if i + 1 < len(self.layers):
            code = relu(self._encode_and_decode(_as_image(code), i + 1)).reshape(code.shape)
        return layer.decode(code)[:, :h, :w]


class Classifier(nn.Module):
    """Logistic regression on the code of a stack: [b, h, w, c] -> class logits [b, classes].

    Attributes:
      stack: the stack that computes the code.
      classes: number of classes.
    """

    stack: Stack
    classes: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], drop: Drop | None = None) -> Float[Array, "b k"]:
        code = self.stack.encode(x, drop).astype(jnp.float32)
        head = nn.Dense(self.classes, kernel_init=nn.initializers.zeros, name="head")
        return head(code.reshape(len(code), -1))


# Everything that restores images.
Autoencoder = Network | Stack | SuperResolver


def _as_image(code: Array) -> Array:
    """Reshapes a code [b, n] to [b, 1, 1, n], the input of the next layer; leaves other codes unchanged."""
    return code.reshape(len(code), 1, 1, -1) if code.ndim == 2 else code
