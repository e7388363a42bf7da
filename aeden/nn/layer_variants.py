"""More layers that enlarge images, each from a paper: variants of resize and convolve and of transposed convolution.

Images are [batch, height, width, channels]; the attributes that all have are those of
`aeden.nn.layers.EnlargingLayer`.
"""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from aeden.nn.convolution import convolution
from aeden.nn.initializers import added_mean_square, resized_init, transposed_init
from aeden.nn.layers import EnlargingLayer, TransposeConv
from aeden.nn.pooling import max_unpool
from aeden.nn.resize import upsample
from aeden.shapes import Array, Float


class LargeContextConv(EnlargingLayer):
    """A large and a small transposed convolution, added: [b, h, w, c] -> [b, factor*h, factor*w, features].

    Agnihotri et al. 2024, "Improving feature stability during upsampling: spectral artifacts and the importance of
    spatial context": kernels of 7 or 11 pixels with a parallel one of 3.

    Attributes:
      kernel_size, small_kernel_size: height and width of the large and of the small kernel, in pixels.
    """

    kernel_size: int = 7
    small_kernel_size: int = 3

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        large, small = self.kernel_size, self.small_kernel_size
        options: dict[str, Any] = {"dtype": self.dtype, "init_scheme": self.init_scheme, "lowering": self.lowering}
        one = TransposeConv(
            self.features, large, self.factor, parallel=small, use_bias=self.use_bias, name="large", **options
        )
        # One bias is enough for a sum.
        other = TransposeConv(
            self.features, small, self.factor, parallel=large, use_bias=False, name="small", **options
        )
        return one(x) + other(x)


class SmoothedTransposeConv(EnlargingLayer):
    """A transposed convolution and a fixed smoothing: [b, h, w, c] -> [b, factor*h, factor*w, features].

    Each output pixel is the sum over a window of factor x factor pixels (a zero-order hold), which makes the overlap
    even for every kernel size: Sugawara et al. 2019, "Checkerboard artifacts free convolutional neural networks";
    Kinoshita & Kiya 2020, "Fixed smooth convolutional layer for avoiding checkerboard artifacts in CNNs". Away from the
    border it equals a nearest resize followed by a convolution with the kernel turned by 180 degrees: inserting zeros
    and summing over the window repeats pixels, and convolutions commute.
    """

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        k, f = self.kernel_size, self.factor
        if k < f:
            raise ValueError(
                f"decoder 'smoothed_transpose' needs a kernel of its factor {f} or more, not {k}: "
                f"set model.decoder_kernel_size={f}"
            )
        options: dict[str, Any] = {"dtype": self.dtype, "init_scheme": self.init_scheme, "lowering": self.lowering}
        conv = TransposeConv(self.features, k, f, smoothed=True, use_bias=False, name="conv", **options)
        y = conv(x)
        # The window that keeps the image in place: a transposed convolution shifts it by half a pixel if k - f is odd.
        before = max(f - 1 - (k - f) % 2, 0) // 2
        for axis in (1, 2):
            pads = [(0, 0)] * 4
            pads[axis] = (before, f - 1 - before)
            padded = jnp.pad(y, pads)
            shifted = [lax.slice_in_dim(padded, i, i + y.shape[axis], axis=axis) for i in range(f)]
            y = functools.reduce(jnp.add, shifted)
        if not self.use_bias:
            return y
        bias_init = transposed_init(self.init_scheme, k, f, self.features)["bias_init"]
        bias = self.param("bias", bias_init, (self.features,), jnp.float32)
        return y + bias.astype(y.dtype)[None, None, None]


class BilinearAdditiveConv(EnlargingLayer):
    """Bilinear additive upsampling, then convolution: [b, h, w, c] -> [b, factor*h, factor*w, features].

    The input is resized bilinearly, and each factor^2 consecutive channels are added, which leaves as many values as
    before: Wojna et al. 2019, "The devil is in the decoder: classification, regression and GANs", section 3.2. The
    convolution has 1/factor^2 of the parameters of resize and convolve.

    The square of the factor must divide the input channels.
    """

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        added, (b, h, w, channels) = self.factor**2, x.shape
        if channels % added:
            raise ValueError(
                f"bilinear additive upsampling by {self.factor} adds groups of {added} channels, which do not divide "
                f"{channels} channels: choose features that are multiples of {added}"
            )
        # The sum first: it commutes with the resize, and there is less to resize.
        x = upsample(x.reshape(b, h, w, channels // added, added).sum(-1), self.factor, "bilinear")
        options = resized_init(self.init_scheme, self.kernel_size, channels // added, added_mean_square(added))
        return convolution(self.features, self.kernel_size, name="conv", initial=options, **self.convolution_options())(
            x
        )


class UnpoolConv(EnlargingLayer):
    """Max-unpooling, then convolution: [b, h, w, c] -> [b, factor*h, factor*w, features].

    Each value goes back to the pixel that the encoder's max-pooling took it from, and all other pixels are 0: Zeiler et
    al. 2010, "Deconvolutional networks"; Badrinarayanan et al. 2017, "SegNet: a deep convolutional encoder-decoder
    architecture for image segmentation".
    """

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], pooled: Float[Array, "b H W k"]) -> Float[Array, "b H W f"]:
        """Enlarges `x`, with the features `pooled` that the encoder's pooling of the same stage was applied to."""
        x = max_unpool(x, pooled, self.factor)
        # One pixel in factor^2 is not 0.
        options = resized_init(self.init_scheme, self.kernel_size, x.shape[-1], self.factor**-2)
        return convolution(self.features, self.kernel_size, name="conv", initial=options, **self.convolution_options())(
            x
        )
