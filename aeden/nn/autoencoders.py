"""Encoder, decoder and the autoencoders, from plain arguments.

Images are [batch, height, width, channels] with values in [0, 1]; models return logits, whose sigmoid is the image.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype

from aeden.nn.decoders import Decoder
from aeden.nn.fast_convolution import max_pool, resized_taps
from aeden.nn.layers import Initializer, convolution, default_kernel_init
from aeden.shapes import Array, Float


class Encoder(nn.Module):
    """A stage a width: convolve, max-pool by the stage's factor, ReLU. [b, h, w, c] -> [b, h/s, w/s, features[-1]].

    The maximum of what a ReLU lets through is what it lets through of the maximum: pooling first gives the same numbers
    as the Keras example's order, on a quarter of the pixels.

    Attributes:
      features: channels of each stage, first to last.
      factors: how many times each stage shrinks height and width; their product s must divide both.
      kernel_size: height and width of the kernels, in pixels.
      dtype: type of the computation; parameters stay float32.
      lowering: how the convolutions compute, see `aeden.nn.layers`.
    """

    features: Sequence[int] = (32, 32)
    factors: Sequence[int] = (2, 2)
    kernel_size: int = 3
    dtype: Any = None
    kernel_init: Initializer = default_kernel_init
    lowering: str = "auto"

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        for i, (width, factor) in enumerate(zip(self.features, self.factors, strict=True)):
            conv = convolution(width, self.kernel_size, self.dtype, self.kernel_init, self.lowering, f"stage{i}")
            x = nn.relu(max_pool(conv(x), factor))
        return x


class ConvAutoencoder(nn.Module):
    """A convolutional autoencoder with either decoder, for images of any size: [b, h, w, channels] -> logits alike.

    With its defaults it is the network of the Keras example "Convolutional autoencoder for image denoising": 28,353
    parameters. Images whose sides are no multiple of the whole stride are padded at the bottom and right with their
    edge, and the result is cropped back.

    Attributes:
      decoder: "transpose", "upsample" or "subpixel".
      features: channels of the encoder's stages; the decoder mirrors them.
      decoder_features: channels of the decoder's stages, first to last, where they are others; () for the mirror.
      factors: how many times each encoder stage shrinks the image; the decoder mirrors them.
      kernel_size: height and width of the kernels, in pixels.
      channels: channels in and out.
      resize: resize method of the upsample decoder.
      placement: convolution "after" or "before" the resize.
      dtype: type of the computation, e.g. jnp.bfloat16; None follows the input. Parameters and logits stay float32.
      lowering: how the layers compute, see `aeden.nn.layers`.
      decoder_kernel_size: of the decoder's layers that grow, where it is another; 0 for `kernel_size`.
    """

    decoder: str = "transpose"
    features: Sequence[int] = (32, 32)
    factors: Sequence[int] = (2, 2)
    kernel_size: int = 3
    channels: int = 1
    resize: str = "nearest"
    placement: str = "after"
    dtype: Any = None
    kernel_init: Initializer = default_kernel_init
    lowering: str = "auto"
    decoder_features: Sequence[int] = ()
    decoder_kernel_size: int = 0

    def setup(self) -> None:
        self.encoder = Encoder(
            self.features, self.factors, self.kernel_size, self.dtype, self.kernel_init, self.lowering
        )
        self.decoder_net = self.mirrored()

    @nn.nowrap
    def mirrored(self) -> Decoder:
        """The decoder that undoes the encoder's stages, last to first."""
        features = tuple(self.decoder_features or reversed(self.features))
        return Decoder(
            self.decoder,
            features,
            tuple(reversed(self.factors)),
            self.kernel_size,
            self.channels,
            self.resize,
            self.placement,
            self.dtype,
            self.kernel_init,
            self.lowering,
            self.decoder_kernel_size,
            name="decoder",
        )

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        if x.ndim != 4 or x.shape[-1] != self.channels:
            raise ValueError(f"this autoencoder takes [batch, height, width, {self.channels}], not {x.shape}")
        h, w = x.shape[1:3]
        return self.decode(self.encode(x))[:, :h, :w]

    @nn.nowrap
    def multiplications(self, height: int, width: int) -> int:
        """Multiplications that the network needs for an image, zeros and repetitions left out.

        A transposed convolution needs k^2 a pixel in; a nearest resize by s and its convolution ceil((k + s - 1) / s)^2
        a pixel out, since equal pixels need not be multiplied twice; another resize k^2 a pixel out; a sub-pixel
        convolution k^2 a pixel out. The resize itself is not counted.
        """
        k, stride = self.kernel_size, math.prod(self.factors)
        h, w = (-(-size // stride) * stride for size in (height, width))
        total, channels = 0, self.channels
        for width_, factor in zip(self.features, self.factors, strict=True):
            total += h * w * k * k * channels * width_
            h, w, channels = h // factor, w // factor, width_
        decoder = self.mirrored()
        grow = self.decoder_kernel_size or k
        for width_, factor in zip(decoder.features, decoder.factors, strict=True):
            taps = (grow * factor) ** 2 if self.decoder == "subpixel" else grow * grow
            if self.decoder == "upsample" and self.placement == "after":
                taps = resized_taps(grow, factor) if self.resize == "nearest" else (grow * factor) ** 2
            total += h * w * taps * channels * width_
            h, w, channels = h * factor, w * factor, width_
        return total + h * w * k * k * channels * self.channels

    def encode(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        """The code of images: [b, h, w, channels] -> [b, ceil(h/s), ceil(w/s), features[-1]], s the whole stride."""
        return self.encoder(pad_to_multiple(x, math.prod(self.factors)))

    def decode(self, code: Float[Array, "b H W f"]) -> Float[Array, "b h w c"]:
        """Logits of a code: [b, H, W, features[-1]] -> [b, s*H, s*W, channels]."""
        return self.decoder_net(code)


class DenseAutoencoder(nn.Module):
    """A feed-forward network with as many nodes out as in: [b, h, w, c] -> logits alike, with whole images as vectors.

    Fewer hidden nodes than pixels make it compress; more are of use with corruption (Vincent et al. 2010, "Stacked
    denoising autoencoders"). The decoder mirrors the encoder; every layer but the last is followed by a ReLU.

    Attributes:
      shape: height, width and channels of the images.
      hidden: nodes of the encoder's layers, first to last; the last is the code.
      tied: the decoder's weights are the encoder's, transposed, with biases of its own.
      dtype: type of the computation; parameters and logits stay float32.
    """

    shape: tuple[int, int, int]
    hidden: Sequence[int] = (512,)
    tied: bool = False
    dtype: Any = None
    kernel_init: Initializer = default_kernel_init

    def setup(self) -> None:
        widths = list(itertools.pairwise((math.prod(self.shape), *self.hidden)))
        affine = functools.partial(Affine, dtype=self.dtype, kernel_init=self.kernel_init)
        self.encoder = [affine(m, n) for m, n in widths]
        self.decoder = [affine(n, m, not self.tied) for m, n in widths]

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        return self.decode(self.encode(x))

    def encode(self, x: Float[Array, "b h w c"]) -> Float[Array, "b n"]:
        """The code of images: [b, h, w, c] -> [b, hidden[-1]]."""
        if x.shape[1:] != self.shape:
            raise ValueError(f"this autoencoder takes [batch, {', '.join(map(str, self.shape))}], not {x.shape}")
        code = x.reshape(len(x), -1)
        for layer in self.encoder:
            code = nn.relu(layer(code))
        return code

    def decode(self, code: Float[Array, "b n"]) -> Float[Array, "b h w c"]:
        """Logits of a code: [b, hidden[-1]] -> [b, h, w, c]."""
        for i in reversed(range(len(self.hidden))):
            code = self.decoder[i](code, self.encoder[i].kernel.T if self.tied else None)
            if i:
                code = nn.relu(code)
        return code.astype(jnp.float32).reshape(len(code), *self.shape)

    def multiplications(self, height: int, width: int) -> int:
        """Multiplications that the network needs for an image."""
        return 2 * sum(m * n for m, n in itertools.pairwise((math.prod(self.shape), *self.hidden)))


class Affine(nn.Module):
    """x @ kernel + bias, whose kernel may be another layer's: [b, inputs] -> [b, outputs].

    Attributes:
      inputs, outputs: nodes in and out.
      own_kernel: False where the kernel is given at every call.
      dtype: type of the computation; parameters stay float32.
    """

    inputs: int
    outputs: int
    own_kernel: bool = True
    dtype: Any = None
    kernel_init: Initializer = default_kernel_init

    def setup(self) -> None:
        if self.own_kernel:
            self.kernel = self.param("kernel", self.kernel_init, (self.inputs, self.outputs))
        self.bias = self.param("bias", nn.initializers.zeros, (self.outputs,))

    def __call__(self, x: Float[Array, "b m"], kernel: Float[Array, "m n"] | None = None) -> Float[Array, "b n"]:
        x, kernel, bias = promote_dtype(x, self.kernel if kernel is None else kernel, self.bias, dtype=self.dtype)
        return x @ kernel + bias[None]


SingleAutoencoder = ConvAutoencoder | DenseAutoencoder


def pad_to_multiple(x: Float[Array, "b h w c"], multiple: int) -> Float[Array, "b H W c"]:
    """Repeats the bottom and right edge until height and width are multiples of `multiple`."""
    bottom, right = (-size % multiple for size in x.shape[1:3])
    if not bottom and not right:
        return x
    return jnp.pad(x, ((0, 0), (0, bottom), (0, right), (0, 0)), mode="edge")
