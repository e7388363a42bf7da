"""Writing an image as its file was: bit depth, opacity, colour profile, metadata, resolution, JPEG quality.

Nothing is lost without a word: a format that cannot hold an image is refused. In particular

- JPEG holds 8 bits and no opacity; it is written with the tables of the JPEG that the image came from, else at quality
  95;
- WebP and BMP hold 8 bits, BMP no opacity; WebP is written without loss;
- PNG holds 8 and 16 bits, TIFF also floats and several pages; whole numbers of 32 bits become floats;
- GIF holds 256 colours, too few for a restored image: results for a GIF are PNGs.
"""

from __future__ import annotations

import dataclasses
import io
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from aeden.data.deep_png import resolution_chunks, write_png16
from aeden.data.image_limits import ImageError
from aeden.data.image_metadata import Metadata
from aeden.data.tiff_output import TiffWriter

# Suffix -> format, by Pillow's name.
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
}
# What each format holds: types of pixels, and whether opacity.
HOLDS = {
    "PNG": (("uint8", "uint16"), True),
    "TIFF": (("uint8", "uint16", "float32"), True),
    "WEBP": (("uint8",), True),
    "JPEG": (("uint8",), False),
    "BMP": (("uint8",), False),
}
DEPTHS = {"uint8": "8-bit", "uint16": "16-bit", "float32": "float"}
JPEG_OPTIONS: dict[str, Any] = {"quality": 95, "subsampling": 0}
# Sides of these formats are limited by the number of bits they are stored in.
LONGEST = {"JPEG": 65535, "WEBP": 16383}
# Pixels per inch that a JPEG can state; Pillow would write the remainder of more.
MOST_DPI = 65535


@dataclasses.dataclass(frozen=True, eq=False)
class Page:
    """An image to write.

    Attributes:
      pixels: uint8, uint16 or float32 [h, w, c], c = 1 (gray) or 3 (RGB).
      alpha: opacity, of the same type [h, w]; None for none.
      metadata: what else is written.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    metadata: Metadata = dataclasses.field(default_factory=Metadata)

    @property
    def samples(self) -> np.ndarray:
        """Pixels and opacity in one array [h, w, n]."""
        if self.alpha is None:
            return self.pixels
        return np.concatenate([self.pixels, self.alpha[..., None].astype(self.pixels.dtype)], axis=2)


def format_of_suffix(suffix: str) -> str:
    """The format of a suffix such as ".png", by Pillow's name.

    Raises:
      ImageError: aeden does not write it.
    """
    if suffix.lower() == ".gif":
        raise ImageError("a GIF holds 256 colours, too few for a restored image: name the result .png")
    if suffix.lower() not in FORMATS:
        raise ImageError(f"{suffix or 'a name without suffix'} is no format for results: use {', '.join(FORMATS)}")
    return FORMATS[suffix.lower()]


def check_holds(name: str, dtype: np.dtype[Any], opacity: bool, pages: int, shape: tuple[int, int]) -> None:
    """Refuses a format that cannot hold an image.

    Args:
      name: the format.
      dtype: type of the pixels.
      opacity: whether there is some.
      pages: number of pages.
      shape: height and width.

    Raises:
      ImageError: what it cannot hold, and the remedy.
    """
    types, holds_opacity = HOLDS[name]
    if dtype.name not in types:
        remedy = ".tif" if dtype.name == "float32" else ".png or .tif"
        raise ImageError(f"{name} cannot hold this {DEPTHS[dtype.name]} image: name the result {remedy}")
    if opacity and not holds_opacity:
        raise ImageError(f"{name} cannot hold the opacity of this image: name the result .png, .tif or .webp")
    if pages > 1 and name != "TIFF":
        raise ImageError(f"{name} cannot hold the {pages} pages of this image: name the result .tif")
    if max(shape) > LONGEST.get(name, max(shape)):
        raise ImageError(f"{name} holds at most {LONGEST[name]} pixels on a side: name the result .png or .tif")


def write_image(file: io.BufferedIOBase, name: str, pages: Iterable[Page]) -> None:
    """Writes an image, or the pages of a TIFF, which are fetched one after the other.

    Args:
      file: an empty file that can be read and rewound.
      name: the format, one of those of `FORMATS`.
      pages: the image, which the format can hold (`check_holds`).

    Raises:
      ImageError: a TIFF would be too large.
      OSError: the file cannot be written.
    """
    if name == "TIFF":
        writer = TiffWriter(file)
        for page in pages:
            samples = page.samples
            writer.page(samples, page.alpha is not None, _tiff_tags(page.metadata, samples.shape[2]))
        return
    (page,) = pages
    if name == "PNG" and page.pixels.dtype == np.uint16:
        write_png16(file, page.samples, _png_chunks(page.metadata))
        return
    samples = page.samples
    image = Image.fromarray(samples if samples.shape[2] > 1 else samples[..., 0])
    # Pillow writes past the buffer of a file, and then says of a full disk no more than "encoder error".
    content = io.BytesIO()
    image.save(content, name, **_options(name, page.metadata))
    file.write(content.getbuffer())


def _options(name: str, metadata: Metadata) -> dict[str, Any]:
    """Options of Pillow for formats other than TIFF."""
    options: dict[str, Any] = {"dpi": metadata.dpi} if metadata.dpi and name != "WEBP" else {}
    if name == "JPEG" and metadata.dpi and max(metadata.dpi) > MOST_DPI:
        del options["dpi"]
    if name == "BMP":
        return options
    if metadata.icc_profile:
        options["icc_profile"] = metadata.icc_profile
    if metadata.exif:
        options["exif"] = metadata.exif
    if name == "PNG":
        return {**options, "pnginfo": _png_info(metadata)}
    if metadata.xmp:
        options["xmp"] = metadata.xmp
    if name == "WEBP":
        return {**options, "lossless": True, "exact": True}
    if metadata.comment:
        options["comment"] = metadata.comment
    return {**options, **(metadata.jpeg or JPEG_OPTIONS)}


def _png_info(metadata: Metadata) -> PngImagePlugin.PngInfo:
    """The texts and the XMP of a PNG."""
    info = PngImagePlugin.PngInfo()
    for name, content in metadata.colour:
        info.add(name, content)
    for key, value in metadata.text.items():
        info.add_text(key, value)
    if metadata.xmp:
        info.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    return info


def _png_chunks(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """The chunks before the pixels of a 16-bit PNG."""
    texts = [(name, content) for name, content, _ in _png_info(dataclasses.replace(metadata, colour=())).chunks]
    colour = [chunk for chunk in metadata.colour if not (chunk[0] == b"sRGB" and metadata.icc_profile)]
    if metadata.icc_profile:
        colour.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc_profile)))
    blocks = [(b"eXIf", metadata.exif.removeprefix(b"Exif\0\0"))] if metadata.exif else []
    return [
        *colour,
        *resolution_chunks(metadata.dpi),
        *blocks,
        *texts,
    ]


def _tiff_tags(metadata: Metadata, channels: int) -> dict[int, Any]:
    """The tags of a TIFF that say what else is known."""
    tags = metadata.exif_tags()
    if metadata.icc_profile:
        tags[34675] = metadata.icc_profile
    if metadata.xmp:
        tags[700] = metadata.xmp
    if metadata.dpi:
        tags |= {282: metadata.dpi[0], 283: metadata.dpi[1], 296: 2}
    if metadata.value_range:
        tags |= dict(zip((340, 341), ((value,) * channels for value in metadata.value_range), strict=True))
    return tags
