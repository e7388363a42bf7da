"""The encoder of the convolutional networks: [batch, height, width, channels] -> a smaller code with more channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from aeden.nn.activations import relu
from aeden.nn.convolution import convolution
from aeden.nn.initializers import convolution_init
from aeden.nn.pooling import max_pool
from aeden.shapes import Array, Float


class Encoder(nn.Module):
    """Convolution, max-pool and ReLU per stage: [b, h, w, c] -> [b, h/s, w/s, features[-1]], s the product of factors.

    The Keras example applies the ReLU before the max-pool. ReLU and max-pool commute, so pooling first is equivalent
    and cheaper.

    Attributes:
      features: channels of each stage, first to last.
      factors: how many times each stage shrinks height and width; s must divide both.
      kernel_size: height and width of the kernels, in pixels.
      dtype: type of the computation; parameters stay float32.
      lowering: implementation of the convolutions, see `aeden.nn.layers`.
      init_scheme: initial values, one of `aeden.nn.initializers.INITS`.
    """

    features: Sequence[int] = (32, 32)
    factors: Sequence[int] = (2, 2)
    kernel_size: int = 3
    dtype: Any = None
    lowering: str = "auto"
    init_scheme: str = "he"

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> tuple[Float[Array, "b H W f"], list[Array]]:
        """The code, and the features of each stage before the pooling, for decoders that need them."""
        options: dict[str, Any] = {"dtype": self.dtype, "lowering": self.lowering}
        pooled = []
        for i, (width, factor) in enumerate(zip(self.features, self.factors, strict=True)):
            initial = convolution_init(self.init_scheme, self.kernel_size, x.shape[-1])
            x = convolution(width, self.kernel_size, name=f"stage{i}", initial=initial, **options)(x)
            pooled.append(x)
            x = relu(max_pool(x, factor))
        return x, pooled

    @nn.nowrap
    def multiplications(self, height: int, width: int, channels: int) -> int:
        """Number of multiplications for one image of [height, width, channels], both multiples of s."""
        total = 0
        for features, factor in zip(self.features, self.factors, strict=True):
            total += height * width * self.kernel_size**2 * channels * features
            height, width, channels = height // factor, width // factor, features
        return total


def pad_to_multiple(x: Float[Array, "b h w c"], multiple: int) -> Float[Array, "b H W c"]:
    """Repeats the bottom and right edge until height and width are multiples of `multiple`."""
    bottom, right = (-size % multiple for size in x.shape[1:3])
    if not bottom and not right:
        return x
    return jnp.pad(x, ((0, 0), (0, bottom), (0, right), (0, 0)), mode="edge")
