"""Restoring an image of any size in tiles, so that the memory does not grow with the image.

A pixel of the output depends on input pixels up to `radius` away. Where neighbouring tiles share at least twice as
many pixels, each output pixel is taken from a tile that contains all of these, and the result is that of the whole
image. Tiles begin at multiples of the network's stride, so that its pooling windows are those of the whole image, and
end where the whole image ends, so that its edges are treated alike. All tiles of an image have one size: the network is
compiled once.

Places are in pixels of the image. A network of super-resolution returns `scale` times as many along each axis.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator

import numpy as np

from aeden.inference.restorer import Restorer

# (rows, columns) -> pixels [h, w, c] in [0, 1], float32
Read = Callable[[slice, slice], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Span:
    """The place of a tile on one axis, in pixels.

    Attributes:
      origin: where the tile begins.
      start, stop: the part of the image that is taken from it.
      tile: its length.
      weights: its weight at each pixel of this part, float32 [stop - start]; those of all tiles add up to 1.
    """

    origin: int
    start: int
    stop: int
    tile: int
    weights: np.ndarray

    def read(self, length: int) -> slice:
        """The pixels of the tile that an image of this length has."""
        return slice(self.origin, min(self.origin + self.tile, length))

    @property
    def inside(self) -> slice:
        """The part that is taken, in pixels of the tile."""
        return slice(self.start - self.origin, self.stop - self.origin)


@dataclasses.dataclass(frozen=True)
class Grid:
    """The tiles of an image.

    Attributes:
      tile: their height and width.
      rows, columns: their places on each axis.
    """

    tile: tuple[int, int]
    rows: list[Span]
    columns: list[Span]

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)


def plan_tiles(
    restorer: Restorer, shape: tuple[int, int], tile: int, overlap: int | None = None, common: bool = False
) -> Grid:
    """The tiles of an image.

    Args:
      restorer: the network.
      shape: height and width of the image.
      tile: largest height and width of a tile in pixels; it is rounded down to a multiple of the stride.
      overlap: pixels that neighbouring tiles share at least; None for twice the radius, which is exact. With fewer, the
        tiles are blended.
      common: whether an image that is smaller than a tile is cut into tiles of a few sizes too, where they are not too
        small. Networks are compiled for each size: with many sizes of images this saves more time than it costs.

    Raises:
      ValueError: the tiles are too small, the overlap is negative, or the network takes images of another size only.
    """
    if overlap is not None and overlap < 0:
        raise ValueError(f"an overlap of {overlap} pixels is negative: use 0 or more")
    if restorer.size is not None:
        if shape != restorer.size:
            size, given = (f"{width} x {height}" for height, width in (restorer.size, shape))
            raise ValueError(
                f"a dense network restores images of {size} pixels only, and this one has {given}: take a run with "
                "model.architecture=conv"
            )
        tile, common = max(tile, *shape), False
    stride = restorer.stride
    least = 2 * restorer.radius if overlap is None else overlap
    ramp = 0 if least >= 2 * restorer.radius else least
    most = max(tile // stride * stride, stride)
    padded = [-(-length // stride) * stride for length in shape]
    if most - least < stride and max(padded) > most:
        remedy = "" if overlap is not None else ", or a smaller overlap, which is blended"
        raise ValueError(
            f"tiles of {tile} pixels are too small to share {least} with their neighbours: use "
            f"{least + stride + -least % stride} pixels or more{remedy}"
        )
    sides = [_side(whole, most, least, stride) if common else min(whole, most) for whole in padded]
    steps = [(side - least) // stride * stride for side in sides]
    rows, columns = (_spans(*axis, ramp) for axis in zip(shape, padded, sides, steps, strict=True))
    return Grid((sides[0], sides[1]), rows, columns)


def _side(padded: int, most: int, least: int, stride: int) -> int:
    """The largest of a few lengths of a tile that is not longer than the image; the image's own if that is too short.

    A tile is too short if a quarter of it or less is gained with each one.
    """
    lengths = [most * eighths // 8 // stride * stride for eighths in (8, 6, 4, 3, 2)]
    return next((one for one in lengths if one <= padded and 3 * one >= 4 * least + 4 * stride), min(padded, most))


def _spans(length: int, padded: int, tile: int, step: int, ramp: int) -> list[Span]:
    """The tiles along one axis.

    Args:
      length: pixels of the image.
      padded: the same, rounded up to the stride.
      tile: pixels of a tile.
      step: from one tile to the next.
      ramp: pixels over which a tile's weight rises from its edge on; 0 to take each pixel from one tile, the one whose
        edges are furthest away.
    """
    origins = [*range(0, padded - tile, step), padded - tile] if padded > tile else [0]
    if not ramp:
        middles = [(first + tile + second) // 2 for first, second in itertools.pairwise(origins)]
        borders = [0, *middles, length]
        return [
            Span(origin, borders[i], borders[i + 1], tile, np.ones(borders[i + 1] - borders[i], np.float32))
            for i, origin in enumerate(origins)
        ]
    position = np.arange(tile) + 0.5
    weights = np.zeros((len(origins), padded), np.float32)
    for i, origin in enumerate(origins):
        rising = position if i else np.full(tile, np.inf)
        falling = tile - position if i + 1 < len(origins) else np.full(tile, np.inf)
        weights[i, origin : origin + tile] = np.minimum(np.minimum(rising, falling) / ramp, 1.0)
    weights /= weights.sum(axis=0, keepdims=True)
    stops = [min(origin + tile, length) for origin in origins]
    return [
        Span(origin, origin, stop, tile, weights[i, origin:stop])
        for i, (origin, stop) in enumerate(zip(origins, stops, strict=True))
    ]


def restored_rows(
    restorer: Restorer,
    read: Read,
    shape: tuple[int, int, int],
    grid: Grid,
    level: float | None = None,
    progress: Callable[[], object] | None = None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Restores an image and returns it from top to bottom, some rows at a time.

    Args:
      restorer: the network. A gray one restores each channel of a colour image by itself; one for colour gets a gray
        image in all its channels, and their mean is the result.
      read: gives parts of the image.
      shape: height, width and channels of the image.
      grid: of `plan_tiles`.
      level: noise level, for networks that take one.
      progress: called after each tile and channel.

    Returns:
      (number of the first row, rows [n, scale*w, c]), in pixels of the result, of `restorer.scale` times the size.

    Raises:
      ArithmeticError: the network returns values that are not finite.
    """
    height, width, channels = shape
    scale = restorer.scale
    done, carry = 0, np.zeros((0, scale * width, channels), np.float32)
    for i, row in enumerate(grid.rows):
        band = np.zeros((scale * (row.stop - done), scale * width, channels), np.float32)
        band[: len(carry)] = carry
        for column in grid.columns:
            tile = _pad(read(row.read(height), column.read(width)), grid.tile, restorer.padding)
            inside = _scaled(row.inside, scale), _scaled(column.inside, scale)
            restored = _restore_channels(restorer, tile, level, progress)[inside]
            weights = row.weights[:, None, None] * column.weights[None, :, None]
            place = slice(scale * (row.start - done), None), slice(scale * column.start, scale * column.stop)
            band[place] += weights.repeat(scale, 0).repeat(scale, 1) * restored
        final = grid.rows[i + 1].start if i + 1 < len(grid.rows) else height
        yield scale * done, band[: scale * (final - done)]
        done, carry = final, band[scale * (final - done) :]


