"""What an image file says beside its pixels, as far as writing the image back needs it."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

from PIL import Image, ImageFile, TiffImagePlugin

ORIENTATION = 0x0112
# What is kept of a TIFF's own tags: description, camera, software, date, people, EXIF, GPS; not where its pixels are.
KEPT_TIFF_TAGS = (270, 271, 272, 305, 306, 315, 316, 33432, 34665, 34853)
# Those of them that are directories.
FOLDERS = (34665, 34853)
# Tags of the TIFF 6.0 specification, of XMP and of ICC profiles.
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, XMP, PROFILE = 282, 283, 296, 700, 34675
# ResolutionUnit -> pixels per inch of one pixel per unit.
PER_INCH = {2: 1.0, 3: 2.54}


def image_info(image: ImageFile.ImageFile, orientation: int) -> dict[str, Any]:
    """What an image says that Pillow has opened and loaded: see `aeden.data.image_files.DecodedImage.info`.

    Args:
      image: the image.
      orientation: as in EXIF, of the file.
    """
    info = {key: image.info[key] for key in ("icc_profile", "dpi", "comment") if image.info.get(key)}
    text = {key: str(value) for key, value in getattr(image, "text", {}).items() if not _is_metadata(key)}
    if text:
        info["text"] = text
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if xmp:
        info["xmp"] = xmp.encode() if isinstance(xmp, str) else bytes(xmp)
    with contextlib.suppress(Exception):  # Damaged metadata are no reason to refuse the pixels.
        info |= _exif(image.getexif(), image.format == "TIFF")
    return _upright(info, orientation)


def tiff_info(content: bytes, offset: int, orientation: int) -> dict[str, Any]:
    """The same of a page of a TIFF that Pillow cannot open.

    Args:
      content: the file.
      offset: where the directory of the page is.
      orientation: as in EXIF, of the page.
    """
    info: dict[str, Any] = {}
    with contextlib.suppress(Exception):  # As above.
        directory = _directory(content, offset)
        for key, tag in (("icc_profile", PROFILE), ("xmp", XMP)):
            if tag in directory:
                info[key] = bytes(directory[tag])
        scale = PER_INCH.get(directory.get(RESOLUTION_UNIT, 2))
        if scale and X_RESOLUTION in directory and Y_RESOLUTION in directory:
            info["dpi"] = tuple(float(directory[tag]) * scale for tag in (X_RESOLUTION, Y_RESOLUTION))
        exif = Image.Exif()
        for tag in KEPT_TIFF_TAGS:
            if tag in directory:
                value = directory[tag]
                exif[tag] = dict(_directory(content, value, tag)) if tag in FOLDERS else value
        info |= _exif(exif, of_tiff=True)
    if info.get("icc_profile", b"")[16:20] == b"CMYK":
        del info["icc_profile"]  # The pixels are RGB now.
    return _upright(info, orientation)


def _directory(content: bytes, offset: int, group: int | None = None) -> TiffImagePlugin.ImageFileDirectory_v2:
    """A directory of a TIFF: tag -> value.

    Args:
      content: the file.
      offset: where the directory is.
      group: the tag of the directory within a directory.
    """
    head = b"II*\0" if content.startswith(b"II") else b"MM\0*"
    directory = TiffImagePlugin.ImageFileDirectory_v2(head + bytes(4), group=group)
    # Pillow does not recognise a big-endian BigTIFF by its first bytes.
    directory._bigtiff = b"+" in content[2:4]
    file = io.BytesIO(content)
    file.seek(offset)
    directory.load(file)
    return directory


def _exif(exif: Image.Exif, of_tiff: bool) -> dict[str, bytes]:
    """The EXIF block, if it says anything but the orientation."""
    for tag in list(exif):
        if tag == ORIENTATION or (of_tiff and tag not in KEPT_TIFF_TAGS):
            del exif[tag]
    # The block is a TIFF by itself, and never a BigTIFF.
    exif.bigtiff = False
    return {"exif": exif.tobytes()} if len(exif) else {}


def _upright(info: dict[str, Any], orientation: int) -> dict[str, Any]:
    """What is said, of the image once it has been turned upright."""
    if "dpi" in info and orientation >= 5:
        info["dpi"] = tuple(info["dpi"])[::-1]
    if "xmp" in info:
        info["xmp"] = re.sub(rb'\s*tiff:Orientation="\d"|<tiff:Orientation>\d</tiff:Orientation>', b"", info["xmp"])
    return info


def _is_metadata(key: str) -> bool:
    return key.startswith(("Raw profile", "XML:com.adobe.xmp"))
