"""Which values of an image stand for black and white: the rules for integers and for floating-point numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aeden.data.image_limits import ImageError

Number = float | int
Range = tuple[Number, Number]


class Samples(NamedTuple):
    """The decoded samples of an image.

    Attributes:
      pixels: uint8, uint16 or float32 [h, w, c], c = 1 (gray) or 3 (RGB).
      alpha: opacity [h, w] of the same type, from 0 to 255, 65535 or 1; None if there is none.
      black, white: the values of `pixels` that stand for 0 and 1.
      notes: what a user should know.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    black: Number
    white: Number
    notes: tuple[str, ...] = ()


def from_integers(values: np.ndarray, alpha: np.ndarray | None, bits: int, value_range: Range | None = None) -> Samples:
    """Samples of an integer image: black is 0 and white the largest number of its bit depth, unless a range is given.

    Up to 8 bits stay uint8, up to 16 bits become uint16 with white at 65535, and more, or signed ones, float32.

    Args:
      values: integers [h, w, c].
      alpha: integers [h, w] of the same type, or None.
      bits: bits per sample that the file states.
      value_range: the values of black and white, in the units of the file; the values then stay as they are.

    Raises:
      ImageError: there are negative values and no range.
    """
    signed = values.dtype.kind == "i"
    top = 2 ** (bits - signed) - 1
    if signed and value_range is None and values.size and int(values.min()) < 0:
        raise ImageError(
            f"signed integers from {values.min()} to {values.max()}: name the values of black and white as "
            "value_range, or save unsigned integers"
        )
    if not signed and bits <= 8:
        pixels, alpha = _full(values, top, 255, value_range), None if alpha is None else _full(alpha, top, 255, None)
        black, white = value_range or (0.0, 255.0)
    elif not signed and bits <= 16:
        pixels, alpha = (
            _full(values, top, 65535, value_range),
            None if alpha is None else _full(alpha, top, 65535, None),
        )
        black, white = value_range or (0.0, 65535.0)
    else:
        pixels = values.astype(np.float32)
        alpha = None if alpha is None else np.clip(alpha.astype(np.float32) / np.float32(top), 0, 1)
        black, white = value_range or (0.0, float(top))
    notes = _outside(pixels, black, white) if value_range else _much_too_dark(values, top, bits)
    return Samples(pixels, alpha, black, white, notes)


def from_floats(
    values: np.ndarray, alpha: np.ndarray | None, stated: Range | None, value_range: Range | None = None
) -> Samples:
    """Samples of a floating-point image: float32, in the units of the file.

    Args:
      values: [h, w, c].
      alpha: [h, w] in [0, 1], or None.
      stated: the values of black and white that the file states, or None.
      value_range: those that the user gives, which count more. Without either, all values must lie in [0, 1].

    Raises:
      ImageError: there are values that are not finite, or the range is unknown.
    """
    if not np.isfinite(values).all():
        raise ImageError("contains NaN or infinite values: replace them by numbers")
    if values.dtype.itemsize > 4 and values.size and float(np.abs(values).max()) > np.finfo(np.float32).max:
        raise ImageError("contains values above 3e38, more than float32 holds: scale them down")
    lowest, highest = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if value_range is None and stated is not None and stated[0] < stated[1]:
        value_range = stated
    if value_range is None and (lowest < 0 or highest > 1):
        raise ImageError(
            f"floating-point values from {lowest:g} to {highest:g}, and the file does not state which are black and "
            "white: give them as value_range, write them into the file (SMinSampleValue and SMaxSampleValue), or scale "
            "the values to [0, 1]"
        )
    black, white = value_range or (0.0, 1.0)
    alpha = None if alpha is None else np.clip(alpha.astype(np.float32), 0, 1)
    pixels = np.ascontiguousarray(values, np.float32)
    return Samples(pixels, alpha, black, white, _outside(pixels, black, white))


def _full(values: np.ndarray, top: int, white: int, value_range: Range | None) -> np.ndarray:
    """Integers from 0 to `top` scaled to 0 to `white` (255 or 65535) and rounded; as they are if a range is given."""
    kind = np.uint8 if white == 255 else np.uint16
    if value_range is not None or top == white:
        return np.ascontiguousarray(values, kind)
    return ((np.minimum(values, top).astype(np.uint32) * white + top // 2) // top).astype(kind)


def _much_too_dark(values: np.ndarray, top: int, bits: int) -> tuple[str, ...]:
    """A note if the image uses less than a sixteenth of a large range: it may hold numbers of fewer bits."""
    highest = int(values.max()) if values.size and bits > 8 else 0
    if not 0 < highest <= top // 16:
        return ()
    return (f"the brightest value is {highest} of {top}: if the image looks too dark, give its values as value_range",)


def _outside(pixels: np.ndarray, black: Number, white: Number) -> tuple[str, ...]:
    """A note if values lie outside of the range: they are clipped in whatever is computed from the image."""
    low, high = min(black, white), max(black, white)
    if not pixels.size or (pixels.min() >= low and pixels.max() <= high):
        return ()
    share = float(np.mean((pixels < low) | (pixels > high)))
    return (f"{share:.2%} of the values lie outside of the range from {low:g} to {high:g}, and are clipped to it",)
