"""From noisy to restored images with any network: the one place that knows what its output means."""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn

from aeden.nn.parameters import apply
from aeden.nn.stack import Autoencoder
from aeden.nn.super_resolution import SuperResolver
from aeden.nn.unet import UNet
from aeden.shapes import Array, Float, PyTree


def restore(
    model: Autoencoder, params: PyTree, noisy: Float[Array, "b h w c"], level: Float[Array, "*n"] | float | None = None
) -> Float[Array, "b H W c"]:
    """Restored images, float32 in [0, 1]: the sigmoid of logits, or the clipped output of a network without limits.

    They have the size of the noisy ones, or that of a super-resolution network's output.

    Args:
      model: the network.
      params: its parameters.
      noisy: noisy images, for super-resolution of low resolution; the noise may have left [0, 1].
      level: noise level of each image [b], or one for all, in the unit of the noise the network is trained with. Only
        networks with `level_input` use it.

    Raises:
      ValueError: the network needs the level, and it is None.
    """
    output = model_output(model, params, noisy, level)
    return jnp.clip(output, 0.0, 1.0) if is_linear(model) else nn.sigmoid(output)


def model_output(
    model: Autoencoder, params: PyTree, noisy: Float[Array, "b h w c"], level: Float[Array, "*n"] | float | None = None
) -> Float[Array, "b H W c"]:
    """What a network is trained by: logits, or the restored images that are not clipped (`is_linear`).

    Args and errors are those of `restore`.
    """
    if not takes_level(model):
        return apply(model, params, noisy)
    return apply(model, params, noisy, None if level is None else jnp.asarray(level, jnp.float32))


def is_linear(model: Autoencoder) -> bool:
    """Whether the output of a network is the restored image itself; if not, it is logits."""
    return isinstance(model, UNet | SuperResolver) and model.residual


def takes_level(model: Autoencoder) -> bool:
    """Whether a network is given the noise level of each image."""
    return isinstance(model, UNet) and model.level_input
