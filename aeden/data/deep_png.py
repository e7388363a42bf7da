"""PNGs of 16 bits a channel. Pillow writes gray ones only, and none with opacity."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np

# Colour type by the number of channels, opacity included (PNG specification, third edition, table 8).
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
# The filter "up": each row less the one above it.
UP = 2
# Rows that are compressed at once.
ROWS = 256


def write_png16(file: io.BufferedIOBase, samples: np.ndarray, chunks: Sequence[tuple[bytes, bytes]]) -> None:
    """Writes a PNG.

    Args:
      file: where to.
      samples: uint16 [h, w, 1 to 4]: gray or RGB, then opacity.
      chunks: name and content of what precedes the pixels, in the order of the specification.
    """
    height, width, count = samples.shape
    file.write(b"\x89PNG\r\n\x1a\n")
    _write_chunk(file, b"IHDR", struct.pack(">2I5B", width, height, 16, COLOUR_TYPES[count], 0, 0, 0))
    for name, content in chunks:
        _write_chunk(file, name, content)
    compressor = zlib.compressobj(6)
    above = np.zeros((1, width * count * 2), np.uint8)
    for start in range(0, height, ROWS):
        # Big-endian bytes, row by row.
        rows = samples[start : start + ROWS].astype(">u2").reshape(-1, width * count).view(np.uint8)
        difference = rows - np.concatenate([above, rows[:-1]])
        filtered = np.concatenate([np.full((len(rows), 1), UP, np.uint8), difference], axis=1)
        above = rows[-1:]
        if content := compressor.compress(filtered.tobytes()):
            _write_chunk(file, b"IDAT", content)
    _write_chunk(file, b"IDAT", compressor.flush())
    _write_chunk(file, b"IEND", b"")


def _write_chunk(file: io.BufferedIOBase, name: bytes, content: bytes) -> None:
    file.write(struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content)))


def resolution_chunks(dpi: tuple[float, float] | None) -> list[tuple[bytes, bytes]]:
    """The chunk of a resolution in pixels per inch."""
    return [(b"pHYs", struct.pack(">2IB", *(round(one / 0.0254) for one in dpi), 1))] if dpi else []
