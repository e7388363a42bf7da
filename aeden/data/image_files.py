"""Image files: decoding any of them to pixels, and reading those of a folder or archive one by one.

This is the one place where training, `aeden denoise` and the demo read images. The rules of reading are in
docs/guide.md, "How images are read".
"""

from __future__ import annotations

import dataclasses
import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from aeden.data import image_tiff
from aeden.data.image_info import ORIENTATION, image_info, tiff_info
from aeden.data.image_limits import LIMITS, SMALLER, ImageError, Limits
from aeden.data.image_members import SUFFIXES, iterate_files, read_file, skipped_notes
from aeden.data.image_modes import read_samples
from aeden.data.image_samples import Number, Range, Samples

__all__ = [
    "LIMITS",
    "SUFFIXES",
    "DecodedImage",
    "ImageError",
    "Limits",
    "decode_image",
    "iterate_files",
    "skipped_notes",
]

# What Pillow may read, whatever the suffix says. Others start a program (EPS), or are reduced to 8 bits without a word.
FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "TIFF", "WEBP", "AVIF", "PPM")
NO_IMAGE = (
    "neither a PNG, JPEG, GIF, BMP, TIFF, WebP or AVIF nor a PGM or PPM image, whatever its name: convert or remove it"
)
# Orientation of EXIF -> how often to turn by 90 degrees counterclockwise after mirroring left to right, if at all.
ORIENTATIONS = {2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 1), 6: (False, 3), 7: (True, 3), 8: (False, 1)}


