"""Initial values of convolution kernels. An initializer is (key, shape, dtype) -> array, as in Flax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from aeden.shapes import Array

Initializer = Callable[..., Any]
# He et al. 2015, for layers followed by a ReLU. With Keras' default, glorot_uniform, a 1-channel layer starts at a
# quarter of the scale and reaches 0.26 dB less on MNIST after 8 epochs.
default_kernel_init: Initializer = nn.initializers.he_normal()


def repeat_for_pixels(kernel_init: Initializer, factor: int) -> Initializer:
    """ICNR: initializes the kernels of one output pixel and repeats them for all factor^2 pixels of one input pixel.

    Aitken et al. 2017, "Checkerboard artifact free sub-pixel convolution".
    """

    def init(key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        return jnp.tile(kernel_init(key, (*shape[:3], shape[3] // factor**2), dtype), factor**2)

    return init


def swap_in_and_out(kernel_init: Initializer) -> Initializer:
    """Turns an initializer of [h, w, in, out] kernels into one of [h, w, out, in] kernels with the same fan-in."""

    def init(key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        return kernel_init(key, (*shape[:2], shape[3], shape[2]), dtype).swapaxes(2, 3)

    return init
