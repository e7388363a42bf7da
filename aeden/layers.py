"""The layers under comparison: resize (and convolve), or convolve transposed; and the pooling that mirrors them.

Images are [batch, height, width, channels] throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype

from aeden import lowering as lowerings
from aeden.shapes import Array, Float

RESIZE_METHODS = ("nearest", "bilinear", "cubic", "lanczos3", "lanczos5")
PLACEMENTS = ("after", "before")
LOWERINGS = ("reference", "fast", "auto")

Initializer = Callable[..., Any]
# He et al. 2015, for layers followed by a ReLU. Keras' default, glorot_uniform, starts a 1-channel layer at a quarter
# of the scale, and ends 0.26 dB lower on MNIST after 8 epochs.
default_kernel_init: Initializer = nn.initializers.he_normal()


def upsample(x: Float[Array, "b h w c"], factor: int, method: str = "nearest") -> Float[Array, "b H W c"]:
    """Resizes [b, h, w, c] to [b, factor*h, factor*w, c], as Keras' UpSampling2D does.

    Args:
      x: images or features, any range.
      factor: whole number >= 1, for both axes.
      method: one of `RESIZE_METHODS`, with the half-pixel centres of `jax.image.resize`.

    Raises:
      ValueError: the factor is no positive whole number, or the method is unknown.
    """
    if factor < 1:
        raise ValueError(f"an upsampling factor is a whole number from 1 up, not {factor}")
    if method not in RESIZE_METHODS:
        raise ValueError(f"unknown resize method {method!r}: use one of {', '.join(RESIZE_METHODS)}")
    b, h, w, c = x.shape
    return jax.image.resize(x, (b, factor * h, factor * w, c), method)


def max_pool(x: Float[Array, "b h w c"], factor: int) -> Float[Array, "b H W c"]:
    """Maximum over windows of factor x factor that do not overlap: [b, h, w, c] -> [b, h//factor, w//factor, c].

    Equals `flax.linen.max_pool(x, (factor, factor), (factor, factor))`, rows and columns beyond a whole window being
    left out, except in how a tie shares its gradient: `flax` gives all of it to the first maximum, this gives an equal
    share to each. XLA's gradient of a pooling window (select-and-scatter) is some 15 times slower on a CPU.
    """
    if factor == 1:
        return x
    b, h, w, c = x.shape
    H, W = h // factor, w // factor
    windows = x[:, : H * factor, : W * factor].reshape(b, H, factor, W, factor, c)
    return jnp.max(windows, axis=(2, 4))


class Upsample(nn.Module):
    """`upsample` as a layer without parameters: [b, h, w, c] -> [b, factor*h, factor*w, c]."""

    factor: int = 2
    method: str = "nearest"

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W c"]:
        return upsample(x, self.factor, self.method)


class UpsampleConv(nn.Module):
    """Resize, then learn: [b, h, w, c] -> [b, factor*h, factor*w, features].

    Odena et al. 2016, "Deconvolution and checkerboard artifacts", recommend resizing before the convolution.

    Attributes:
      features: channels out.
      kernel_size: height and width of the kernel, in pixels.
      factor: how many times larger the output is.
      method: one of `RESIZE_METHODS`.
      placement: "after" convolves at the high resolution; "before" at the low one, for 1/factor^2 of the
        multiplications and with no learning after the resize.
      dtype: type of the computation (parameters stay float32); None follows the input.
    """

    features: int
    kernel_size: int = 3
    factor: int = 2
    method: str = "nearest"
    placement: str = "after"
    dtype: Any = None
    kernel_init: Initializer = default_kernel_init

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        if self.placement not in PLACEMENTS:
            raise ValueError(f"unknown placement {self.placement!r}: the convolution is 'after' or 'before' the resize")
        kernel = (self.kernel_size, self.kernel_size)
        conv = nn.Conv(self.features, kernel, dtype=self.dtype, kernel_init=self.kernel_init, name="conv")
        if self.placement == "before":
            return upsample(conv(x), self.factor, self.method)
        return conv(upsample(x, self.factor, self.method))


class TransposeConv(nn.Module):
    """Learned upsampling by stride: the transpose of a strided convolution, equal to Keras' Conv2DTranspose.

    [b, h, w, c] -> [b, stride*h, stride*w, features] with padding "SAME", and
    [b, stride*h + max(kernel_size - stride, 0), ..., features] with "VALID".

    Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning", section 4. Where the kernel size is
    no multiple of the stride, neighbouring outputs overlap unevenly (Odena et al. 2016): a checkerboard.

    Attributes:
      features: channels out.
      kernel_size: height and width of the kernel, in pixels.
      stride: how many times larger the output is.
      padding: "SAME" or "VALID".
      dtype: type of the computation (parameters stay float32); None follows the input.
      lowering: "reference" is `flax.linen.ConvTranspose`; "fast" computes the same from the same parameters by phases,
        see `aeden.lowering`; "auto" is "fast" on CPUs and "reference" elsewhere.
    """

    features: int
    kernel_size: int = 3
    stride: int = 2
    padding: str = "SAME"
    dtype: Any = None
    kernel_init: Initializer = default_kernel_init
    lowering: str = "auto"

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        if self.padding not in ("SAME", "VALID"):
            raise ValueError(f"unknown padding {self.padding!r}: use 'SAME' or 'VALID'")
        if self.lowering not in LOWERINGS:
            raise ValueError(f"unknown lowering {self.lowering!r}: use one of {', '.join(LOWERINGS)}")
        init = _transposed(self.kernel_init)
        if self.lowering == "fast" or (self.lowering == "auto" and jax.default_backend() == "cpu"):
            shape = (self.kernel_size, self.kernel_size, self.features, x.shape[-1])
            kernel, bias = _Weights(shape, self.features, init, name="conv")()
            x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
            return lowerings.transposed_convolution(x, kernel, self.stride, self.padding) + bias[None, None, None]
        return nn.ConvTranspose(
            self.features,
            (self.kernel_size, self.kernel_size),
            (self.stride, self.stride),
            padding=self.padding,
            # Keras' kernel layout, [h, w, out, in]: the layer is then the exact transpose of a strided convolution.
            transpose_kernel=True,
            dtype=self.dtype,
            kernel_init=init,
            name="conv",
        )(x)


def _transposed(kernel_init: Initializer) -> Initializer:
    """The initializer of a [h, w, in, out] kernel for one of [h, w, out, in]: its fan-in is still that of `in`."""

    def init(key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        return kernel_init(key, (*shape[:2], shape[3], shape[2]), dtype).swapaxes(2, 3)

    return init


class _Weights(nn.Module):
    """The kernel and bias that a Flax convolution of the same name would have: checkpoints are interchangeable."""

    kernel_shape: tuple[int, ...]
    features: int
    kernel_init: Initializer

    @nn.compact
    def __call__(self) -> tuple[Array, Array]:
        kernel = self.param("kernel", self.kernel_init, self.kernel_shape, jnp.float32)
        return kernel, self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
