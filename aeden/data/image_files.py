"""Image files: decoding any of them to pixels, and reading those of a folder or archive one by one.

This is the one place where training, `aeden denoise` and the demo read images. The rules of reading are in
docs/guide.md, "How images are read".
"""

from __future__ import annotations

import dataclasses
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from aeden.data.image_limits import LIMITS, ImageError, Limits
from aeden.data.image_members import SUFFIXES, iterate_files, read_members, skipped_note

__all__ = [
    "LIMITS",
    "SUFFIXES",
    "DecodedImage",
    "ImageError",
    "Limits",
    "decode",
    "decode_image",
    "iterate_files",
    "read_members",
    "skipped_note",
]


@dataclasses.dataclass(frozen=True, eq=False)
class DecodedImage:
    """An image as its file states it, upright, with its values unchanged.

    Attributes:
      pixels: uint8, uint16 or float32 [h, w, c], c = 1 (gray) or 3 (RGB).
      alpha: opacity, of the same type [h, w]; None if the image is opaque.
      black, white: the values of `pixels` that stand for 0 and 1: (0, 255), (0, 65535), or the range of a float image.
      frames: number of frames or pages of the file.
      format: Pillow's name of the format, e.g. "PNG".
      mode: Pillow's mode as stored, e.g. "P", "CMYK", "I;16".
      info: what writing the image back needs: icc_profile (bytes), exif (bytes, without orientation), dpi, comment.
      notes: what a user should know about how the image was read, e.g. "1 of 12 frames was read".
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    black: float
    white: float
    frames: int
    format: str
    mode: str
    info: Mapping[str, Any]
    notes: tuple[str, ...]

    def unit(self) -> np.ndarray:
        """The pixels scaled to [0, 1]: float32 [h, w, c]."""
        scaled = (self.pixels.astype(np.float32) - np.float32(self.black)) / np.float32(self.white - self.black)
        return np.clip(scaled, 0, 1)

    def uint8(self) -> np.ndarray:
        """The pixels scaled to 0 to 255 and rounded: uint8 [h, w, c]."""
        if self.pixels.dtype == np.uint8 and (self.black, self.white) == (0, 255):
            return self.pixels
        return np.rint(self.unit() * 255).astype(np.uint8)


def decode_image(
    content: bytes | Path, *, frame: int = 0, value_range: tuple[float, float] | None = None, limits: Limits = LIMITS
) -> DecodedImage:
    """Decodes an image file.

    Args:
      content: the content of the file, or its path.
      frame: which frame or page to read, from 0.
      value_range: the values that stand for black and white; None for the rule of the guide.
      limits: what is refused as too large.

    Raises:
      ImageError: the file is not an image, is damaged or too large, or its range of values is unknown.
      OSError: the path cannot be read.
    """
    file = io.BytesIO(content if isinstance(content, bytes) else content.read_bytes())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                frames = getattr(image, "n_frames", 1)
                if image.width * image.height > limits.pixels:
                    raise ImageError(f"{image.width} x {image.height} pixels are too many: scale the image down")
                if frames > 1 or frame:
                    image.seek(frame)
                image.load()
                name, mode, info = image.format or "", image.mode, dict(image.info)
                image = ImageOps.exif_transpose(image)
                pixels, alpha, white = _samples(image)
    except ImageError:
        raise
    except Exception as error:  # Pillow raises many types of exceptions for damaged files.
        raise ImageError(f"not a readable image ({error}): copy it again, or leave it out") from error
    notes = (f"{1} of {frames} frames was read",) if frames > 1 else ()
    black, white = value_range or (0.0, white)
    kept = {key: info[key] for key in ("icc_profile", "dpi", "comment") if key in info}
    return DecodedImage(pixels, alpha, black, white, frames, name, mode, kept, notes)


def _samples(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None, float]:
    """The pixels [h, w, c], the opacity [h, w] or None, and the value of white."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)[..., None], None, 65535.0
    if image.mode == "I":
        return np.asarray(image).astype(np.float32)[..., None], None, 65535.0
    if image.mode == "F":
        return np.asarray(image)[..., None], None, 1.0
    gray = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        samples = np.asarray(image.convert("LA" if gray else "RGBA"))
        return np.ascontiguousarray(samples[..., :-1]), samples[..., -1].copy(), 255.0
    samples = np.asarray(image.convert("L" if gray else "RGB"))
    return samples[..., None] if gray else samples, None, 255.0


def decode(content: bytes) -> np.ndarray | None:
    """The pixels of an image file as uint8 [h, w, c], c = 1 (gray) or 3 (RGB); None if the file is unreadable."""
    try:
        return decode_image(content).uint8()
    except ImageError:
        return None
