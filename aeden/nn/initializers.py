"""Initial values of the layers: one named scheme (`config.model.init`) for every layer of a network.

    he      He et al. 2015, equation 14, with fan-in k^2 * channels that the kernel reads, whatever the stride.
            Sub-pixel kernels repeat (ICNR)
    phase   He for each of the s^2 phase convolutions of an enlarging layer, by its own fan-in
    icnr    the phases of a transposed or sub-pixel kernel start equal, without a checkerboard (Aitken et al. 2017)
    glorot  Keras' default: glorot_uniform (Glorot & Bengio 2010, equation 16) and biases of 0
    torch   PyTorch's default: kernels and biases uniform in +-1/sqrt(fan-in), where the fan-in of a transposed
            convolution is k^2 * features

"Phase": the output pixels with the same row and column modulo the stride s. `docs/method.md` has the mathematics.
Each function below returns the options `kernel_init` and `bias_init` of a Flax layer. An initializer is
(key, shape, dtype) -> array, as in Flax.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from aeden.shapes import Array

Initializer = Callable[..., Any]
# Options `kernel_init` and `bias_init` of a layer
Initializers = dict[str, Any]

INITS = ("he", "phase", "icnr", "glorot", "torch")
# He et al. 2015, for layers followed by a ReLU. With Keras' default, glorot_uniform, a 1-channel layer starts at a
# quarter of the scale and reaches 0.26 dB less on MNIST after 8 epochs.
default_kernel_init: Initializer = nn.initializers.he_normal()
# The square of the mean of a ReLU of a symmetric normal variable, divided by its mean square.
SQUARED_MEAN = 1.0 / math.pi


def convolution_init(init: str, kernel_size: int, channels: int) -> Initializers:
    """Initial values of a plain convolution, kernel [k, k, channels, features]; for a dense layer the size is 1.

    Args:
      init: one of `INITS`. "phase" and "icnr" concern enlarging layers only and are "he" here.
      kernel_size: height and width of the kernel, in pixels.
      channels: channels of the input.

    Raises:
      ValueError: unknown scheme.
    """
    if init == "glorot":
        return {"kernel_init": nn.initializers.glorot_uniform(), "bias_init": nn.initializers.zeros}
    if init == "torch":
        return _torch(kernel_size**2 * channels)
    if init not in INITS:
        raise ValueError(f"unknown init {init!r}: use one of {', '.join(INITS)}")
    return {"kernel_init": default_kernel_init, "bias_init": nn.initializers.zeros}


def resized_init(init: str, kernel_size: int, channels: int, mean_square: float = 1.0) -> Initializers:
    """Initial values of a convolution of enlarged features.

    Args:
      init, kernel_size, channels: see `convolution_init`.
      mean_square: mean square of an input pixel of the convolution, divided by that of a pixel before the enlarging; 1
        for a resize, as if neighbouring pixels were equal. "phase" divides the variance of the kernel by it.

    Raises:
      ValueError: unknown scheme, or "icnr".
    """
    if init == "icnr":
        raise ValueError("init='icnr' is for transposed and sub-pixel convolutions: use 'he' or 'phase'")
    options = convolution_init(init, kernel_size, channels)
    if init == "phase":
        options["kernel_init"] = scaled(default_kernel_init, mean_square**-0.5)
    return options


def transposed_init(
    init: str, kernel_size: int, stride: int, features: int, parallel: int = 0, smoothed: bool = False
) -> Initializers:
    """Initial values of a transposed convolution, kernel [k, k, features, channels].

    Args:
      init: one of `INITS`.
      kernel_size: height and width of the kernel, in pixels.
      stride: how many times larger the output is.
      features: output channels.
      parallel: kernel size of another such layer whose output is added; 0 for none. "phase" and "icnr" then give each
        of them half of the variance of the output pixels that both reach: with "icnr" all.
      smoothed: whether a sum over a window of stride x stride output pixels follows. "phase" is then "he", and "icnr"
        divides its kernels by stride^2, so that the sum is a mean.

    Raises:
      ValueError: unknown scheme, or "icnr" with a kernel size that is not a multiple of the stride.
    """
    if init == "torch":
        # PyTorch takes the second axis of its kernel [channels, features, k, k] for the input.
        return _torch(kernel_size**2 * features)
    options = convolution_init(init, kernel_size, 1)
    if init == "glorot":
        return options
    kernel_init = default_kernel_init
    # Smoothed, every tap reaches every output pixel once: one fan-in, k^2 * channels, is right for all phases.
    if init == "phase" and not smoothed:
        along = [-(-(kernel_size - tap % stride) // stride) for tap in range(kernel_size)]
        shared = _reached(kernel_size, stride, parallel)
        share = np.outer(along, along) / kernel_size**2 * (1 + np.outer(shared, shared))
        kernel_init = scaled(kernel_init, share[:, :, None, None] ** -0.5)
    elif init == "icnr":
        kernel_init = repeat_for_phases(kernel_init, kernel_size, stride)
        if smoothed:
            kernel_init = scaled(kernel_init, stride**-2)
        if parallel:
            kernel_init = scaled(kernel_init, 2**-0.5)
    return {**options, "kernel_init": swap_in_and_out(kernel_init)}


def _reached(kernel_size: int, stride: int, parallel: int) -> list[bool]:
    """Whether another transposed kernel also reaches the output pixels of each tap along one axis ("SAME" padding)."""
    before = max(kernel_size - stride, 0) // 2
    return [min(parallel, stride) > (tap - before) % stride for tap in range(kernel_size)]


def subpixel_init(init: str, kernel_size: int, channels: int, factor: int) -> Initializers:
    """Initial values of the convolution of a sub-pixel layer, kernel [k, k, channels, factor^2 * features].

    Args:
      init: one of `INITS`; "he" and "icnr" are the same.
      kernel_size, channels: see `convolution_init`.
      factor: how many times larger the output is.

    Raises:
      ValueError: unknown scheme.
    """
    options = convolution_init(init, kernel_size, channels)
    if init in ("he", "icnr"):
        options["kernel_init"] = repeat_for_pixels(options["kernel_init"], factor)
    return options


def added_mean_square(channels: int) -> float:
    """Mean square of a sum of channels over that of one channel, if these are independent ReLUs of normal variables."""
    return channels * (1.0 - SQUARED_MEAN) + channels**2 * SQUARED_MEAN


def scaled(kernel_init: Initializer, scale: Any) -> Initializer:
    """An initializer whose values are multiplied by `scale`: a number, or an array that broadcasts to the kernel."""

    def init(key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        return kernel_init(key, shape, dtype) * jnp.asarray(np.broadcast_to(scale, shape), dtype)

    return init


def repeat_for_pixels(kernel_init: Initializer, factor: int) -> Initializer:
    """ICNR: initializes the kernels of one output pixel and repeats them for all factor^2 pixels of one input pixel.

    Aitken et al. 2017, "Checkerboard artifact free sub-pixel convolution".
    """

    def init(key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        return jnp.tile(kernel_init(key, (*shape[:3], shape[3] // factor**2), dtype), factor**2)

    return init


def repeat_for_phases(kernel_init: Initializer, kernel_size: int, stride: int) -> Initializer:
    """ICNR for a transposed kernel [k, k, in, out]: initializes [k/s, k/s, in, out] and repeats each tap s times.

    All phases then have the same kernel, so that the untrained layer is a convolution followed by a nearest resize
    (shifted by half the overlap), after Aitken et al. 2017.

    Raises:
      ValueError: the stride does not divide the kernel size.
    """
    if kernel_size % stride:
        larger = kernel_size + -kernel_size % stride
        raise ValueError(
            f"init='icnr' needs a kernel size that the stride divides, not {kernel_size} with stride {stride}: "
            f"use a kernel size of {larger}, or init='phase'"
        )

    def init(key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        small = kernel_init(key, (shape[0] // stride, shape[1] // stride, *shape[2:]), dtype)
        return jnp.repeat(jnp.repeat(small, stride, axis=0), stride, axis=1)

    return init


def swap_in_and_out(kernel_init: Initializer) -> Initializer:
    """Turns an initializer of [h, w, in, out] kernels into one of [h, w, out, in] kernels with the same fan-in."""

    def init(key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        return kernel_init(key, (*shape[:2], shape[3], shape[2]), dtype).swapaxes(2, 3)

    return init


def _torch(fan_in: int) -> Initializers:
    """`torch.nn.modules.conv._ConvNd.reset_parameters`: kernel and bias uniform in +-1/sqrt(fan-in)."""

    def init(key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        bound = fan_in**-0.5
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return {"kernel_init": init, "bias_init": init}
