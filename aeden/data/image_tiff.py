"""TIFF files with more than 8 bits per sample, signed integers or floating-point numbers.

Pillow reads few of these right. What is not compressed is read by tifffile, which is pure Python; what is compressed by
Pillow, which comes with the decompressors, if it keeps the values, and else by tifffile.
"""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageFile

from aeden.data.image_limits import SMALLER, ImageError, Limits, in_units
from aeden.data.image_modes import OTHER_BYTE, both_bytes, raw_mode, unread_note
from aeden.data.image_samples import Range, Samples, from_floats, from_integers

PREFIXES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Tags, and values of PhotometricInterpretation and ExtraSamples, of the TIFF 6.0 specification.
BITS, COMPRESSION, PHOTOMETRIC, PLANAR, EXTRA, SAMPLE_FORMAT = 258, 259, 262, 284, 338, 339
LOWEST, HIGHEST = 340, 341  # SMinSampleValue, SMaxSampleValue
DEPTH = 32997  # ImageDepth, of SGI: a volume
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK = 0, 1, 2, 3, 5
COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4}
ASSOCIATED, UNASSOCIATED = 1, 2
DEFLATE = (8, 32946)


class Stored(NamedTuple):
    """The samples as the file stores them.

    Attributes:
      values: integers or floating-point numbers [h, w, s].
      bits: bits per sample.
      photometric: what the samples mean, a key of `COLOURS`.
      extra: the meaning of each sample after the colours.
      stated: the values of black and white that the file states, or None.
      colormap: uint16 [3, n] of a palette, or None.
      orientation: 1 if the values are upright, else as in EXIF.
    """

    values: np.ndarray
    bits: int
    photometric: int
    extra: tuple[int, ...]
    stated: Range | None
    colormap: np.ndarray | None
    orientation: int


def is_deep(image: Image.Image) -> bool:
    """Whether an image that Pillow has opened is a TIFF of the kinds that this module reads."""
    tags = getattr(image, "tag_v2", None)
    if image.format != "TIFF" or tags is None:
        return False
    volume = tags.get(DEPTH, 1) != 1  # refused there
    return volume or max(_numbers(tags, BITS, 1)) > 8 or any(kind != 1 for kind in _numbers(tags, SAMPLE_FORMAT, 1))


def read_deep(
    content: bytes,
    frame: int,
    value_range: Range | None,
    limits: Limits,
    reopen: Callable[[], ImageFile.ImageFile] | None,
) -> tuple[Samples, int]:
    """The samples of a page of a TIFF file, and its orientation as in EXIF (1 if the samples are upright).

    Args:
      content: the file.
      frame: the page, from 0.
      value_range: the values of black and white; None for the rules of `image_samples`.
      limits: what is refused as too large.
      reopen: opens the page with Pillow; None if Pillow cannot open it.

    Raises:
      ImageError: the page cannot be read, or the range of its values is unknown.
    """
    stored = None if reopen is None else _by_pillow(reopen)
    stored = stored or _by_tifffile(content, frame, limits)
    return _samples(stored, value_range), stored.orientation


def page_offsets(content: bytes) -> list[int]:
    """Where the directory of each page is, in a TIFF file that Pillow cannot open."""
    import tifffile

    with _opened(content, tifffile) as tiff:
        return [int(page.offset) for page in tiff.pages]


def _numbers(tags: Any, tag: int, default: int) -> tuple[Any, ...]:
    value = tags.get(tag, default)
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _by_pillow(reopen: Callable[[], ImageFile.ImageFile]) -> Stored | None:
    """What Pillow reads without loss: compressed or 12-bit gray, and compressed RGB of 16 bits; None for the rest."""
    with reopen() as image:
        tags, raw = image.tag_v2, raw_mode(image)  # type: ignore[attr-defined]
        bits, kind = int(max(_numbers(tags, BITS, 1))), _numbers(tags, SAMPLE_FORMAT, 1)[0]
        gray = image.mode in ("I", "F") or image.mode.startswith("I;16")
        colour = raw in OTHER_BYTE and tags.get(PLANAR, 1) == 1
        if not (gray or colour) or (tags.get(COMPRESSION, 1) == 1 and bits != 12):
            return None
        photometric, extra = int(tags.get(PHOTOMETRIC, 0)), _numbers(tags, EXTRA, 0)
        lowest, highest = (tags.get(tag) for tag in (LOWEST, HIGHEST))
        if colour:
            values = both_bytes(image, reopen)
        else:
            image.load()
            values = np.asarray(image)[..., None]
            if image.mode.startswith("I;16"):
                values = values.astype(np.uint16)
            elif image.mode == "I" and kind == 1:
                values = values.view(np.uint32)
        # Pillow has turned the image upright.
        return Stored(values, bits, photometric, extra, _stated(lowest, highest), None, 1)


def _opened(content: bytes, tifffile: Any) -> Any:
    # Its log repeats what its exceptions say.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    return tifffile.TiffFile(io.BytesIO(content))


