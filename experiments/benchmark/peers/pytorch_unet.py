"""The U-Net of configs/photos_gray.py in PyTorch, as its users write one."""

from __future__ import annotations

from typing import Any

from experiments.benchmark.peers import UNET_BLOCKS, UNET_FEATURES
from experiments.benchmark.peers.pytorch_layers import layer_of


def unet_of(decoder: str, channels: int = 1, decoder_kernel: int = 3) -> Any:
    """A bias-free U-Net that predicts the noise: noisy images [b, c, h, w] -> restored ones.

    Args:
      decoder, channels, decoder_kernel: see `NetworkSettings`.
    """
    import torch
    from torch import nn

    def convolutions(inputs: int, features: int, count: int) -> Any:
        parts: list[Any] = []
        for i in range(count):
            parts += [nn.Conv2d(features if i else inputs, features, 3, padding="same", bias=False), nn.ReLU()]
        return nn.Sequential(*parts)

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            inputs, mirrored = (channels, *UNET_FEATURES[:-1]), tuple(reversed(UNET_FEATURES))
            self.down = nn.ModuleList(
                convolutions(m, n, UNET_BLOCKS) for m, n in zip(inputs, UNET_FEATURES, strict=True)
            )
            self.pool = nn.MaxPool2d(2)
            self.bottom = convolutions(UNET_FEATURES[-1], UNET_FEATURES[-1], UNET_BLOCKS)
            self.up = nn.ModuleList(
                nn.Sequential(layer_of(decoder, m, n, decoder_kernel, bias=False), nn.ReLU())
                for m, n in zip((UNET_FEATURES[-1], *mirrored[:-1]), mirrored, strict=True)
            )
            self.merge = nn.ModuleList(convolutions(2 * n, n, UNET_BLOCKS - 1) for n in mirrored)
            self.out = nn.Conv2d(UNET_FEATURES[0], channels, 3, padding="same", bias=False)

        def forward(self, noisy: Any) -> Any:
            x, skipped = noisy, []
            for stage in self.down:
                x = stage(x)
                skipped.append(x)
                x = self.pool(x)
            x = self.bottom(x)
            for up, merge in zip(self.up, self.merge, strict=True):
                x = merge(torch.cat([up(x), skipped.pop()], 1))
            return noisy - self.out(x)

    return UNet()
