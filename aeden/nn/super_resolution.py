"""A network that enlarges images: convolutions at the low resolution, then a decoder that enlarges.

Shi et al. 2016, "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
network", and Dong et al. 2016, "Accelerating the super-resolution convolutional neural network", compute at the low
resolution and enlarge at the end. Kim et al. 2016, "Accurate image super-resolution using very deep convolutional
networks", add the result to the bicubic enlargement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from aeden.nn.decoders import Decoder
from aeden.nn.encoder import pad_to_multiple
from aeden.nn.network_fields import decoder_of, encoder_of
from aeden.nn.receptive_field import radius
from aeden.nn.resize import interpolate
from aeden.nn.unet import RESIDUAL_SCALE
from aeden.shapes import Array, Float

# How far, in pixels of the low resolution, the bicubic enlargement reads.
BICUBIC_RADIUS = 2


class SuperResolver(nn.Module):
    """Enlarges images s times, s the product of `enlarge`: [b, h, w, channels] -> [b, s*h, s*w, channels].

    Each stage of the encoder has a convolution, a max-pool by its factor, and a ReLU. Where all `factors` are 1, no
    pixel is pooled, and the decoder enlarges the features of the low resolution. With larger factors it enlarges the
    code of an autoencoder: its first stages undo those of the encoder, and the last ones enlarge further. Images whose
    height or width is not a multiple of the product of the factors are padded at the bottom and right by repeating the
    edge, and the result is cropped back.

    Attributes:
      decoder: kind of the layers that enlarge, one of `aeden.nn.decoders.DECODERS` but those that unpool.
      features: channels of the encoder's stages.
      factors: how many times each encoder stage shrinks the low-resolution image; the decoder uses those above 1 in
        reverse order.
      enlarge: how many times each of the decoder's last stages enlarges, first to last.
      kernel_size: height and width of the kernels, in pixels.
      channels: channels of the images.
      residual: whether the network's output is added to the bicubic enlargement. The result is then an image without
        limits; if not, it is logits, whose sigmoid is the image.
      shift: where the pixels of the low resolution lie, see `aeden.nn.resize.interpolate`; for `residual`.
      decoder_features: channels of the decoder's stages, first to last; () for those of the encoder in reverse order,
        where a stage that enlarges further has as many as the one before it.
      resize, placement, dtype, lowering, decoder_kernel_size, init_scheme: as of
        `aeden.nn.autoencoders.ConvAutoencoder`.
    """

    decoder: str = "upsample"
    features: Sequence[int] = (32, 32)
    factors: Sequence[int] = (1, 1)
    enlarge: Sequence[int] = (2,)
    kernel_size: int = 3
    channels: int = 1
    residual: bool = False
    shift: float = 0.0
    resize: str = "nearest"
    placement: str = "after"
    dtype: Any = None
    lowering: str = "auto"
    decoder_features: Sequence[int] = ()
    decoder_kernel_size: int = 0
    init_scheme: str = "he"

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W c"]:
        """The enlarged images, not clipped, or their logits.

        Raises:
          ValueError: the images have other channels, or the decoder needs an encoder of the same size.
        """
        if x.shape[-1] != self.channels:
            raise ValueError(f"this network takes [batch, height, width, {self.channels}], not {x.shape}")
        height, width = (size * self.scale for size in x.shape[1:3])
        code, _ = encoder_of(self)(pad_to_multiple(x, self.stride))
        output = self.mirrored()(code)[:, :height, :width]
        if not self.residual:
            return output
        return interpolate(x.astype(jnp.float32), self.scale, "cubic", self.shift) + output

    @property
    def stride(self) -> int:
        """Height and width of the squares of low resolution that the encoder makes one pixel of."""
        return math.prod(self.factors)

    @nn.nowrap
    def receptive_radius(self) -> int:
        """The largest distance, in pixels of the low resolution, of an input pixel that an output pixel depends on.

        Raises:
          ValueError: see `aeden.nn.receptive_field.radius`.
        """
        pools = tuple(reversed(self.factors))
        found = radius(self.mirrored(), self.kernel_size, blocks=1, bottom=0, pools=pools)
        return max(found, BICUBIC_RADIUS) if self.residual else found

    @property
    def scale(self) -> int:
        """How many times larger the result is than the input."""
        return math.prod(self.enlarge)

    @nn.nowrap
    def mirrored(self) -> Decoder:
        """The decoder: stages that undo those of the encoder, and stages that enlarge further.

        Raises:
          ValueError: the kind of decoder needs the encoder's features at each of its sizes.
        """
        undone = [(width, factor) for width, factor in zip(self.features, self.factors, strict=True) if factor > 1]
        widths, factors = [width for width, _ in reversed(undone)], [factor for _, factor in reversed(undone)]
        last = widths[-1] if widths else self.features[-1]
        decoder = decoder_of(
            self,
            self.decoder_features or (*widths, *[last] * len(self.enlarge)),
            (*factors, *self.enlarge),
            out_scale=RESIDUAL_SCALE if self.residual else 1.0,
        )
        if decoder.find_kind().unpools:
            raise ValueError(
                f"decoder {self.decoder!r} puts values back where an encoder took them from, and super-resolution "
                "enlarges further than its encoder shrinks: use another model.decoder"
            )
        return decoder

    @nn.nowrap
    def multiplications(self, height: int, width: int) -> int:
        """Number of multiplications for one result of [height, width, channels], as of `ConvAutoencoder`.

        The bicubic enlargement of `residual` is not counted.
        """
        h, w = (-(-size // (self.scale * self.stride)) * self.stride for size in (height, width))
        encoding = encoder_of(self).multiplications(h, w, self.channels)
        stride = self.stride
        return encoding + self.mirrored().multiplications(h // stride, w // stride, self.features[-1])
