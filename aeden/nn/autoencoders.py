"""Autoencoders, built from plain arguments.

Images are [batch, height, width, channels] with values in [0, 1]. Models return logits; their sigmoid is the image.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype

from aeden.nn.activations import relu
from aeden.nn.decoders import Decoder
from aeden.nn.encoder import pad_to_multiple
from aeden.nn.initializers import Initializer, convolution_init, default_kernel_init
from aeden.nn.network_fields import decoder_of, encoder_of
from aeden.nn.receptive_field import radius
from aeden.shapes import Array, Float


class ConvAutoencoder(nn.Module):
    """A convolutional autoencoder for images of any size: [b, h, w, channels] -> logits of the same shape, or
    [b, h, w, outputs].

    With its defaults it is the network of the Keras example "Convolutional autoencoder for image denoising": 28,353
    parameters. Images whose height or width is not a multiple of the total stride are padded at the bottom and right
    by repeating the edge, and the result is cropped back.

    Attributes:
      decoder: kind of decoder, one of `aeden.nn.decoders.DECODERS`.
      features: channels of the encoder's stages.
      factors: how many times each encoder stage shrinks the image; the decoder uses them in reverse order.
      kernel_size: height and width of the kernels, in pixels.
      channels: channels of the images.
      resize: resize method of the upsample decoder.
      placement: whether the upsample decoder convolves "after" or "before" the resize.
      dtype: type of the computation, e.g. jnp.bfloat16; None follows the input. Parameters and logits stay float32.
      lowering: implementation of the layers, see `aeden.nn.layers`.
      decoder_features: channels of the decoder's stages, first to last; () for `features` in reverse order.
      decoder_kernel_size: kernel size of the decoder layers that enlarge; 0 for `kernel_size`.
      init_scheme: initial values, one of `aeden.nn.initializers.INITS`.
      skip: whether skip connections lead from each encoder stage to the decoder stage of the same size.
      outputs: channels of the result, e.g. one for each class of pixels; 0 for those of the images.
    """

    decoder: str = "transpose"
    features: Sequence[int] = (32, 32)
    factors: Sequence[int] = (2, 2)
    kernel_size: int = 3
    channels: int = 1
    resize: str = "nearest"
    placement: str = "after"
    dtype: Any = None
    lowering: str = "auto"
    decoder_features: Sequence[int] = ()
    decoder_kernel_size: int = 0
    init_scheme: str = "he"
    skip: bool = False
    outputs: int = 0

    def setup(self) -> None:
        self.encoder = encoder_of(self)
        self.decoder_net = self.mirrored()

    @nn.nowrap
    def mirrored(self) -> Decoder:
        """The decoder, whose stages undo those of the encoder in reverse order."""
        return decoder_of(
            self,
            self.decoder_features or tuple(reversed(self.features)),
            tuple(reversed(self.factors)),
            channels=self.outputs or self.channels,
            skip=tuple(self.features) if self.skip else (),
        )

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w k"]:
        if x.ndim != 4 or x.shape[-1] != self.channels:
            raise ValueError(f"this autoencoder takes [batch, height, width, {self.channels}], not {x.shape}")
        h, w = x.shape[1:3]
        code, pooled = self._encode(x)
        # A decoder that needs the code only does not keep the rest alive.
        return self.decoder_net(code, pooled if self.decoder_net.needs_encoder else ())[:, :h, :w]

    @property
    def stride(self) -> int:
        """How many times smaller than the image the code is."""
        return math.prod(self.factors)

    @nn.nowrap
    def receptive_radius(self) -> int:
        """The largest distance, along an axis, of an input pixel that an output pixel depends on.

        Raises:
          ValueError: see `aeden.nn.receptive_field.radius`.
        """
        return radius(self.mirrored(), self.kernel_size, blocks=1, bottom=0)

    @property
    def decodes_alone(self) -> bool:
        """Whether `decode` works: the decoder needs the code and nothing else of the encoder."""
        return not self.mirrored().needs_encoder

    @nn.nowrap
    def multiplications(self, height: int, width: int) -> int:
        """Number of multiplications for one image of [height, width, channels].

        Products with inserted zeros and repeated products of equal pixels are not counted (see
        `aeden.nn.decoders.DecoderKind`).
        """
        h, w = (-(-size // self.stride) * self.stride for size in (height, width))
        encoding = encoder_of(self).multiplications(h, w, self.channels)
        stride = self.stride
        return encoding + self.mirrored().multiplications(h // stride, w // stride, self.features[-1])

    def encode(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W f"]:
        """The code of images: [b, h, w, channels] -> [b, ceil(h/s), ceil(w/s), features[-1]], s the total stride."""
        return self._encode(x)[0]

    def _encode(self, x: Array) -> tuple[Array, list[Array]]:
        code: tuple[Array, list[Array]] = self.encoder(pad_to_multiple(x, self.stride))
        return code

    def decode(self, code: Float[Array, "b H W f"]) -> Float[Array, "b h w c"]:
        """Logits of a code: [b, H, W, features[-1]] -> [b, s*H, s*W, channels].

        Raises:
          ValueError: the decoder needs the encoder, see `decodes_alone`.
        """
        return self.decoder_net(code)


class DenseAutoencoder(nn.Module):
    """A fully connected autoencoder of whole images as vectors: [b, h, w, c] -> logits of the same shape.

    With fewer hidden nodes than pixels it compresses; more hidden nodes are useful with noise (Vincent et al. 2010,
    "Stacked denoising autoencoders"). The decoder mirrors the encoder. A ReLU follows every layer but the last.

    Attributes:
      shape: height, width and channels of the images.
      hidden: nodes of the encoder's layers, first to last; the last layer gives the code.
      tied: the decoder's kernels are the encoder's kernels transposed; its biases are its own.
      dtype: type of the computation; parameters and logits stay float32.
      init_scheme: initial values: "he", "glorot" or "torch", see `aeden.nn.initializers`.
    """

    shape: tuple[int, int, int]
    hidden: Sequence[int] = (512,)
    tied: bool = False
    dtype: Any = None
    init_scheme: str = "he"

    def setup(self) -> None:
        widths = list(itertools.pairwise((math.prod(self.shape), *self.hidden)))
        self.encoder = [self._affine(m, n) for m, n in widths]
        self.decoder = [self._affine(n, m, not self.tied) for m, n in widths]

    def _affine(self, inputs: int, outputs: int, own_kernel: bool = True) -> Affine:
        return Affine(inputs, outputs, own_kernel, self.dtype, **convolution_init(self.init_scheme, 1, inputs))

    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        return self.decode(self.encode(x))

    def encode(self, x: Float[Array, "b h w c"]) -> Float[Array, "b n"]:
        """The code of images: [b, h, w, c] -> [b, hidden[-1]]."""
        if x.shape[1:] != self.shape:
            raise ValueError(f"this autoencoder takes [batch, {', '.join(map(str, self.shape))}], not {x.shape}")
        code = x.reshape(x.shape[0], -1)
        for layer in self.encoder:
            code = relu(layer(code))
        return code

    def decode(self, code: Float[Array, "b n"]) -> Float[Array, "b h w c"]:
        """Logits of a code: [b, hidden[-1]] -> [b, h, w, c]."""
        for i in reversed(range(len(self.hidden))):
            code = self.decoder[i](code, self.encoder[i].kernel.T if self.tied else None)
            if i:
                code = relu(code)
        return code.astype(jnp.float32).reshape(code.shape[0], *self.shape)

    def multiplications(self, height: int, width: int) -> int:
        """Number of multiplications for one image; height and width are ignored, since `shape` fixes the size."""
        return 2 * sum(m * n for m, n in itertools.pairwise((math.prod(self.shape), *self.hidden)))


class Affine(nn.Module):
    """x @ kernel + bias: [b, inputs] -> [b, outputs]. The kernel may belong to another layer.

    Attributes:
      inputs, outputs: numbers of input and output nodes.
      own_kernel: whether the layer has its own kernel; if not, every call passes one.
      dtype: type of the computation; parameters stay float32.
    """

    inputs: int
    outputs: int
    own_kernel: bool = True
    dtype: Any = None
    kernel_init: Initializer = default_kernel_init
    bias_init: Initializer = nn.initializers.zeros

    def setup(self) -> None:
        if self.own_kernel:
            self.kernel = self.param("kernel", self.kernel_init, (self.inputs, self.outputs))
        self.bias = self.param("bias", self.bias_init, (self.outputs,))

    def __call__(self, x: Float[Array, "b m"], kernel: Float[Array, "m n"] | None = None) -> Float[Array, "b n"]:
        x, kernel, bias = promote_dtype(x, self.kernel if kernel is None else kernel, self.bias, dtype=self.dtype)
        return x @ kernel + bias[None]


SingleAutoencoder = ConvAutoencoder | DenseAutoencoder
