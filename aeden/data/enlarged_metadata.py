"""What is written with an image that was enlarged: its new size, and the resolution that prints it as large as before.

EXIF 2.32 and XMP state both. Values that are no numbers are left out.
"""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

from PIL import Image, TiffImagePlugin

from aeden.data.image_metadata import EXIF_FOLDERS, Metadata

# Tags of EXIF, width before height: the size, in its main folder and its own; pixels per unit, of print and sensor.
SIZE, RESOLUTION, UNIT, INCH = (256, 257), (282, 283), 296, 2
EXIF_SIZE, SENSOR_RESOLUTION = (0xA002, 0xA003), (0xA20E, 0xA20F)
DESCRIPTION = 270
# Beginnings of descriptions by which programs find the pixels again: tifffile, OME-TIFF, ImageJ.
STATES_SIZE = re.compile(r'\s*(\{"shape"|<\?xml[^>]*>\s*(<!--.*?-->\s*)?<OME\b|<OME\b|ImageJ=)', re.DOTALL)
_XMP = rb"(?:exif:Pixel[XY]Dimension|tiff:Image(?:Width|Length)|tiff:[XY]Resolution)"
# As attributes and as elements.
XMP_SIZES = re.compile(rb"\s*" + _XMP + rb"""=("[^"]*"|'[^']*')|<(""" + _XMP + rb")>[^<]*</\2>")
# The largest part of a rational number in a TIFF.
LARGEST = 2**32 - 1


def enlarged_metadata(metadata: Metadata, factor: int, size: tuple[int, int]) -> Metadata:
    """The metadata of an image that was enlarged.

    Args:
      metadata: of the image before.
      factor: how many times longer its sides are; 1 returns the metadata.
      size: its height and width now.
    """
    if factor == 1:
        return metadata
    dpi = None if metadata.dpi is None else (metadata.dpi[0] * factor, metadata.dpi[1] * factor)
    return dataclasses.replace(
        metadata,
        dpi=dpi,
        exif=None if metadata.exif is None else _enlarged_exif(metadata.exif, factor, size, dpi),
        xmp=None if metadata.xmp is None else XMP_SIZES.sub(b"", metadata.xmp),
    )


def _enlarged_exif(block: bytes, factor: int, size: tuple[int, int], dpi: tuple[float, float] | None) -> bytes:
    """An EXIF block with the new size; the block itself if it is damaged."""
    exif = Image.Exif()
    try:
        exif.load(block)
        own = exif.get_ifd(EXIF_FOLDERS[0])
        _set_size(exif, SIZE, size)
        _set_size(own, EXIF_SIZE, size)
        if dpi is None:
            _multiply(exif, RESOLUTION, factor)
        elif any(tag in exif for tag in RESOLUTION):
            # Of the image as it lies now, which may have been turned.
            exif.update(zip(RESOLUTION, map(TiffImagePlugin.IFDRational, dpi), strict=True))
            exif[UNIT] = INCH
        _multiply(own, SENSOR_RESOLUTION, factor)
        if STATES_SIZE.match(str(exif.get(DESCRIPTION, ""))):
            del exif[DESCRIPTION]
        return exif.tobytes()
    except Exception:  # Pillow raises many types of exceptions for damaged metadata.
        return block


def _set_size(folder: Any, tags: tuple[int, int], size: tuple[int, int]) -> None:
    for tag, length in zip(tags, reversed(size), strict=True):
        if tag in folder:
            folder[tag] = length


def _multiply(folder: Any, tags: tuple[int, int], factor: int) -> None:
    """Multiplies numbers; leaves out what is none, or too large to be written."""
    for tag in tags:
        if tag not in folder:
            continue
        value = folder[tag]
        number = float(value) if isinstance(value, int | float | TiffImagePlugin.IFDRational) else math.nan
        if math.isfinite(number) and 0 < number * factor <= LARGEST:
            folder[tag] = TiffImagePlugin.IFDRational(number * factor)
        else:
            del folder[tag]
