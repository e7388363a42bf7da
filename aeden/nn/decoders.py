"""The decoders that are compared: from the code of an image back to its pixels.

CONTRIBUTING.md says how to add a decoder. Its layer takes the options `dtype`, `kernel_init` and `lowering`, like those
in `aeden/nn/layers.py`; its name in `DECODERS` is the value of `config.model.decoder`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from aeden.nn.activations import relu
from aeden.nn.convolution import convolution
from aeden.nn.fast_convolution import resized_taps
from aeden.nn.initializers import Initializer, default_kernel_init
from aeden.nn.layers import SubpixelConv, TransposeConv, UpsampleConv
from aeden.shapes import Array, Float


class Decoder(nn.Module):
    """Enlarges a code to logits: [b, h, w, c] -> [b, s*h, s*w, channels], where s is the product of the factors.

    Each stage enlarges by its factor with the layer of the decoder's kind, followed by a ReLU; a final convolution
    gives the channels of the image. "transpose" and "upsample" have the same number of parameters.

    Attributes:
      kind: one of `DECODERS`, e.g. "transpose" (transposed convolution), "upsample" (resize and convolve) or "subpixel"
        (convolve, then rearrange channels into pixels: factor^2 times the parameters in each stage).
      features: channels of each stage, first to last.
      factors: how many times each stage enlarges height and width.
      kernel_size: height and width of the kernels, in pixels.
      channels: channels of the image: 1 for grayscale, 3 for RGB.
      resize: resize method of "upsample".
      placement: whether "upsample" convolves "after" or "before" the resize.
      dtype: type of the computation; parameters and logits stay float32.
      lowering: implementation of the layers, see `aeden.nn.layers`.
      grow_kernel_size: kernel size of the layers that enlarge; 0 for `kernel_size`.
    """

    kind: str = "transpose"
    features: Sequence[int] = (32, 32)
    factors: Sequence[int] = (2, 2)
    kernel_size: int = 3
    channels: int = 1
    resize: str = "nearest"
    placement: str = "after"
    dtype: Any = None
    kernel_init: Initializer = default_kernel_init
    lowering: str = "auto"
    grow_kernel_size: int = 0

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W k"]:
        kind, options = self._find_kind(), self.layer_options()
        for i, (width, factor) in enumerate(zip(self.features, self.factors, strict=True)):
            x = relu(kind.make_layer(self, width, factor, f"stage{i}")(x))
        out = convolution(self.channels, self.kernel_size, name="out", **options)
        return out(x).astype(jnp.float32)

    @nn.nowrap
    def multiplications(self, height: int, width: int, channels: int) -> int:
        """Number of multiplications for one code of [height, width, channels]; the resize itself is not counted.

        Raises:
          ValueError: the kind of decoder is unknown.
        """
        total, kind = 0, self._find_kind()
        for features, factor in zip(self.features, self.factors, strict=True):
            total += height * width * kind.taps(self, factor) * channels * features
            height, width, channels = height * factor, width * factor, features
        return total + height * width * self.kernel_size**2 * channels * self.channels

    @nn.nowrap
    def layer_options(self) -> dict[str, Any]:
        """The options that all layers of this decoder share."""
        return {"dtype": self.dtype, "kernel_init": self.kernel_init, "lowering": self.lowering}

    @nn.nowrap
    def layer_kernel_size(self) -> int:
        """Height and width of the kernels of the layers that enlarge, in pixels."""
        return self.grow_kernel_size or self.kernel_size

    @nn.nowrap
    def _find_kind(self) -> DecoderKind:
        if self.kind not in DECODERS:
            raise ValueError(f"unknown decoder {self.kind!r}: use one of {', '.join(DECODERS)}")
        return DECODERS[self.kind]


@dataclasses.dataclass(frozen=True)
class DecoderKind:
    """What distinguishes one kind of decoder from the others.

    Attributes:
      make_layer: (decoder, features, factor, name) -> the layer that enlarges height and width by the factor.
      taps: (decoder, factor) -> multiplications of that layer per input pixel, input channel and output channel, not
        counting products with inserted zeros and repeated products of equal pixels.
    """

    make_layer: Callable[[Decoder, int, int, str], nn.Module]
    taps: Callable[[Decoder, int], int]


def _transpose_layer(decoder: Decoder, features: int, factor: int, name: str) -> nn.Module:
    return TransposeConv(features, decoder.layer_kernel_size(), factor, name=name, **decoder.layer_options())


def _transpose_taps(decoder: Decoder, factor: int) -> int:
    """k^2: every input pixel is multiplied by the whole kernel."""
    return decoder.layer_kernel_size() ** 2


def _upsample_layer(decoder: Decoder, features: int, factor: int, name: str) -> nn.Module:
    return UpsampleConv(
        features,
        decoder.layer_kernel_size(),
        factor,
        method=decoder.resize,
        placement=decoder.placement,
        name=name,
        **decoder.layer_options(),
    )


def _upsample_taps(decoder: Decoder, factor: int) -> int:
    """Before the resize by s: k^2. After it: s^2 k^2, or s^2 ceil((k + s - 1) / s)^2 if the resize is nearest.

    Pixels that a nearest resize made equal need to be multiplied only once.
    """
    kernel_size = decoder.layer_kernel_size()
    if decoder.placement != "after":
        return kernel_size**2
    return resized_taps(kernel_size, factor) if decoder.resize == "nearest" else (kernel_size * factor) ** 2


def _subpixel_layer(decoder: Decoder, features: int, factor: int, name: str) -> nn.Module:
    return SubpixelConv(features, decoder.layer_kernel_size(), factor, name=name, **decoder.layer_options())


def _subpixel_taps(decoder: Decoder, factor: int) -> int:
    """s^2 k^2 for a factor of s: the convolution has s^2 times the output channels."""
    return (decoder.layer_kernel_size() * factor) ** 2


# Value of config.model.decoder -> the kind of decoder.
DECODERS = {
    "transpose": DecoderKind(_transpose_layer, _transpose_taps),
    "upsample": DecoderKind(_upsample_layer, _upsample_taps),
    "subpixel": DecoderKind(_subpixel_layer, _subpixel_taps),
}
