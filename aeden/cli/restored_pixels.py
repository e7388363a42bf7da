"""The pixels of one image, restored or enlarged by a trained model."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from aeden.cli.chosen_model import Chosen
from aeden.cli.image_arguments import Options
from aeden.cli.messages import Messages
from aeden.data.image_files import DecodedImage, ImageError
from aeden.inference.noise_level import NoiseEstimate
from aeden.inference.restorer import Restorer
from aeden.inference.tiles import Grid, calls, plan_tiles, restored_rows

# So many sizes of tiles are compiled for images of these sizes alone; images of further sizes share a few.
OWN_SIZES = 4


@dataclasses.dataclass
class PixelRestorer:
    """Restores the pixels of images.

    Attributes:
      choose: image -> the model, and what of the image it restores.
      scale: how many times larger the results of all models are.
      options: the options of the command.
      messages: what is printed.
      sizes: the models, and sizes of tiles that were chosen for images of these sizes.
    """

    choose: Callable[[DecodedImage], Chosen]
    scale: int
    options: Options
    messages: Messages
    sizes: set[tuple[str, tuple[int, int]]] = dataclasses.field(default_factory=set)

    def restore(self, name: str, decoded: DecodedImage, chosen: Chosen) -> np.ndarray:
        """The restored pixels [scale*h, scale*w, c], of the type of the image's.

        Args:
          name: of the image, for messages.
          decoded: the image.
          chosen: the model for it.

        Raises:
          ValueError: it cannot be restored.
          ArithmeticError: the model returns values that are not finite.
        """
        black, span = np.float32(decoded.black), np.float32(decoded.white - decoded.black)
        pixels, restorer = chosen.pixels, chosen.restorer
        height, width, channels = pixels.shape
        grid = self._plan(restorer, (height, width))
        result = np.empty((height * self.scale, width * self.scale, channels), pixels.dtype)

        def read(rows: slice, columns: slice) -> np.ndarray:
            return np.clip((pixels[rows, columns].astype(np.float32) - black) / span, 0, 1)

        with self.messages.tiles(name, len(grid) * calls(restorer, channels)) as progress:
            level = self._level(restorer, chosen.estimate)
            for start, rows in restored_rows(restorer, read, (height, width, channels), grid, level, progress):
                place = slice(start, start + len(rows))
                if self.options.strength < 1:
                    given = read(place, slice(None))
                    rows = given + np.float32(self.options.strength) * (rows - given)
                # The weights of tiles that are blended may add up to a little more than 1.
                result[place] = _as_type(rows.clip(0, 1) * span + black, pixels.dtype)
        return result

    def _plan(self, restorer: Restorer, shape: tuple[int, int]) -> Grid:
        """The tiles of an image: of its own size if others had that, or if few sizes were compiled so far."""
        plan = functools.partial(plan_tiles, restorer, shape, self.options.tile, self.options.overlap)
        grid = plan()
        size = (restorer.name, grid.tile)
        if size not in self.sizes and len(self.sizes) >= OWN_SIZES:
            return plan(common=True)
        self.sizes.add(size)
        return grid

    def _level(self, restorer: Restorer, estimate: NoiseEstimate | None) -> float | None:
        """The noise level for a network that takes one: the one that was given, or else the estimate."""
        if not restorer.takes_level or self.options.level is not None:
            return self.options.level
        if estimate is None:
            raise ImageError("it is too small for an estimate of its noise: give --level")
        if (kind := restorer.noise["kind"]) != "gaussian":
            raise ImageError(f"the run was trained on {kind} noise, whose level cannot be estimated: give --level")
        return estimate.level


def describe(chosen: Chosen) -> str:
    """One line about an image that was restored or enlarged: its size, colours, and noise."""
    height, width = chosen.pixels.shape[:2]
    scale = chosen.restorer.scale
    if scale > 1:
        return f"{width} x {height} to {scale * width} x {scale * height}, {chosen.kind}"
    level = None if chosen.estimate is None else chosen.estimate.level
    noise = (
        "too small for an estimate of its noise"
        if level is None
        else f"noise about {level:.3f} ({255 * level:.0f} of 255)"
    )
    return f"{width} x {height}, {chosen.kind}, {noise}"


def bicubic(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Bicubic enlargement, by Pillow in floats: for opacity, and as what an enlarged image is compared with.

    Args:
      pixels: uint8, uint16, or float32 in [0, 1], [h, w] or [h, w, c].
      scale: how many times larger; 1 returns the pixels.

    Returns:
      The same type, [scale*h, scale*w] or [scale*h, scale*w, c].
    """
    if scale == 1:
        return pixels
    if pixels.ndim == 3:
        return np.stack([bicubic(pixels[..., i], scale) for i in range(pixels.shape[2])], axis=-1)
    height, width = pixels.shape
    size = width * scale, height * scale
    image = Image.fromarray(pixels.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    found = np.asarray(image)
    return _as_type(np.clip(found, 0, 1) if pixels.dtype.kind == "f" else found, pixels.dtype)


def with_visible_colours(decoded: DecodedImage) -> DecodedImage:
    """An image whose pixels that are transparent have the colours of the nearest ones that are not."""
    if decoded.alpha is None:
        return decoded
    hidden = decoded.alpha == 0
    if not hidden.any() or hidden.all():
        return decoded
    rows, columns = ndimage.distance_transform_edt(hidden, return_distances=False, return_indices=True)
    return dataclasses.replace(decoded, pixels=decoded.pixels[rows, columns])


def _as_type(values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Values as whole numbers, rounded and limited to what the type holds; floats as they are."""
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    return np.rint(np.clip(values, 0, np.iinfo(dtype).max)).astype(dtype)
