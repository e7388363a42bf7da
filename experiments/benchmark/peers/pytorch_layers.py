"""The decoder layers in PyTorch, from its own modules."""

from __future__ import annotations

from typing import Any


def layer_of(kind: str, channels: int, features: int, kernel: int = 3, stride: int = 2, bias: bool = True) -> Any:
    """A layer that enlarges height and width by the stride, of a kind of `NetworkSettings.decoder`."""
    from torch import nn

    if kind == "transpose":
        padding = -((stride - kernel) // 2)
        return nn.ConvTranspose2d(
            channels, features, kernel, stride, padding, output_padding=stride - kernel + 2 * padding, bias=bias
        )
    if kind == "subpixel":
        return nn.Sequential(
            nn.Conv2d(channels, features * stride**2, kernel, padding="same", bias=bias), nn.PixelShuffle(stride)
        )
    return nn.Sequential(
        nn.Upsample(scale_factor=stride, mode="nearest"),
        nn.Conv2d(channels, features, kernel, padding="same", bias=bias),
    )
