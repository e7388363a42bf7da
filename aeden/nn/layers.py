"""The layers that decoders enlarge images with: resize and convolve, transposed convolution, sub-pixel convolution.

Images are [batch, height, width, channels]. Every layer has an option `lowering`, which chooses its implementation:

    reference  the plain Flax layer
    fast       the rewrite in `aeden.nn.fast_convolution`: same parameters, same numbers up to rounding
    auto       the fast one if JAX's default backend is a CPU and it has all options that are used, else plain Flax

All implementations have the same parameter tree and initial values, so checkpoints are interchangeable. Derivatives of
every order work in all of them, in forward and in reverse mode. The option `init_scheme` of the decoders' layers names
the scheme of their initial values, one of `aeden.nn.initializers.INITS`.

`Conv`, `ConvTranspose` and `ResizeConv` are drop-in layers for any model in Flax linen: they take the arguments of the
Flax layers and have their parameters. The decoders of aeden use `TransposeConv`, `UpsampleConv` and `SubpixelConv`.
"""

from __future__ import annotations

from typing import Any

from flax import linen as nn

from aeden.nn.convolution import LOWERINGS, Conv, ConvTranspose, ResizeConv, convolution
from aeden.nn.fast_convolution import Padding
from aeden.nn.initializers import resized_init, subpixel_init, transposed_init
from aeden.nn.resize import RESIZE_METHODS, Upsample, upsample
from aeden.shapes import Array, Float

__all__ = [
    "LOWERINGS",
    "PLACEMENTS",
    "RESIZE_METHODS",
    "Conv",
    "ConvTranspose",
    "EnlargingLayer",
    "ResizeConv",
    "SubpixelConv",
    "TransposeConv",
    "Upsample",
    "UpsampleConv",
    "upsample",
]

PLACEMENTS = ("after", "before")


class EnlargingLayer(nn.Module):
    """What most enlarging layers have in common: [b, h, w, c] -> [b, factor*h, factor*w, features].

    Attributes:
      features: output channels.
      kernel_size: height and width of the kernel, in pixels.
      factor: how many times larger the output is.
      dtype: type of the computation (parameters stay float32); None follows the input.
      init_scheme: scheme of the initial values, one of `aeden.nn.initializers.INITS`.
      lowering: the implementation, one of `LOWERINGS`.
      use_bias: whether a bias is added. Without it the layer adds no constant of any kind.
    """

    features: int
    kernel_size: int = 3
    factor: int = 2
    dtype: Any = None
    init_scheme: str = "he"
    lowering: str = "auto"
    use_bias: bool = True

    @nn.nowrap
    def convolution_options(self) -> dict[str, Any]:
        """The options that the layer shares with the convolutions it is made of."""
        return {"dtype": self.dtype, "lowering": self.lowering, "use_bias": self.use_bias}


class UpsampleConv(nn.Module):
    """Resize, then convolve: [b, h, w, c] -> [b, factor*h, factor*w, features].

    Odena et al. 2016, "Deconvolution and checkerboard artifacts", recommend resizing before the convolution.

    Attributes:
      features: output channels.
      kernel_size: height and width of the kernel, in pixels.
      factor: how many times larger the output is.
      method: one of `RESIZE_METHODS`.
      placement: "after" convolves at the high resolution. "before" convolves at the low resolution, which takes
        1/factor^2 of the multiplications and learns nothing after the resize.
      dtype: type of the computation (parameters stay float32); None follows the input.
      lowering: the implementation, one of `LOWERINGS`. The fast one merges a nearest resize (by at most 4) and the
        convolution after it, with 2.25 in place of 9 multiplications per output pixel at the defaults.
      use_bias: whether a bias is added.
    """

    features: int
    kernel_size: int = 3
    factor: int = 2
    method: str = "nearest"
    placement: str = "after"
    dtype: Any = None
    init_scheme: str = "he"
    lowering: str = "auto"
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        if self.placement not in PLACEMENTS:
            raise ValueError(f"unknown placement {self.placement!r}: the convolution is 'after' or 'before' the resize")
        initial = resized_init(self.init_scheme, self.kernel_size, x.shape[-1])
        options: dict[str, Any] = {"dtype": self.dtype, "lowering": self.lowering, "use_bias": self.use_bias}
        options["name"] = "conv"
        size = (self.kernel_size, self.kernel_size)
        if self.placement == "after":
            conv = ResizeConv(self.features, size, factor=self.factor, method=self.method, **options, **initial)
            return conv(x)
        low = convolution(self.features, self.kernel_size, initial=initial, **options)(x)
        return upsample(low, self.factor, self.method)


