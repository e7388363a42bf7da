"""TIFFs of any depth and number of pages, with EXIF and GPS.

Pillow writes 16 bits and floats in gray only, and no opacity beside them; tifffile writes no directory within a
directory, which EXIF needs. So the directories here are Pillow's, and the pixels are written by a few lines.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import TiffImagePlugin, TiffTags

from aeden.data.image_limits import ImageError

# Bytes of a strip before it is compressed, about.
STRIP = 1 << 20
# SampleFormat by kind of a NumPy type (TIFF 6.0, section 19).
SAMPLE_FORMATS = {"u": 1, "i": 2, "f": 3}
DEFLATE, HORIZONTAL, UNASSOCIATED = 8, 2, 2
STRIP_OFFSETS = 273
SAMPLE_RANGE = (340, 341)


class TiffWriter:
    """Writes the pages of a TIFF (6.0, little-endian), one after the other, compressed by deflate.

    Args:
      file: an empty file that can be read and rewound.
    """

    def __init__(self, file: io.BufferedIOBase):
        self.file = file
        # Where the place of the next page's directory has to be entered.
        self.link = 4
        file.write(b"II*\0\0\0\0\0")

    def page(self, samples: np.ndarray, opacity: bool, tags: Mapping[int, Any]) -> None:
        """Writes a page.

        Args:
          samples: [h, w, n] of an unsigned, signed or float type; opacity, if there is any, is the last channel.
          opacity: whether there is.
          tags: further tags and their values: of the kind that Pillow reads, a dict for a sub-directory.

        Raises:
          ImageError: the file grows above 4 GiB, more than a TIFF can hold.
        """
        height, width, count = samples.shape
        rows = max(1, STRIP // (width * count * samples.itemsize))
        offsets, lengths = [], []
        for start in range(0, height, rows):
            content = zlib.compress(_predict(samples[start : start + rows]), 6)
            offsets.append(self.file.tell())
            lengths.append(len(content))
            self.file.write(content + b"\0" * (len(content) % 2))
        directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")
        colours = count - opacity
        structure: dict[int, Any] = {
            256: width,
            257: height,
            258: (samples.itemsize * 8,) * count,
            259: DEFLATE,
            262: 2 if colours == 3 else 1,
            # Entered below: Pillow would count them from the end of the directory.
            STRIP_OFFSETS: (0,) * len(offsets),
            277: count,
            278: rows,
            279: tuple(lengths),
            339: (SAMPLE_FORMATS[samples.dtype.kind],) * count,
        }
        if samples.dtype.kind != "f":
            structure[317] = HORIZONTAL
        if opacity:
            structure[338] = (UNASSOCIATED,)
        _fill(directory, {**_writable(tags), **structure})
        directory.tagtype[STRIP_OFFSETS] = directory.tagtype[279] = TiffTags.LONG
        self._write_directory(directory, offsets)

    def _write_directory(self, directory: TiffImagePlugin.ImageFileDirectory_v2, offsets: list[int]) -> None:
        place = self.file.tell()
        content = bytearray(directory.tobytes(place))
        if place + len(content) >= 1 << 32:
            raise ImageError("the result is larger than the 4 GiB that a TIFF can hold: name it .png")
        (entries,) = struct.unpack_from("<H", content)
        for entry in range(2, 2 + 12 * entries, 12):
            tag, _, count, value = struct.unpack_from("<HHLL", content, entry)
            if tag == STRIP_OFFSETS:
                struct.pack_into(f"<{count}L", content, entry + 8 if count == 1 else value - place, *offsets)
        self.file.write(content)
        end = self.file.tell()
        self.file.seek(self.link)
        self.file.write(struct.pack("<L", place))
        self.file.seek(end)
        self.link = place + 2 + 12 * entries


def _predict(samples: np.ndarray) -> bytes:
    """The bytes of a strip, whole numbers as differences to the pixel on their left (section 14)."""
    samples = samples.astype(samples.dtype.newbyteorder("<"), copy=True)
    if samples.dtype.kind != "f":
        samples[:, 1:] = samples[:, 1:] - samples[:, :-1]
    return samples.tobytes()


def _fill(directory: TiffImagePlugin.ImageFileDirectory_v2, tags: Mapping[int, Any]) -> None:
    for tag, value in tags.items():
        directory[tag] = value
        if isinstance(value, dict):
            directory.tagtype[tag] = TiffTags.LONG
        elif tag in SAMPLE_RANGE:
            directory.tagtype[tag] = TiffTags.FLOAT


def _writable(tags: Mapping[int, Any]) -> dict[int, Any]:
    """Those tags whose values Pillow can write: files in the wild have values of wrong types."""
    kept = {}
    for tag, value in tags.items():
        directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0")
        try:
            _fill(directory, {tag: value})
            io.BytesIO(directory.tobytes(8))
        except Exception:  # Pillow raises many types of exceptions.
            continue
        kept[tag] = value
    return kept