def _scaled(pixels: slice, scale: int) -> slice:
    """The same part of an image that is so many times larger."""
    return slice(pixels.start * scale, pixels.stop * scale)


def restore_tiled(
    restorer: Restorer,
    image: np.ndarray,
    tile: int = 512,
    overlap: int | None = None,
    level: float | None = None,
    progress: Callable[[], object] | None = None,
) -> np.ndarray:
    """A restored image in one array, see `restored_rows`.

    Args:
      restorer, level, progress: see `restored_rows`.
      image: float32 [h, w, c] in [0, 1].
      tile, overlap: see `plan_tiles`.

    Returns:
      float32 [scale*h, scale*w, c].

    Raises:
      ValueError, ArithmeticError: see `plan_tiles` and `restored_rows`.
    """
    height, width, channels = image.shape
    grid = plan_tiles(restorer, (height, width), tile, overlap)
    restored = np.empty((restorer.scale * height, restorer.scale * width, channels), np.float32)

    def read(rows: slice, columns: slice) -> np.ndarray:
        return image[rows, columns]

    for start, rows in restored_rows(restorer, read, (height, width, channels), grid, level, progress):
        restored[start : start + len(rows)] = rows
    return restored


def calls(restorer: Restorer, channels: int) -> int:
    """How often `restored_rows` calls the network for each tile."""
    return channels if restorer.channels == 1 else 1


def _pad(pixels: np.ndarray, tile: tuple[int, int], mode: str) -> np.ndarray:
    """Continues the last tiles of an image at the bottom and right, as the network itself does."""
    missing = [(0, side - length) for side, length in zip(tile, pixels.shape[:2], strict=True)]
    return np.pad(pixels, [*missing, (0, 0)], mode=mode) if any(after for _, after in missing) else pixels  # type: ignore[call-overload]


def _restore_channels(
    restorer: Restorer, pixels: np.ndarray, level: float | None, progress: Callable[[], object] | None
) -> np.ndarray:
    """A restored tile, by a network whose images may have another number of channels."""
    channels = pixels.shape[2]
    parts = [pixels[:, :, i : i + 1] for i in range(channels)] if restorer.channels == 1 else [pixels]
    restored = []
    for part in parts:
        given = np.repeat(part, restorer.channels, axis=2) if part.shape[2] == 1 < restorer.channels else part
        images = restorer(np.ascontiguousarray(given[None], np.float32), level)
        if not np.isfinite(images).all():
            raise ArithmeticError("the network returns values that are not finite for it: take another run")
        restored.append(images[0].mean(axis=2, keepdims=True) if given is not part else images[0])
        if progress is not None:
            progress()
    return np.concatenate(restored, axis=2) if len(restored) > 1 else restored[0]
