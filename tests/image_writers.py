"""PNG and TIFF files of any kind, written by the specification and not by the libraries that aeden reads them with."""

import struct
import zlib

import numpy as np

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6


def _chunk(kind, content):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(values, bits=8, colour_type=GRAY, chunks=(), filter_type=0, after=()):
    """A PNG file of integers [h, w, c], with (kind, content) chunks before and after the pixels.

    Filters: 0 none, 1 the difference to the pixel on the left.
    """
    height, width, channels = values.shape
    if bits < 8:
        padded = np.zeros((height, -(-width * bits // 8) * 8 // bits), np.uint8)
        padded[:, :width] = values[..., 0]
        rows = np.packbits((padded[..., None] >> np.arange(bits - 1, -1, -1)) & 1, axis=None).reshape(height, -1)
    else:
        rows = values.astype(">u2" if bits == 16 else "u1").reshape(height, -1).view(np.uint8)
    if filter_type == 1:
        step = channels * bits // 8
        rows = np.concatenate([rows[:, :step], rows[:, step:] - rows[:, :-step]], axis=1)
    lines = b"".join(bytes([filter_type]) + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(lines)), *after, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def tiff(values, photometric=1, order="<", bits=None, compression=1, tags=()):
    """A TIFF file of one strip of values [h, w, c] of any NumPy type, in either byte order.

    Args:
      values: [h, w, c]; with `bits`=12 integers that are packed.
      photometric: 0 white is zero, 1 black is zero, 2 RGB, 5 CMYK.
      order: "<" little-endian or ">" big-endian.
      bits: bits per sample; None for those of the type.
      compression: 1 none, 8 deflate.
      tags: further (tag, type, values); types 3 uint16, 4 uint32, 11 float, 12 double.
    """
    height, width, channels = values.shape
    bits = bits or values.dtype.itemsize * 8
    if bits == 12:
        flags = (values.reshape(height, -1, 1).astype(np.uint16) >> np.arange(11, -1, -1)) & 1
        strip = b"".join(np.packbits(row.reshape(-1)).tobytes() for row in flags)
    else:
        strip = values.astype(values.dtype.newbyteorder(order)).tobytes()
    strip = zlib.compress(strip) if compression == 8 else strip
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    entries = [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [bits] * channels),
        (259, 3, [compression]),
        (262, 3, [photometric]),
        (273, 4, [8]),
        (277, 3, [channels]),
        (278, 4, [height]),
        (279, 4, [len(strip)]),
        (339, 3, [kind] * channels),
        *tags,
    ]
    strip += bytes(len(strip) % 2)
    start = 8 + len(strip)
    extra, table = b"", b""
    for tag, type_, content in sorted(entries):
        packed = struct.pack(f"{order}{len(content)}{'HIfd'[(3, 4, 11, 12).index(type_)]}", *content)
        if len(packed) > 4:
            offset = start + 2 + 12 * len(entries) + 4 + len(extra)
            extra += packed
            packed = struct.pack(f"{order}I", offset)
        table += struct.pack(f"{order}HHI", tag, type_, len(content)) + packed.ljust(4, b"\0")
    directory = struct.pack(f"{order}H", len(entries)) + table + struct.pack(f"{order}I", 0)
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(f"{order}HI", 42, start) + strip + directory + extra


def cmyk_profile(lightness):
    """An ICC profile of CMYK in which all ink is gray, with one table of 8 bits from CMYK to CIELAB ("lut8Type").

    `lightness` [2, 2, 2, 2], 0 to 255, is that without and with full cyan, magenta, yellow and black.
    """
    ramp = bytes(range(256))
    corners = b"".join(bytes([level, 128, 128]) for level in np.asarray(lightness, np.uint8).ravel())
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + corners + ramp * 3
    table += bytes(-len(table) % 4)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)  # D50
    start = 128 + 4 + 2 * 12
    tags = struct.pack(">I4sII4sII", 2, b"A2B0", start, len(table), b"wtpt", start + len(table), len(white))
    header = struct.pack(">I4sI4s4s4s", start + len(table) + len(white), b"", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + tags + table + white
