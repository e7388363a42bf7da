"""The peers of `experiments.benchmark`: the same network, noise, loss and optimiser, written for each library.

A peer is a module of this package and a variant, e.g. "pytorch compile". It runs in a process of its own (`__main__`)
that `experiments.benchmark.race` starts. The jobs of a module are functions (variant, **settings) -> (run,
description): `run(steps)` returns when the steps are done, and the description says what was built. A job that cannot
run here raises `Absent` or ImportError.

    training   one step: new noise, forward, backward, optimiser
    dense      one training step of a dense network: masking noise, forward, backward, optimiser
    inference  one step: restoring a batch of noisy images, NumPy array in, NumPy array out
    layer      one step: one layer forward, one of its gradients, or all of these; settings as in `LayerSettings`
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Job = tuple[Callable[[int], None], dict[str, Any]]

# Standard deviation of the Gaussian noise, for images in [0, 1].
NOISE = 0.4
LEARNING_RATE = 1e-3
# Dense networks: nodes per hidden layer, share of input pixels set to 0, dropout rate of hidden nodes.
DENSE = (1000, 1000, 1000)
MASKING, DROPOUT = 0.25, 0.5


class Absent(Exception):
    """A peer cannot do a job here. The message gives the reason."""


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
    """

    kind: str
    pass_: str
    batch: int
    size: int
    channels: int
    features: int
    kernel: int
    stride: int

    @property
    def output_size(self) -> int:
        """Height and width of the output in pixels."""
        return self.stride * self.size
