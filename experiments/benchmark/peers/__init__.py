"""The peers of `experiments.benchmark`: the same network, noise, loss and optimiser, written for each library.

A peer is a module of this package and a variant, e.g. "pytorch compile". It runs in a process of its own (`__main__`)
that `experiments.benchmark.race` starts. The jobs of a module are functions (variant, **settings) -> (run,
description): `run(steps)` returns when the steps are done, and the description says what was built. A job that always
takes several steps at once returns how many it took. A job that cannot run here raises `Absent` or ImportError.

    training   one step: new noise, forward, backward, optimiser; settings as in `NetworkSettings`
    unet       the same for the U-Net of configs/photos_gray.py on crops of photos; settings as in `NetworkSettings`
    dense      one training step of a dense network: masking noise, forward, backward, optimiser
    inference  one step: restoring a batch of noisy images, NumPy array in, NumPy array out; as in `NetworkSettings`
    layer      one step: one layer forward, one of its gradients, or all of these; settings as in `LayerSettings`
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Job = tuple[Callable[[int], int | None], dict[str, Any]]

# Standard deviation of the Gaussian noise, for images in [0, 1].
NOISE = 0.4
LEARNING_RATE = 1e-3
# The U-Net of configs/photos_gray.py: its features by stage, convolutions by stage, and the highest level of its noise.
UNET_FEATURES, UNET_BLOCKS, UNET_NOISE = (32, 48, 96), 2, 55 / 255
# Dense networks: nodes per hidden layer, share of input pixels set to 0, dropout rate of hidden nodes.
DENSE = (1000, 1000, 1000)
MASKING, DROPOUT = 0.25, 0.5
# Values of `NetworkSettings.precision`.
PRECISIONS = ("float32", "tf32", "bfloat16")


class Absent(Exception):
    """A peer cannot do a job here. The message gives the reason."""


def split_variant(variant: str) -> tuple[set[str], dict[str, str]]:
    """The parts of a variant such as "channels_last compile=default": its plain words, and its options by name."""
    parts = variant.split()
    return {part for part in parts if "=" not in part}, dict(part.split("=", 1) for part in parts if "=" in part)


@dataclass(frozen=True)
class NetworkSettings:
    """A convolutional autoencoder, and how it is trained or used.

    Attributes:
      decoder: "transpose", "upsample" or "subpixel".
      batch: images per step.
      size: height and width of the images in pixels.
      channels: channels of the images.
      decoder_kernel: kernel size of the decoder layers that enlarge.
      precision: "float32", "tf32" (float32 with products in TF32, GPUs only) or "bfloat16" (parameters in float32).
      devices: number of CPU devices, for aeden; 0 lets aeden choose.
      dispatch: steps per call to the devices, for aeden; 0 lets aeden choose.
    """

    decoder: str
    batch: int
    size: int
    channels: int = 1
    decoder_kernel: int = 3
    precision: str = "float32"
    devices: int = 0
    dispatch: int = 0


@dataclass(frozen=True)
class LayerSettings:
    """One pass of a decoder layer.

    Attributes:
      kind: "transpose" or "upsample".
      pass_: "forward", "input gradient", "kernel gradient" or "forward and backward".
      batch: images per step.
      size: height and width of the input in pixels.
      channels, features: channels of the input and of the output.
      kernel: kernel size in pixels.
      stride: factor by which the layer enlarges height and width.
      precision: as in `NetworkSettings`.
    """

    kind: str
    pass_: str
    batch: int
    size: int
    channels: int
    features: int
    kernel: int
    stride: int
    precision: str = "float32"

    @property
    def output_size(self) -> int:
        """Height and width of the output in pixels."""
        return self.stride * self.size
