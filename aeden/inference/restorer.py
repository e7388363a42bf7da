"""A trained model as everything that restores images sees it, wherever it was loaded from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Restorer:
    """A trained model, ready to restore images.

    Attributes:
      name: what it was loaded from.
      channels: of its images.
      stride: its total stride in pixels.
      radius: an output pixel depends on input pixels up to so far away, on each side.
      noise: the `noise` section of the config it was trained with: kind, level, level_max, clip.
      size: height and width of its images, if it takes one size only (dense networks); None for any.
      takes_level: whether it is told the noise level.
      padding: how the network itself continues an image whose height or width is no multiple of the stride, as a mode
        of `numpy.pad`.
      compute: (images, level) -> restored images; for `__call__`.
      parameters: how many it has; None if unknown.
      seed: of its training; None if unknown.
      scale: how many times larger its results are than its images, along each axis.
      antialias: if they are larger, how the images that it was trained on were made smaller, see
        `aeden.transforms.downsampling`.
    """

    name: str
    channels: int
    stride: int
    radius: int
    noise: dict[str, Any]
    size: tuple[int, int] | None
    takes_level: bool
    padding: str
    compute: Callable[[np.ndarray, float | None], np.ndarray]
    parameters: int | None = None
    seed: int | None = None
    scale: int = 1
    antialias: bool = True

    def __call__(self, images: np.ndarray, level: float | None = None) -> np.ndarray:
        """Restores images.

        Args:
          images: float32 [n, h, w, channels] in [0, 1].
          level: the noise level, in the unit of `noise`; only for a network that `takes_level`.

        Returns:
          float32 [n, scale*h, scale*w, channels].

        Raises:
          ValueError: a level is missing, or is given to a network that takes none.
        """
        if self.takes_level and level is None:
            raise ValueError(f"{self.name} needs to know the noise level: give one")
        if level is not None and not self.takes_level:
            raise ValueError(f"{self.name} takes no noise level: it restores all levels alike")
        return self.compute(images, level)