@dataclasses.dataclass(frozen=True, eq=False)
class DecodedImage:
    """An image as its file states it: upright, with all bits of its values.

    Attributes:
      pixels: uint8, uint16 or float32 [h, w, c], c = 1 (gray) or 3 (RGB).
      alpha: opacity [h, w] of the same type, from 0 to 255, 65535 or 1; None if the image is opaque.
      black, white: the values of `pixels` that stand for 0 and 1: (0, 255) for uint8 and (0, 65535) for uint16 unless a
        range was given, else the range of the file.
      frames: number of frames or pages of the file.
      format: Pillow's name of the format, e.g. "PNG".
      mode: Pillow's mode as stored, e.g. "P", "CMYK", "I;16"; of TIFF files that Pillow cannot open the type of the
        samples, e.g. "float32 x 3".
      info: what writing the image back needs, each if the file has it: icc_profile (bytes, that of `pixels`), exif and
        xmp (bytes, without orientation), dpi, comment, text.
      notes: what a user should know about how the image was read, e.g. "1 of 12 frames was read".
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    black: Number
    white: Number
    frames: int
    format: str
    mode: str
    info: Mapping[str, Any]
    notes: tuple[str, ...]

    def unit(self) -> np.ndarray:
        """The pixels scaled to [0, 1]: float32 [h, w, c]. Values outside of a given range are clipped."""
        scaled = self.pixels.astype(np.float32)
        if self.black:
            scaled -= np.float32(self.black)
        scaled /= np.float32(self.white - self.black)
        return np.clip(scaled, 0, 1, out=scaled)

    def uint8(self) -> np.ndarray:
        """The pixels scaled to 0 to 255 and rounded: uint8 [h, w, c]."""
        if self.pixels.dtype == np.uint8 and (self.black, self.white) == (0, 255):
            return self.pixels
        scaled = self.unit()
        scaled *= 255
        return np.rint(scaled, out=scaled).astype(np.uint8)

    def opaque(self) -> DecodedImage:
        """The image without its alpha, for training.

        The colours stay as they are, also where they are transparent. But an image that is drawn in its alpha, with all
        pixels of one colour, is put on white, or on black if its colour is bright.
        """
        if self.alpha is None or not self.pixels.size or (self.pixels != self.pixels[0, 0]).any():
            return dataclasses.replace(self, alpha=None)
        colour = (self.pixels[0, 0].astype(np.float64) - self.black) / (self.white - self.black)
        ground, name = (self.white, "white") if colour.mean() < 0.5 else (self.black, "black")
        full = {"uint8": 255.0, "uint16": 65535.0}.get(self.pixels.dtype.name, 1.0)
        opacity = (self.alpha / np.float32(full))[..., None]
        pixels = opacity * self.pixels + (1 - opacity) * np.float32(ground)
        if self.pixels.dtype.kind == "u":
            pixels = np.rint(pixels)
        notes = (*self.notes, f"it is drawn in its alpha channel, and was put on {name}")
        return dataclasses.replace(self, pixels=pixels.astype(self.pixels.dtype), alpha=None, notes=notes)


def decode_image(
    content: bytes | Path, *, frame: int = 0, value_range: Range | None = None, limits: Limits = LIMITS
) -> DecodedImage:
    """Decodes an image file.

    Args:
      content: the content of the file, or its path.
      frame: which frame or page to read, from 0.
      value_range: the values of black and white in the units of the file; None for the rules of the guide.
      limits: what is refused as too large.

    Raises:
      ImageError: the file cannot be read, is no image, is damaged or too large, has no such frame, or the range of its
        values is unknown.
      ValueError: black and white of `value_range` are equal, not finite, or not told apart by float32.
    """
    if value_range is not None and not (np.isfinite(value_range).all() and value_range[0] != value_range[1]):
        raise ValueError(f"value_range {value_range}: name two different numbers, the values of black and white")
    if value_range is not None and not _resolved(*value_range):
        raise ValueError(f"value_range {value_range}: black and white are too near to each other, or too large")
    if isinstance(content, Path):
        content = read_file(content, limits)
    if not content:
        raise ImageError("empty file: copy it again")
    try:
        # Pillow warns of odd metadata, and of large images, which are refused below.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(content, frame, value_range, limits)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels: {SMALLER}") from error
    except MemoryError as error:
        raise ImageError(f"needs more memory than there is: {SMALLER}") from error
    except Exception as error:  # Pillow and tifffile raise many types of exceptions for damaged files.
        raise ImageError(f"damaged image ({_one_line(error)}): copy it again") from error


def _resolved(black: Number, white: Number) -> bool:
    """Whether float32, in which images are scaled, tells black and white apart, and holds what is between them."""
    with np.errstate(over="ignore"):
        low, high, scale = np.float32(black), np.float32(white), np.float32(white - black)
    return bool(low != high and np.isfinite([low, high, scale]).all() and abs(scale) >= np.finfo(np.float32).tiny)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _decode(content: bytes, frame: int, value_range: Range | None, limits: Limits) -> DecodedImage:
    def reopen() -> ImageFile.ImageFile:
        formats = [name for name in FORMATS if name in Image.OPEN]
        image = Image.open(io.BytesIO(content), formats=formats)
        if frame:
            try:
                # Not by their number: to count them, Pillow must be able to open all that come before.
                image.seek(frame)
            except EOFError as error:
                # The failed attempt may have counted as a frame.
                frames = getattr(Image.open(io.BytesIO(content), formats=formats), "n_frames", 1)
                raise ImageError(f"has no frame {frame}: its {frames} frames count from 0") from error
        return image

    Image.init()
    try:
        image = reopen()
    except (OSError, SyntaxError, ValueError) as error:
        if not isinstance(error, ImageError) and content.startswith(image_tiff.PREFIXES):
            return _only_tifffile(content, frame, value_range, limits)
        if isinstance(error, UnidentifiedImageError):
            raise ImageError(NO_IMAGE) from error
        raise
    with image:
        limits.check_pixels(image.width, image.height)
        name, mode, animated = image.format or "", image.mode, getattr(image, "is_animated", False)
        stated = getattr(image, "tag_v2", {}).get(ORIENTATION, 1)
        if image_tiff.is_deep(image):
            samples, orientation = image_tiff.read_deep(content, frame, value_range, limits, reopen)
        else:
            samples = read_samples(image, content, reopen, value_range)
            # Once loaded: PNG may have it after the pixels, and Pillow itself turns TIFF.
            orientation = int(image.getexif().get(ORIENTATION, 1))
        info = image_info(image, int(stated) if name == "TIFF" else orientation)
    if mode in ("CMYK", "LAB"):
        info.pop("icc_profile", None)  # The pixels are sRGB now.
    frames, notes = _count_frames(reopen, content) if animated else (1, ())
    return _upright(samples, orientation, (frames, name, mode, info, notes))


def _only_tifffile(content: bytes, frame: int, value_range: Range | None, limits: Limits) -> DecodedImage:
    """Decodes a TIFF file of a kind that Pillow does not know, e.g. with colours as floating-point numbers."""
    samples, orientation = image_tiff.read_deep(content, frame, value_range, limits, None)
    offsets = image_tiff.page_offsets(content)
    mode = f"{samples.pixels.dtype} x {samples.pixels.shape[-1]}"
    info = tiff_info(content, offsets[frame], orientation)
    return _upright(samples, orientation, (len(offsets), "TIFF", mode, info, _frames_note(len(offsets))))


def _upright(
    samples: Samples, orientation: int, rest: tuple[int, str, str, dict[str, Any], tuple[str, ...]]
) -> DecodedImage:
    """The decoded image, turned upright, without an alpha channel that is opaque everywhere."""
    frames, name, mode, info, notes = rest
    pixels, alpha = samples.pixels, samples.alpha
    if alpha is not None:
        full = {"uint8": 255, "uint16": 65535}.get(alpha.dtype.name, 1)
        alpha = None if (alpha == full).all() else _turned(alpha, orientation)
    turned = _turned(pixels, orientation)
    return DecodedImage(turned, alpha, samples.black, samples.white, frames, name, mode, info, (*notes, *samples.notes))


def _turned(array: np.ndarray, orientation: int) -> np.ndarray:
    mirror, turns = ORIENTATIONS.get(orientation, (False, 0))
    return np.ascontiguousarray(np.rot90(array[:, ::-1] if mirror else array, turns))


def _frames_note(frames: int) -> tuple[str, ...]:
    return (f"1 of {frames} frames was read",) if frames > 1 else ()


def _count_frames(reopen: Callable[[], ImageFile.ImageFile], content: bytes) -> tuple[int, tuple[str, ...]]:
    """The number of frames, and a note if there are several or if later ones are damaged."""
    try:
        with reopen() as image:
            frames = int(getattr(image, "n_frames", 1))
    except Exception:  # Pillow raises many types.
        if content.startswith(image_tiff.PREFIXES):  # A later page may be of a kind that only tifffile knows.
            frames = len(image_tiff.page_offsets(content))
            return frames, _frames_note(frames)
        return 1, ("the frames after this one are damaged, and were not counted",)
    return frames, _frames_note(frames)
