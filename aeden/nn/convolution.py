"""A convolution layer with two implementations: plain Flax, or the rewrite in `aeden.nn.fast_convolution`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype

from aeden.nn import fast_convolution
from aeden.nn.initializers import Initializer, default_kernel_init
from aeden.shapes import Array, Float

LOWERINGS = ("reference", "fast", "auto")


def is_fast(lowering: str) -> bool:
    """Whether `lowering` selects the fast implementation. "auto" does so on CPUs only, as measured.

    Raises:
      ValueError: the lowering is unknown.
    """
    if lowering not in LOWERINGS:
        raise ValueError(f"unknown lowering {lowering!r}: use one of {', '.join(LOWERINGS)}")
    return lowering == "fast" or (lowering == "auto" and jax.default_backend() == "cpu")


class FastConv(nn.Module):
    """A function of `aeden.nn.fast_convolution` plus a bias, with the parameters of the plain Flax layer.

    `kernel` and `bias` have the names, shapes and initial values of those of `nn.Conv`, or with `transposed` of
    `nn.ConvTranspose(transpose_kernel=True)`.

    Attributes:
      function: (x, kernel) -> output without bias.
      features: output channels.
      kernel_size: height and width of the kernel, in pixels.
      transposed: whether the kernel is [k, k, out, in] and not [k, k, in, out].
      dtype: type of the computation (parameters stay float32); None follows the input.
      kernel_init: initializer of the kernel in its own layout.
    """

    function: Callable[[Array, Array], Array]
    features: int
    kernel_size: int
    transposed: bool = False
    dtype: Any = None
    kernel_init: Initializer = default_kernel_init

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        channels = (self.features, x.shape[-1]) if self.transposed else (x.shape[-1], self.features)
        shape = (self.kernel_size, self.kernel_size, *channels)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        return self.function(x, kernel) + bias[None, None, None]


def convolution(
    features: int,
    kernel_size: int,
    *,
    name: str,
    stride: int = 1,
    dtype: Any = None,
    kernel_init: Initializer = default_kernel_init,
    lowering: str = "auto",
) -> nn.Module:
    """A convolution layer with a bias and "SAME" padding: [b, h, w, c] -> [b, ceil(h/stride), ..., features].

    Args:
      features: output channels.
      kernel_size: height and width of the kernel, in pixels.
      name: name of the layer's parameters.
      stride: integer >= 1, for both axes.
      dtype: type of the computation (parameters stay float32); None follows the input.
      kernel_init: initializer of the kernel.
      lowering: the implementation, one of `LOWERINGS`.

    Raises:
      ValueError: the lowering is unknown.
    """
    if is_fast(lowering):
        function = partial(fast_convolution.convolution, stride=stride)
        return FastConv(function, features, kernel_size, dtype=dtype, kernel_init=kernel_init, name=name)
    size = (kernel_size, kernel_size)
    return nn.Conv(features, size, strides=stride, dtype=dtype, kernel_init=kernel_init, name=name)
