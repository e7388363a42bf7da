"""The decoders that are compared: from the code of an image back to its pixels.

CONTRIBUTING.md says how to add a decoder. Its layer takes the options `dtype`, `init_scheme`, `lowering` and
`use_bias`, like those in `aeden/nn/layers.py`; its name in `DECODERS` is the value of `config.model.decoder`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from aeden.nn.activations import relu
from aeden.nn.convolution import convolution
from aeden.nn.fast_convolution import resized_taps
from aeden.nn.initializers import convolution_init, scaled
from aeden.nn.layer_variants import BilinearAdditiveConv, LargeContextConv, SmoothedTransposeConv, UnpoolConv
from aeden.nn.layers import SubpixelConv, TransposeConv, UpsampleConv
from aeden.nn.point_sampling import PointSamplingConv, sampling_groups
from aeden.shapes import Array, Float


class Decoder(nn.Module):
    """Enlarges a code to logits: [b, h, w, c] -> [b, s*h, s*w, channels], where s is the product of the factors.

    Each stage enlarges by its factor with the layer of the decoder's kind, followed by a ReLU, and convolves further if
    it has several blocks; a final convolution gives the channels of the image. "transpose" and "upsample" have the same
    number of parameters.

    Some decoders also need the features of the encoder before each pooling, from the first stage to the last: "unpool",
    and any decoder with skip connections (Ronneberger et al. 2015, "U-Net"), which appends them, after a ReLU, to the
    channels of the stage of the same size.

    Attributes:
      kind: one of `DECODERS`, e.g. "transpose" (transposed convolution), "upsample" (resize and convolve) or "subpixel"
        (convolve, then rearrange channels into pixels: factor^2 times the parameters in each stage). The layers are
        in `aeden.nn.layers`, `aeden.nn.layer_variants` and `aeden.nn.point_sampling`.
      features: channels of each stage, first to last.
      factors: how many times each stage enlarges height and width.
      kernel_size: height and width of the kernels, in pixels.
      channels: channels of the image: 1 for grayscale, 3 for RGB.
      resize: resize method of "upsample".
      placement: whether "upsample" convolves "after" or "before" the resize.
      dtype: type of the computation; parameters and logits stay float32.
      lowering: implementation of the layers, see `aeden.nn.layers`.
      grow_kernel_size: kernel size of the layers that enlarge; 0 for `kernel_size`.
      init_scheme: initial values, one of `aeden.nn.initializers.INITS`.
      skip: channels of the encoder's stages, first to last, for skip connections; () for none.
      blocks: convolutions of each stage, each followed by a ReLU: the layer that enlarges, then, after the skip
        connection, `blocks` - 1 plain ones.
      use_bias: whether the layers have biases. Without them the decoder of a times a code is a times that of the code,
        for a > 0 (Mohan et al. 2020, "Robust and interpretable blind image denoising via bias-free convolutional neural
        networks").
      out_scale: factor of the initial values of the final convolution.
    """

    kind: str = "transpose"
    features: Sequence[int] = (32, 32)
    factors: Sequence[int] = (2, 2)
    kernel_size: int = 3
    channels: int = 1
    resize: str = "nearest"
    placement: str = "after"
    dtype: Any = None
    lowering: str = "auto"
    grow_kernel_size: int = 0
    init_scheme: str = "he"
    skip: Sequence[int] = ()
    blocks: int = 1
    use_bias: bool = True
    out_scale: float = 1.0

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], pooled: Sequence[Array] = ()) -> Float[Array, "b H W k"]:
        kind = self.find_kind()
        self._check_icnr(kind)
        if kind.moves and not self.use_bias:
            raise ValueError(
                f"decoder {self.kind!r} reads at points that depend on the scale of its input, which model.bias=False "
                "is to make no difference: use model.bias=True, or another decoder"
            )
        if self.needs_encoder and not pooled:
            raise ValueError(f"decoder {self.kind!r}{' with skip connections' * bool(self.skip)} needs an encoder")
        for i, (width, factor) in enumerate(zip(self.features, self.factors, strict=True)):
            layer = kind.make_layer(self, width, factor, f"stage{i}")
            x = relu(layer(x, pooled[-1 - i]) if kind.unpools else layer(x))
            if self.skip:
                x = jnp.concatenate([x, relu(pooled[-1 - i])], axis=-1)
            for j in range(1, self.blocks):
                x = relu(self._convolution(x, width, f"stage{i}_conv{j}"))
        return self._convolution(x, self.channels, "out", self.out_scale).astype(jnp.float32)

    @nn.nowrap
    def _convolution(self, x: Array, features: int, name: str, scale: float = 1.0) -> Array:
        """The output of a plain convolution, whose initial values are multiplied by `scale`."""
        initial = convolution_init(self.init_scheme, self.kernel_size, x.shape[-1])
        if scale != 1.0:
            initial = {name: scaled(values, scale) for name, values in initial.items()}
        options: dict[str, Any] = {"dtype": self.dtype, "lowering": self.lowering, "use_bias": self.use_bias}
        result: Array = convolution(features, self.kernel_size, name=name, initial=initial, **options)(x)
        return result

    @property
    def needs_encoder(self) -> bool:
        """Whether a code alone cannot be decoded."""
        return self.find_kind().unpools or len(self.skip) > 0

    @nn.nowrap
    def multiplications(self, height: int, width: int, channels: int) -> int:
        """Number of multiplications for one code of [height, width, channels]; the resize itself is not counted.

        Raises:
          ValueError: the kind of decoder is unknown.
        """
        total, kind = 0, self.find_kind()
        skipped = tuple(reversed(self.skip)) or (0,) * len(self.features)
        for features, factor, more in zip(self.features, self.factors, skipped, strict=True):
            total += (
                height * width * channels * (kind.taps(self, factor) * features + kind.others(self, channels, factor))
            )
            height, width, channels = height * factor, width * factor, features + more
            for _ in range(1, self.blocks):
                total += height * width * self.kernel_size**2 * channels * features
                channels = features
        return total + height * width * self.kernel_size**2 * channels * self.channels

    @nn.nowrap
    def layer_options(self) -> dict[str, Any]:
        """The options that all layers of this decoder share."""
        options = {"dtype": self.dtype, "init_scheme": self.init_scheme, "lowering": self.lowering}
        return {**options, "use_bias": self.use_bias}

    @nn.nowrap
    def layer_kernel_size(self) -> int:
        """Height and width of the kernels of the layers that enlarge, in pixels."""
        return self.grow_kernel_size or self.kernel_size

    @nn.nowrap
    def find_kind(self) -> DecoderKind:
        if self.kind not in DECODERS:
            raise ValueError(f"unknown decoder {self.kind!r}: use one of {', '.join(DECODERS)}")
        return DECODERS[self.kind]

    @nn.nowrap
    def _check_icnr(self, kind: DecoderKind) -> None:
        """Refuses "icnr" where phases cannot start equal, before a layer does, which knows no names of fields."""
        if self.init_scheme != "icnr":
            return
        start = f"model.init='icnr' with model.decoder={self.kind!r}"
        if kind.icnr is None:
            able = ", ".join(name for name, one in DECODERS.items() if one.icnr is not None)
            raise ValueError(f"{start} has no meaning, only with {able}: use model.init='he' or 'phase'")
        sizes = {"kernel_size": self.kernel_size, "decoder_kernel_size": self.layer_kernel_size()}
        step, least = math.lcm(*self.factors), 1
        wanted: dict[str, int] = {}
        for field in kind.icnr:
            wanted[field] = -(-max(sizes[field], least) // step) * step
            least = wanted[field] + 1
        if any(sizes[field] != size for field, size in wanted.items()):
            found = " and ".join(f"model.{field} {sizes[field]}" for field in wanted)
            remedy = " and ".join(f"model.{field}={size}" for field, size in wanted.items())
            order = ", the second larger" * (len(wanted) > 1)
            raise ValueError(
                f"{start} needs sizes that are multiples of {step} (from model.factors){order}, not {found}: "
                f"set {remedy}, or choose another model.init"
            )


@dataclasses.dataclass(frozen=True)
class DecoderKind:
    """What distinguishes one kind of decoder from the others.

    Attributes:
      make_layer: (decoder, features, factor, name) -> the layer that enlarges height and width by the factor.
      taps: (decoder, factor) -> multiplications of that layer per input pixel, input channel and output channel, not
        counting products with inserted zeros and repeated products of equal pixels.
      others: (decoder, channels, factor) -> further multiplications per input pixel and input channel, e.g. of a kernel
        for each channel.
      unpools: whether the layer also takes the encoder's features of that stage before their pooling.
      icnr: None if the layer refuses the initial values "icnr". Otherwise the fields of the decoder's config whose
        kernel sizes must then be multiples of the factor, each larger than the one before; () if any size will do.
      moves: whether the pixels that the layer reads depend on its input, so that it has no fixed receptive field.
    """

    make_layer: Callable[[Decoder, int, int, str], nn.Module]
    taps: Callable[[Decoder, int], int]
    others: Callable[[Decoder, int, int], int] = lambda decoder, channels, factor: 0
    unpools: bool = False
    icnr: tuple[str, ...] | None = None
    moves: bool = False


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


def _dense_taps(decoder: Decoder, factor: int) -> int:
    """s^2 k^2 for a factor of s: k^2 for each of s^2 output pixels."""
    return (decoder.layer_kernel_size() * factor) ** 2


def _layer(layer: type[nn.Module]) -> Callable[[Decoder, int, int, str], nn.Module]:
    """The layer of a decoder that has no fields of its own."""

    def make(decoder: Decoder, features: int, factor: int, name: str) -> nn.Module:
        options: dict[str, Any] = {"factor": factor, "name": name, **decoder.layer_options()}
        return layer(features, decoder.layer_kernel_size(), **options)

    return make


def _large_context_layer(decoder: Decoder, features: int, factor: int, name: str) -> nn.Module:
    large, small = decoder.layer_kernel_size(), decoder.kernel_size
    if large <= small:
        raise ValueError(
            f"decoder 'large_context' adds a large and a small kernel, but their sizes are {large} and {small}: "
            "set model.decoder_kernel_size, e.g. to 7"
        )
    options: dict[str, Any] = {"small_kernel_size": small, "factor": factor, "name": name, **decoder.layer_options()}
    return LargeContextConv(features, large, **options)


def _large_context_taps(decoder: Decoder, factor: int) -> int:
    """The sum of both kernels."""
    return decoder.layer_kernel_size() ** 2 + decoder.kernel_size**2


def _sampling_others(decoder: Decoder, channels: int, factor: int) -> int:
    """The 1 x 1 convolution that predicts two coordinates for each of s^2 pixels and each group of channels."""
    return 2 * factor**2 * sampling_groups(channels, PointSamplingConv.groups)


# Value of config.model.decoder -> the kind of decoder.
DECODERS = {
    "transpose": DecoderKind(_transpose_layer, _transpose_taps, icnr=("decoder_kernel_size",)),
    "upsample": DecoderKind(_upsample_layer, _upsample_taps),
    "subpixel": DecoderKind(_layer(SubpixelConv), _dense_taps, icnr=()),
    "large_context": DecoderKind(
        _large_context_layer, _large_context_taps, icnr=("kernel_size", "decoder_kernel_size")
    ),
    "smoothed_transpose": DecoderKind(_layer(SmoothedTransposeConv), _transpose_taps, icnr=("decoder_kernel_size",)),
    # One channel remains of each s^2.
    "bilinear_additive": DecoderKind(_layer(BilinearAdditiveConv), _transpose_taps),
    # The zeros are at other places in every channel, so no dense convolution can leave them out.
    "unpool": DecoderKind(_layer(UnpoolConv), _dense_taps, unpools=True),
    "point_sampling": DecoderKind(_layer(PointSamplingConv), _dense_taps, _sampling_others, moves=True),
}
