"""Drop-in layers for Flax nnx: `Conv`, `ConvTranspose` and `ResizeConv`, as those for linen in `aeden.nn.layers`.

They are subclasses of the nnx layers, with the same arguments, state and initial values, and one more argument,
`lowering`: "auto" (the fast form on CPUs, where it has all options that are used), "fast" or "reference".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flax import nnx

from aeden.nn import drop_in
from aeden.nn.resize import enlarge
from aeden.shapes import Array

__all__ = ["Conv", "ConvTranspose", "ResizeConv"]


class Conv(nnx.Conv):
    """`flax.nnx.Conv` with a fast form: images [..., h, w, c] -> [..., H, W, out_features].

    Args:
      args, kwargs: those of `flax.nnx.Conv`.
      lowering: the implementation, one of `aeden.nn.layers.LOWERINGS`.
    """

    def __init__(self, *args: Any, lowering: str = "auto", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lowering = lowering

    def __call__(self, inputs: Any, out_sharding: Any = None) -> Array:
        if not drop_in.computes_fast(self, out_sharding=out_sharding):
            return super().__call__(inputs, out_sharding)
        x, kernel, bias = _arguments(self, inputs)
        return drop_in.with_bias(drop_in.convolution(self, x, kernel), bias)


class ResizeConv(Conv):
    """A resize, then `flax.nnx.Conv`, whose state it has: [..., h, w, c] -> [..., H, W, out_features].

    Args:
      args, kwargs: those of `flax.nnx.Conv` and `lowering`.
      factor: integer >= 1 for all axes, or one for each axis.
      method: one of `aeden.nn.resize.RESIZE_METHODS`.
    """

    def __init__(self, *args: Any, factor: int | Sequence[int] = 2, method: str = "nearest", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.factor = factor if isinstance(factor, int) else tuple(factor)
        self.method = method

    def __call__(self, inputs: Any, out_sharding: Any = None) -> Array:
        if out_sharding is not None or not drop_in.merges_resize(self):
            factors = drop_in.per_axis(self.factor, len(self.kernel_size))
            return super().__call__(enlarge(inputs, factors, self.method), out_sharding)
        x, kernel, bias = _arguments(self, inputs)
        return drop_in.with_bias(drop_in.resized_convolution(self, x, kernel), bias)


class ConvTranspose(nnx.ConvTranspose):
    """`flax.nnx.ConvTranspose` with a fast form: images [..., h, w, c] -> [..., H, W, out_features].

    Args:
      args, kwargs: those of `flax.nnx.ConvTranspose`.
      lowering: the implementation, one of `aeden.nn.layers.LOWERINGS`.
    """

    def __init__(self, *args: Any, lowering: str = "auto", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lowering = lowering

    def __call__(self, inputs: Any) -> Array:
        if not drop_in.computes_fast(self):
            return super().__call__(inputs)
        x, kernel, bias = _arguments(self, inputs)
        return drop_in.with_bias(drop_in.transposed_convolution(self, x, kernel), bias)


def _arguments(layer: nnx.Conv | nnx.ConvTranspose, inputs: Any) -> Sequence[Any]:
    """Input, kernel and bias in the type of the computation."""
    kernel = drop_in.masked(layer, layer.kernel[...])
    bias = None if layer.bias is None else layer.bias[...]
    return layer.promote_dtype((inputs, kernel, bias), dtype=layer.dtype)
