"""The layers under comparison: resize (and convolve), or convolve transposed.

Images are [batch, height, width, channels] throughout. A layer's `lowering` says how it computes, not what: "reference"
is the plain Flax layer, "fast" the same numbers from the same parameters by `aeden.nn.fast_convolution`, and "auto" whichever was
measured to be the faster on this backend. Checkpoints are interchangeable. The fast form has reverse-mode derivatives
of every order, but no forward mode (`jax.jvp`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype

from aeden.nn import fast_convolution as lowerings
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


def is_fast(lowering: str) -> bool:
    """Whether a layer takes its fast form: "auto" is "fast" on CPUs, where it was measured to be, not elsewhere.

    Raises:
      ValueError: the lowering is unknown.
    """
    if lowering not in LOWERINGS:
        raise ValueError(f"unknown lowering {lowering!r}: use one of {', '.join(LOWERINGS)}")
    return lowering == "fast" or (lowering == "auto" and jax.default_backend() == "cpu")


def convolution(
    features: int,
    kernel_size: int,
    dtype: Any,
    kernel_init: Initializer,
    lowering: str,
    name: str,
    factor: int = 1,
    stride: int = 1,
) -> nn.Conv:
    """A Flax convolution with "SAME" padding, computed by `aeden.nn.fast_convolution` where that is chosen.

    With a `factor` it is always so computed, and convolves what a nearest resize by that factor makes of its input.
    """

    def fast(x: Array, kernel: Array, strides: Any, padding: Any, **_: Any) -> Array:
        if factor > 1:
            return lowerings.resized_convolution(x, kernel, factor)
        return lowerings.convolution(x, kernel, strides[0], padding)

    return nn.Conv(
        features,
        (kernel_size, kernel_size),
        stride,
        dtype=dtype,
        kernel_init=kernel_init,
        name=name,
        conv_general_dilated=fast if factor > 1 or is_fast(lowering) else None,
    )


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
      lowering: "reference", "fast" or "auto". Fast is the nearest resize collapsed into the convolution after it, with
        4 multiplications for 9 at its defaults; other methods gain nothing so, and stay as they are.
    """

    features: int
    kernel_size: int = 3
    factor: int = 2
    method: str = "nearest"
    placement: str = "after"
    dtype: Any = None
    kernel_init: Initializer = default_kernel_init
    lowering: str = "auto"

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        if self.placement not in PLACEMENTS:
            raise ValueError(f"unknown placement {self.placement!r}: the convolution is 'after' or 'before' the resize")
        collapsed = self.method == "nearest" and self.placement == "after" and is_fast(self.lowering)
        conv = convolution(
            self.features,
            self.kernel_size,
            self.dtype,
            self.kernel_init,
            self.lowering,
            "conv",
            factor=self.factor if collapsed else 1,
        )
        if collapsed:
            return conv(x)
        if self.placement == "before":
            return upsample(conv(x), self.factor, self.method)
        return conv(upsample(x, self.factor, self.method))


class TransposeConv(nn.Module):
    """Learned upsampling by stride: the transpose of a strided convolution, equal to Keras' Conv2DTranspose.

    [b, h, w, c] -> [b, stride*h, stride*w, features] with padding "SAME",
    [b, stride*h + max(kernel_size - stride, 0), ..., features] with "VALID".

    Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning", section 4. Where the kernel size is
    no multiple of the stride, neighbouring outputs overlap unevenly (Odena et al. 2016): a checkerboard.

    Attributes:
      features: channels out.
      kernel_size: height and width of the kernel, in pixels.
      stride: how many times larger the output is.
      padding: "SAME", "VALID", or (before, after) of each axis, see `aeden.nn.fast_convolution.transposed_convolution`.
      dtype: type of the computation (parameters stay float32); None follows the input.
      lowering: "reference" (`flax.linen.ConvTranspose`), "fast" (by phases) or "auto".
    """

    features: int
    kernel_size: int = 3
    stride: int = 2
    padding: lowerings.Padding = "SAME"
    dtype: Any = None
    kernel_init: Initializer = default_kernel_init
    lowering: str = "auto"

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        if isinstance(self.padding, str) and self.padding not in ("SAME", "VALID"):
            raise ValueError(f"unknown padding {self.padding!r}: use 'SAME', 'VALID' or (before, after) of each axis")
        init = _transposed(self.kernel_init)
        if is_fast(self.lowering):
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


class SubpixelConv(nn.Module):
    """Convolve at the low resolution, then rearrange channels into pixels: [b, h, w, c] -> [b, f*h, f*w, features].

    Shi et al. 2016, "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
    neural network", equation 4. Its kernels begin equal for the pixels made of one (ICNR, Aitken et al. 2017,
    "Checkerboard artifact free sub-pixel convolution"): at the start it is a convolution and a nearest resize.

    Attributes:
      features: channels out; the convolution has factor^2 times as many.
      kernel_size: height and width of the kernel, in pixels of the input.
      factor: how many times larger the output is.
      dtype: type of the computation (parameters stay float32); None follows the input.
      kernel_init: of the kernels of one pixel out.
      lowering: how the convolution computes.
    """

    features: int
    kernel_size: int = 3
    factor: int = 2
    dtype: Any = None
    kernel_init: Initializer = default_kernel_init
    lowering: str = "auto"

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        f, (b, h, w, _) = self.factor, x.shape
        conv = convolution(
            f * f * self.features,
            self.kernel_size,
            self.dtype,
            _equal_pixels(self.kernel_init, f),
            self.lowering,
            "conv",
        )
        pixels = conv(x).reshape(b, h, w, f, f, self.features)
        # (b, h, w, f, f, c) -> (b, h, f, w, f, c)
        return pixels.swapaxes(2, 3).reshape(b, f * h, f * w, self.features)


def _equal_pixels(kernel_init: Initializer, factor: int) -> Initializer:
    """ICNR: the kernels of one pixel out, repeated for all that are made of one pixel in."""

    def init(key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        return jnp.tile(kernel_init(key, (*shape[:3], shape[3] // factor**2), dtype), factor**2)

    return init


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
