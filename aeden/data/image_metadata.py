"""What an image file says beside its pixels, as far as it can be written back: profile, EXIF, text, resolution."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from PIL import Image, JpegImagePlugin

from aeden.data.image_files import DecodedImage

# The sub-directories of EXIF: Exif, GPS.
EXIF_FOLDERS = (0x8769, 0x8825)
# Chunks of a PNG (specification, third edition, 11.3.2): code points, as of HDR; sRGB; gamma; primaries.
COLOUR_CHUNKS = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
LONGEST_CHUNK = 64
# The colour space of a profile, bytes 16 to 20, by the number of channels.
PROFILES = {1: b"GRAY", 3: b"RGB "}


@dataclasses.dataclass(frozen=True, eq=False)
class Metadata:
    """What is written back with an image.

    Attributes:
      icc_profile: its colour profile, if it is one for these channels.
      exif: its EXIF block, without orientation.
      dpi: pixels per inch along each axis.
      comment: of a JPEG.
      text: texts of a PNG by their names.
      xmp: metadata in XML.
      colour: chunks of a PNG that say what its colours are, beside a profile: (name, content), see `COLOUR_CHUNKS`.
      jpeg: options of Pillow that compress as the JPEG was: qtables, subsampling, progressive.
      value_range: the values of black and white of a float image, if they are not 0 and 1.
    """

    icc_profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | str | None = None
    text: Mapping[str, str] = dataclasses.field(default_factory=dict)
    xmp: bytes | None = None
    colour: tuple[tuple[bytes, bytes], ...] = ()
    jpeg: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    value_range: tuple[float, float] | None = None

    def exif_tags(self) -> dict[int, Any]:
        """Tag -> value of the EXIF block, a dict for a sub-directory."""
        exif = Image.Exif()
        try:
            exif.load(self.exif or b"")
            folders = {tag: dict(folder) for tag in EXIF_FOLDERS if (folder := exif.get_ifd(tag))}
            return {**{tag: value for tag, value in exif.items() if tag not in EXIF_FOLDERS}, **folders}
        except Exception:  # Pillow raises many types of exceptions for damaged metadata.
            return {}


def metadata_of(decoded: DecodedImage, content: bytes | Path) -> Metadata:
    """What is written back with an image. What cannot be read is left out.

    Args:
      decoded: the image.
      content: the content of its file, or its path.
    """
    info = decoded.info
    deep = decoded.pixels.dtype.kind == "f"
    return Metadata(
        icc_profile=None if left_out(decoded) else info.get("icc_profile"),
        exif=info.get("exif"),
        dpi=_dpi(info.get("dpi")),
        comment=info.get("comment"),
        text=info.get("text", {}),
        xmp=info.get("xmp"),
        value_range=(decoded.black, decoded.white) if deep and (decoded.black, decoded.white) != (0, 1) else None,
        **_from_header(content),
    )


def left_out(decoded: DecodedImage) -> tuple[str, ...]:
    """What an image says beside its pixels that is not written back, one line each: a profile for other channels."""
    profile = decoded.info.get("icc_profile")
    channels = decoded.pixels.shape[2]
    if not profile or profile[16:20] == PROFILES[channels]:
        return ()
    pixels = "gray" if channels == 1 else "RGB"
    return (f"its colour profile is not one for {pixels} pixels, and was left out",)


def _from_header(content: bytes | Path) -> dict[str, Any]:
    """What the colours of a PNG are, and how a JPEG was compressed."""
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    # Pillow raises many types of exceptions for damaged metadata, and warns of odd ones.
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(file) as image:
            if isinstance(image, JpegImagePlugin.JpegImageFile):
                return {"jpeg": _jpeg_options(image)}
            if image.format == "PNG":
                return {"colour": _colour_chunks(cast(io.BufferedIOBase, image.fp))}
    return {}


def _colour_chunks(file: io.BufferedIOBase) -> tuple[tuple[bytes, bytes], ...]:
    """The chunks before the pixels of a PNG that say what its colours are."""
    file.seek(8)
    found = []
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name == b"IDAT":
            break
        if name in COLOUR_CHUNKS and length <= LONGEST_CHUNK:
            found.append((name, file.read(length)))
            file.seek(4, os.SEEK_CUR)
        else:
            file.seek(length + 4, os.SEEK_CUR)
    return tuple(found)


def _dpi(value: Any) -> tuple[float, float] | None:
    """A resolution, if it is one: some files state 0 or 1 where they know none."""
    try:
        x, y = (float(one) for one in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 1 < x < 1e6 and 1 < y < 1e6 else None


def _jpeg_options(image: JpegImagePlugin.JpegImageFile) -> dict[str, Any]:
    """The options of Pillow that compress as this file was compressed."""
    # Pillow writes the first table for gray or luma, the second for colour; a file may number them otherwise.
    numbers = [layer[3] for layer in image.layer[:2]]
    tables = [image.quantization[number] for number in numbers]
    options: dict[str, Any] = {"qtables": tables, "progressive": bool(image.info.get("progressive"))}
    sampling = JpegImagePlugin.get_sampling(image)
    return {**options, "subsampling": sampling if sampling >= 0 else 0}
