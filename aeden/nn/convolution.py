"""Drop-in layers for Flax linen: `Conv` and `ConvTranspose` with fast forms, and `ResizeConv`, a resize before `Conv`.

They are subclasses of the Flax layers, with the same attributes, parameters and initial values, and one more attribute,
`lowering`, which chooses the implementation (see `aeden.nn.layers`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flax import linen as nn
from flax.linen.dtypes import promote_dtype

from aeden.nn import drop_in
from aeden.nn.drop_in import LOWERINGS, is_fast
from aeden.nn.initializers import Initializers, default_kernel_init
from aeden.nn.resize import enlarge
from aeden.shapes import Array

__all__ = ["LOWERINGS", "Conv", "ConvTranspose", "ResizeConv", "convolution", "is_fast"]


class Conv(nn.Conv):
    """`flax.linen.Conv` with a fast form: images [..., h, w, c] -> [..., H, W, features].

    The fast form has strides, groups (`feature_group_count`), masks and all paddings, for images and for sequences
    [..., length, c]. It does not have dilations, `precision`, three axes, or another `conv_general_dilated`.

    Attributes:
      lowering: the implementation, one of `LOWERINGS`. All others are those of `flax.linen.Conv`.
    """

    lowering: str = "auto"
    # Flax's type for it cannot be checked at run time.
    promote_dtype: Any = promote_dtype

    @nn.compact
    def __call__(self, inputs: Any) -> Array:
        return _convolve(self, inputs)


class ResizeConv(Conv):
    """A resize, then `flax.linen.Conv`, whose parameters it has: [..., h, w, c] -> [..., H, W, features].

    With "SAME" padding and no strides, height and width are those of the input times the factor. The fast form merges a
    nearest resize and the convolution after it, unless that has strides or groups.

    Attributes:
      factor: integer >= 1 for all axes, or one for each axis.
      method: one of `aeden.nn.resize.RESIZE_METHODS`. All others are those of `Conv`.
    """

    factor: int | Sequence[int] = 2
    method: str = "nearest"

    @nn.compact
    def __call__(self, inputs: Any) -> Array:
        if not drop_in.merges_resize(self):
            axes = len(drop_in.per_axis(self.kernel_size, 1))
            return _convolve(self, enlarge(inputs, drop_in.per_axis(self.factor, axes), self.method))
        x, kernel, bias = _conv_arguments(self, inputs)
        return drop_in.with_bias(drop_in.resized_convolution(self, x, kernel), bias)


class ConvTranspose(nn.ConvTranspose):
    """`flax.linen.ConvTranspose` with a fast form: images [..., h, w, c] -> [..., H, W, features].

    The fast form has strides, masks, both kernel layouts (`transpose_kernel`) and all paddings but "CIRCULAR", for
    images and for sequences [..., length, c]. It does not have dilations, `precision` or three axes.

    Attributes:
      lowering: the implementation, one of `LOWERINGS`. All others are those of `flax.linen.ConvTranspose`.
    """

    # Flax takes one integer too, whatever its type says.
    strides: Any = None
    kernel_dilation: Any = None
    lowering: str = "auto"
    # Flax's type for it cannot be checked at run time.
    promote_dtype: Any = promote_dtype

    @nn.compact
    def __call__(self, inputs: Any) -> Array:
        if not drop_in.computes_fast(self):
            return _plain(nn.ConvTranspose, self, inputs)
        channels = (inputs.shape[-1], self.features)
        x, kernel, bias = _arguments(self, inputs, channels[::-1] if self.transpose_kernel else channels)
        return drop_in.with_bias(drop_in.transposed_convolution(self, x, kernel), bias)


def _convolve(layer: nn.Conv, inputs: Any) -> Array:
    """What a `Conv` computes, with its own parameters."""
    if not drop_in.computes_fast(layer):
        return _plain(nn.Conv, layer, inputs)
    x, kernel, bias = _conv_arguments(layer, inputs)
    return drop_in.with_bias(drop_in.convolution(layer, x, kernel), bias)


def _plain(kind: type[nn.Module], layer: nn.Module, inputs: Any) -> Array:
    """What Flax's own layer computes: its method without Flax's wrapper, so that the call is recorded once."""
    method: Any = kind.__call__
    result: Array = getattr(method, "__wrapped__", method)(layer, inputs)
    return result


def _conv_arguments(layer: nn.Conv, inputs: Any) -> Sequence[Any]:
    groups = layer.feature_group_count
    if inputs.shape[-1] % groups:
        raise ValueError(f"{inputs.shape[-1]} channels cannot be split into {groups} groups")
    return _arguments(layer, inputs, (inputs.shape[-1] // groups, layer.features))


def _arguments(layer: nn.Conv | nn.ConvTranspose, inputs: Any, channels: tuple[int, int]) -> Sequence[Any]:
    """Input, kernel and bias in the type of the computation, with the parameters of the Flax layer."""
    shape = (*drop_in.per_axis(layer.kernel_size, 1), *channels)
    kernel = drop_in.masked(layer, layer.param("kernel", layer.kernel_init, shape, layer.param_dtype))
    bias = layer.param("bias", layer.bias_init, (layer.features,), layer.param_dtype) if layer.use_bias else None
    return layer.promote_dtype(inputs, kernel, bias, dtype=layer.dtype)


def convolution(
    features: int,
    kernel_size: int,
    *,
    name: str,
    stride: int = 1,
    dtype: Any = None,
    initial: Initializers | None = None,
    **options: Any,
) -> nn.Module:
    """A convolution layer with "SAME" padding: [b, h, w, c] -> [b, ceil(h/stride), ..., features].

    Args:
      features: output channels.
      kernel_size: height and width of the kernel, in pixels.
      name: name of the layer's parameters.
      stride: integer >= 1, for both axes.
      dtype: type of the computation (parameters stay float32); None follows the input.
      initial: initializers of kernel and bias, see `aeden.nn.initializers`; None for "he".
      options: other attributes of `Conv`: `lowering`, the implementation ("auto" if not given); `use_bias`, whether a
        bias is added (True if not given).
    """
    size, initializers = (kernel_size, kernel_size), {"kernel_init": default_kernel_init, **(initial or {})}
    return Conv(features, size, strides=stride, dtype=dtype, name=name, **initializers, **options)