class TransposeConv(nn.Module):
    """Learned upsampling: the transpose of a strided convolution, equal to Keras' Conv2DTranspose.

    [b, h, w, c] -> [b, stride*h, stride*w, features] with padding "SAME",
    [b, stride*h + max(kernel_size - stride, 0), ..., features] with "VALID".

    Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning", section 4. If the kernel size is not a
    multiple of the stride, neighbouring outputs overlap unevenly, which makes a checkerboard (Odena et al. 2016).

    Attributes:
      features: output channels.
      kernel_size: height and width of the kernel, in pixels.
      stride: how many times larger the output is.
      padding: "SAME", "VALID", or (before, after) of each axis, see `aeden.nn.fast_convolution.transposed_convolution`.
      dtype: type of the computation (parameters stay float32); None follows the input.
      lowering: the implementation, one of `LOWERINGS`: "reference" is `flax.linen.ConvTranspose`, "fast" is
        `aeden.nn.fast_convolution.transposed_convolution`.
      use_bias: whether a bias is added.
      parallel: kernel size of another such layer whose output is added, for `init_scheme`; 0 for none.
      smoothed: whether a sum over stride x stride pixels of the output follows, for `init_scheme`.
    """

    features: int
    kernel_size: int = 3
    stride: int = 2
    padding: Padding = "SAME"
    dtype: Any = None
    init_scheme: str = "he"
    lowering: str = "auto"
    use_bias: bool = True
    parallel: int = 0
    smoothed: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        if isinstance(self.padding, str) and self.padding not in ("SAME", "VALID"):
            raise ValueError(f"unknown padding {self.padding!r}: use 'SAME', 'VALID' or (before, after) of each axis")
        more = (self.parallel, self.smoothed)
        initial = transposed_init(self.init_scheme, self.kernel_size, self.stride, self.features, *more)
        return ConvTranspose(
            self.features,
            (self.kernel_size, self.kernel_size),
            (self.stride, self.stride),
            padding=self.padding,
            # Keras' kernel layout [h, w, out, in], which makes the layer the exact transpose of a strided convolution.
            transpose_kernel=True,
            use_bias=self.use_bias,
            dtype=self.dtype,
            lowering=self.lowering,
            name="conv",
            **initial,
        )(x)


class SubpixelConv(EnlargingLayer):
    """Convolve at the low resolution, then rearrange channels into pixels: [b, h, w, c] -> [b, f*h, f*w, features].

    Shi et al. 2016, "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
    neural network", equation 4. By default the f*f output pixels of one input pixel start with equal kernels (ICNR,
    Aitken et al. 2017, "Checkerboard artifact free sub-pixel convolution"), so the untrained layer equals a convolution
    followed by a nearest resize.

    The convolution has factor^2 times as many channels as the output. Its kernel is in pixels of the input.
    """

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        f, (b, h, w, _) = self.factor, x.shape
        conv = convolution(
            f * f * self.features,
            self.kernel_size,
            name="conv",
            initial=subpixel_init(self.init_scheme, self.kernel_size, x.shape[-1], f),
            **self.convolution_options(),
        )
        pixels = conv(x).reshape(b, h, w, f, f, self.features)
        # (b, h, w, f, f, c) -> (b, h, f, w, f, c)
        return pixels.swapaxes(2, 3).reshape(b, f * h, f * w, self.features)
