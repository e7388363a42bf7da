"""The decoders under comparison: from the code of an image back to its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from aeden.nn.layers import Initializer, SubpixelConv, TransposeConv, UpsampleConv, convolution, default_kernel_init
from aeden.shapes import Array, Float

DECODERS = ("transpose", "upsample", "subpixel")


class Decoder(nn.Module):
    """A stage a width: grow by the stage's factor with the chosen layer, ReLU; then a convolution to the channels out.

    [b, h, w, c] -> logits [b, s*h, s*w, channels]. "transpose" and "upsample" have the same parameter count.

    Attributes:
      kind: "transpose" (convolve transposed), "upsample" (resize and convolve) or "subpixel" (convolve, then rearrange
        channels into pixels: factor^2 times the parameters in each stage).
      features: channels of each stage, first to last.
      factors: how many times each stage grows height and width; s is their product.
      kernel_size: height and width of the kernels, in pixels.
      channels: channels of the image: 1 for grayscale, 3 for RGB.
      resize: the resize method of "upsample".
      placement: the convolution "after" or "before" the resize of "upsample".
      dtype: type of the computation; parameters and logits stay float32.
      lowering: how the layers compute, see `aeden.nn.layers`.
      grow_kernel_size: of the layers that grow, where it is another; 0 for `kernel_size`.
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
        for i, (width, factor) in enumerate(zip(self.features, self.factors, strict=True)):
            x = nn.relu(self._grow(width, factor, f"stage{i}")(x))
        out = convolution(self.channels, self.kernel_size, self.dtype, self.kernel_init, self.lowering, "out")
        return out(x).astype(jnp.float32)

    def _grow(self, width: int, factor: int, name: str) -> nn.Module:
        kernel = self.grow_kernel_size or self.kernel_size
        if self.kind == "transpose":
            return TransposeConv(
                width,
                kernel,
                factor,
                dtype=self.dtype,
                kernel_init=self.kernel_init,
                lowering=self.lowering,
                name=name,
            )
        if self.kind == "upsample":
            return UpsampleConv(
                width,
                kernel,
                factor,
                self.resize,
                self.placement,
                dtype=self.dtype,
                kernel_init=self.kernel_init,
                lowering=self.lowering,
                name=name,
            )
        if self.kind == "subpixel":
            return SubpixelConv(
                width,
                kernel,
                factor,
                dtype=self.dtype,
                kernel_init=self.kernel_init,
                lowering=self.lowering,
                name=name,
            )
        raise ValueError(f"unknown decoder {self.kind!r}: use one of {', '.join(DECODERS)}")