def _by_tifffile(content: bytes, frame: int, limits: Limits) -> Stored:
    import tifffile

    with _opened(content, tifffile) as tiff:
        if not len(tiff.pages):
            raise ImageError("TIFF without an image: copy it again")
        if frame >= len(tiff.pages):
            raise ImageError(f"has no page {frame}: its {len(tiff.pages)} pages count from 0")
        page = tiff.pages[frame]
        _check_page(page, content, limits)
        try:
            values = page.asarray(maxworkers=1)
        except (ValueError, KeyError, NotImplementedError) as error:
            raise ImageError(f"TIFF that cannot be decoded ({error}): save it uncompressed, or as PNG") from error
        if page.axes == "YX":
            values = values[..., None]
        elif page.axes == "SYX":
            values = np.moveaxis(values, 0, -1)
        elif page.axes != "YXS":
            raise ImageError(f"TIFF with the axes {page.axes}: save each plane as an image of its own")
        tags = {tag.code: tag.value for tag in page.tags}
    bits = page.bitspersample if isinstance(page.bitspersample, int) else max(page.bitspersample)
    if values.dtype.kind not in "uif":
        raise ImageError(f"TIFF with samples of the type {values.dtype}: save integers or real numbers")
    return Stored(
        values.astype(values.dtype.newbyteorder("="), copy=False),
        bits,
        int(page.photometric),
        tuple(int(kind) for kind in page.extrasamples),
        _stated(tags.get(LOWEST), tags.get(HIGHEST)),
        page.colormap if int(page.photometric) == PALETTE else None,
        int(tags.get(274, 1)),
    )


def _check_page(page: Any, content: bytes, limits: Limits) -> None:
    """Refuses a page that is too large, or that ends early: tifffile would fill it up with zeros."""
    limits.check_pixels(page.imagewidth, page.imagelength * page.imagedepth)
    if page.nbytes > limits.memory:
        raise ImageError(f"needs {in_units(page.nbytes)}, more than {in_units(limits.memory)}: {SMALLER}")
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    complete = all(count > 0 and offset + count <= len(content) for offset, count in segments)
    if int(page.compression) == 1:
        complete = complete and sum(count for _, count in segments) >= page.nbytes
    if not segments or not complete:
        raise ImageError("TIFF that ends early: copy it again")
    if int(page.compression) in DEFLATE:
        # tifffile unpacks a segment whatever its size.
        most = max(page.nbytes, int(np.prod(page.chunks, dtype=np.int64)) * page.dtype.itemsize) + 1
        for offset, count in segments:
            unpacked = zlib.decompressobj().decompress(content[offset : offset + count], most)
            if len(unpacked) >= most:
                raise ImageError("TIFF whose compressed data are larger than its image: save it again")


def _stated(lowest: Any, highest: Any) -> Range | None:
    """The range of values that the file states; of several samples the widest."""
    if lowest is None or highest is None:
        return None
    return float(np.min(lowest)), float(np.max(highest))


def _samples(stored: Stored, value_range: Range | None) -> Samples:
    values, bits, photometric = stored.values, stored.bits, stored.photometric
    if photometric not in COLOURS or values.shape[-1] < COLOURS[photometric]:
        raise ImageError(f"TIFF of {bits} bits with the colour model {photometric}: save it as gray or RGB")
    notes: tuple[str, ...] = ()
    count = COLOURS[photometric]
    extra = values.shape[-1] - count
    colours, alpha = values[..., :count], None
    if extra and stored.extra and stored.extra[0] in (ASSOCIATED, UNASSOCIATED):
        alpha, extra = values[..., count], extra - 1
    notes += unread_note(extra)
    if alpha is not None and stored.extra[0] == ASSOCIATED:
        colours = _divided(colours, alpha, bits)
    if photometric == PALETTE:
        assert stored.colormap is not None
        colours = np.moveaxis(np.asarray(stored.colormap, np.uint16)[:, colours[..., 0]], 0, -1)
        bits = 16
    if photometric == CMYK:
        colours, notes = _from_cmyk(colours, bits), (*notes, "CMYK was converted to RGB by formula")
    if colours.dtype.kind == "f":
        samples = from_floats(colours, alpha, stored.stated, value_range)
    else:
        samples = from_integers(colours, alpha, bits, value_range)
    # A range that the user gives says itself which value is black.
    if photometric == WHITE_IS_ZERO and value_range is None:
        total = samples.pixels.dtype.type(samples.black + samples.white)
        samples = samples._replace(pixels=total - samples.pixels)
    return samples._replace(notes=notes + samples.notes)


def _largest(values: np.ndarray, bits: int) -> float:
    return 1.0 if values.dtype.kind == "f" else float(2**bits - 1)


def _divided(colours: np.ndarray, alpha: np.ndarray, bits: int) -> np.ndarray:
    """Colours that were multiplied by their opacity, as before: of fully transparent pixels 0."""
    largest = _largest(colours, bits)
    opacity = alpha[..., None].astype(np.float64) / largest
    straight = np.clip(np.divide(colours, opacity, out=np.zeros(colours.shape), where=opacity > 0), 0, largest)
    return (straight if colours.dtype.kind == "f" else np.rint(straight)).astype(colours.dtype)


def _from_cmyk(colours: np.ndarray, bits: int) -> np.ndarray:
    """RGB from CMYK by the formula that Pillow has for 8 bits: red = (1 - cyan)(1 - black), and so on."""
    largest = _largest(colours, bits)
    ink = colours.astype(np.float64) / largest
    rgb = (1 - ink[..., :3]) * (1 - ink[..., 3:]) * largest
    return (rgb if colours.dtype.kind == "f" else np.rint(rgb)).astype(colours.dtype)
