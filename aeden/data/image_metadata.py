"""What an image file says beside its pixels, as far as it can be written back: profile, EXIF, text, resolution."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, JpegImagePlugin

from aeden.data.image_files import DecodedImage

# Tags of TIFF and EXIF that describe how the pixels are stored: those of the new file differ.
STRUCTURE = {
    *(
        254,
        255,
        256,
        257,
        258,
        259,
        262,
        263,
        264,
        265,
        266,
        273,
        274,
        277,
        278,
        279,
        280,
        281,
        284,
        288,
        289,
        290,
        291,
    ),
    *(
        292,
        293,
        296,
        282,
        283,
        297,
        301,
        317,
        318,
        319,
        320,
        321,
        322,
        323,
        324,
        325,
        330,
        332,
        333,
        334,
        336,
        338,
        339,
    ),
    *(
        340,
        341,
        342,
        347,
        512,
        513,
        514,
        515,
        517,
        518,
        519,
        520,
        521,
        529,
        530,
        531,
        532,
        34675,
        37724,
        34377,
        50838,
        50839,
    ),
}
EXIF_FOLDERS = (0x8769, 0x8825)  # the sub-directories Exif and GPS
XMP = 700
# The colour space of a profile, bytes 16 to 20, by the number of channels.
PROFILES = {1: b"GRAY", 3: b"RGB "}


@dataclasses.dataclass(frozen=True, eq=False)
class Metadata:
    """What is written back with an image.

    Attributes:
      icc_profile: its colour profile, if it is one for these channels.
      exif: tag -> value of the main directory, without the structure of the file and its orientation.
      folders: tag of a sub-directory (Exif, GPS) -> its tags and values.
      dpi: pixels per inch along each axis.
      comment: of a JPEG.
      text: texts of a PNG by their names.
      xmp: metadata in XML.
      gamma: of a PNG.
      jpeg: options of Pillow that compress as the JPEG was: qtables, subsampling, progressive.
    """

    icc_profile: bytes | None = None
    exif: Mapping[int, Any] = dataclasses.field(default_factory=dict)
    folders: Mapping[int, Mapping[int, Any]] = dataclasses.field(default_factory=dict)
    dpi: tuple[float, float] | None = None
    comment: bytes | str | None = None
    text: Mapping[str, str] = dataclasses.field(default_factory=dict)
    xmp: bytes | None = None
    gamma: float | None = None
    jpeg: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def exif_bytes(self) -> bytes | None:
        """The EXIF block for PNG, JPEG and WebP; None if there is nothing in it."""
        exif = Image.Exif()
        for tag, value in self.exif.items():
            exif[tag] = value
        for tag, folder in self.folders.items():
            exif.get_ifd(tag).update(folder)
        try:
            return exif.tobytes() if len(exif) or self.folders else None
        except Exception:  # values of a wrong type; Pillow raises many types of exceptions
            return None


def read_metadata(content: bytes | Path, decoded: DecodedImage, frame: int = 0) -> Metadata:
    """What an image file says beside its pixels. What cannot be read is left out.

    Args:
      content: the content of the file, or its path.
      decoded: the image.
      frame: its number in the file.
    """
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                if frame:
                    image.seek(frame)
                return _read(image, decoded)
    except Exception:  # Pillow raises many types of exceptions for damaged metadata.
        return Metadata()


def _read(image: Image.Image, decoded: DecodedImage) -> Metadata:
    info = {**image.info, **decoded.info}
    exif, folders = Image.Exif(), {}
    with contextlib.suppress(Exception):
        exif = image.getexif()
        folders = {tag: dict(folder) for tag in EXIF_FOLDERS if (folder := exif.get_ifd(tag))}
    profile, xmp = info.get("icc_profile"), info.get("xmp") or exif.get(XMP)
    dropped = STRUCTURE | set(EXIF_FOLDERS) | {XMP}
    return Metadata(
        icc_profile=profile if profile and profile[16:20] == PROFILES[decoded.pixels.shape[2]] else None,
        exif={tag: value for tag, value in exif.items() if tag not in dropped},
        folders=folders,
        dpi=_dpi(info.get("dpi")),
        comment=info.get("comment") if image.format in ("JPEG", "MPO") else None,
        text=_texts(image.info) if image.format == "PNG" else {},
        xmp=xmp if isinstance(xmp, bytes) else None,
        gamma=image.info.get("gamma") if image.format == "PNG" else None,
        jpeg=_jpeg_options(image) if isinstance(image, JpegImagePlugin.JpegImageFile) else {},
    )


def _dpi(value: Any) -> tuple[float, float] | None:
    """A resolution, if it is one: some files state 0 or 1 where they know none."""
    try:
        x, y = (float(one) for one in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 1 < x < 1e6 and 1 < y < 1e6 else None


def _texts(info: Mapping[Any, Any]) -> dict[str, str]:
    """The texts of a PNG. Pillow has them among its own entries; those are no strings."""
    return {name: value for name, value in info.items() if isinstance(name, str) and isinstance(value, str)}


def _jpeg_options(image: JpegImagePlugin.JpegImageFile) -> dict[str, Any]:
    """The options of Pillow that compress as this file was compressed."""
    options: dict[str, Any] = {"qtables": image.quantization, "progressive": bool(image.info.get("progressive"))}
    sampling = JpegImagePlugin.get_sampling(image)
    return {**options, "subsampling": sampling if sampling >= 0 else 0}
