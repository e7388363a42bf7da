"""The samples of an image that Pillow has opened, mode by mode, with all their bits.

Pillow stores at most 8 bits per sample of colour images. Those of 16 bits are therefore decoded twice, once for the
upper and once for the lower bytes: the byte order that Pillow is told ("RGB;16B" or "RGB;16L") decides which. This
needs no other library.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms, ImageFile

from aeden.data.image_limits import ImageError
from aeden.data.image_samples import Range, Samples, from_floats, from_integers

# A raw mode with 16 bits per sample -> the raw mode that takes the other byte of each sample.
OTHER_BYTE = {
    f"{colours};16{order}": f"{colours};16{other}"
    for colours in ("RGB", "RGBA")
    for order, other in (("B", "L"), ("L", "B"), ("N", "B" if np.little_endian else "L"))
}
GRAY = ("1", "L", "LA", "La")
# Samples per pixel by PhotometricInterpretation (TIFF 6.0): white is zero, black is zero, palette, CMYK; of others 3.
TIFF_COLOURS = {0: 1, 1: 1, 3: 1, 5: 4}


def read_samples(
    image: ImageFile.ImageFile, content: bytes, reopen: Callable[[], ImageFile.ImageFile], value_range: Range | None
) -> Samples:
    """The samples of an image in any mode, not yet turned upright. Loads the image.

    Args:
      image: as opened by Pillow, at the wanted frame, not loaded yet.
      content: the whole file.
      reopen: opens the same frame again.
      value_range: the values of black and white; None for the rules of `image_samples`.

    Raises:
      ImageError: the range of the values is unknown, or the file ends early.
      OSError, ValueError, SyntaxError: Pillow cannot decode it.
    """
    raw = raw_mode(image)
    if image.format == "PPM" and image.mode in ("L", "I", "RGB"):
        return _portable(image, content, value_range)
    if raw in OTHER_BYTE:
        values = both_bytes(image, reopen)
        return _with_alpha(values, _key(image, 65535), 16, value_range)
    if raw == "LA;16B" and image.mode == "RGBA":
        # Four bytes per pixel, as in RGBA: upper and lower byte of the gray value, then of the opacity.
        _set_raw_mode(image, "RGBA")
        return _with_alpha(np.asarray(image).view(">u2").astype(np.uint16), None, 16, value_range)
    image.load()
    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint16)[..., None]
        return _with_alpha(values, _key(image, 65535), 16, value_range)
    if image.mode == "I":
        return from_integers(np.asarray(image)[..., None], None, 32, value_range)
    if image.mode == "F":
        return from_floats(np.asarray(image)[..., None], None, None, value_range)
    return _eight_bits(image, raw, value_range)


def raw_mode(image: ImageFile.ImageFile) -> str:
    """How the samples are stored, in Pillow's words, e.g. "RGB;16B"; "" if unknown. Only before the image is loaded."""
    arguments = image.tile[0].args if getattr(image, "tile", None) else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def both_bytes(image: ImageFile.ImageFile, reopen: Callable[[], ImageFile.ImageFile]) -> np.ndarray:
    """The samples of an image in a raw mode of `OTHER_BYTE`: uint16 [h, w, 3 or 4]."""
    raw = raw_mode(image)
    image.load()
    values = np.asarray(image).astype(np.uint16)
    values <<= 8
    with reopen() as second:
        _set_raw_mode(second, OTHER_BYTE[raw])
        second.load()
        values |= np.asarray(second)
    return values


def _set_raw_mode(image: ImageFile.ImageFile, raw: str) -> None:
    image.tile = [
        tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw) for tile in image.tile
    ]


def _with_alpha(values: np.ndarray, key: np.ndarray | None, bits: int, value_range: Range | None) -> Samples:
    """Samples of [h, w, 1 to 4] integers: gray or RGB, with the opacity last, or with a colour that is transparent."""
    colours = 1 if values.shape[-1] < 3 else 3
    alpha = values[..., -1] if values.shape[-1] > colours else None
    if key is not None:
        shown = (values[..., :colours] != key).any(-1)
        alpha = shown * values.dtype.type(2**bits - 1)
    return from_integers(values[..., :colours], alpha, bits, value_range)


def _key(image: Image.Image, largest: int) -> np.ndarray | None:
    """The colour that stands for transparent, [c] from 0 to `largest`; None if there is none."""
    key = image.info.get("transparency")
    if not isinstance(key, int | tuple):
        return None
    colour = np.atleast_1d(np.asarray(key))
    return colour if (colour <= largest).all() else None


def _eight_bits(image: Image.Image, raw: str, value_range: Range | None) -> Samples:
    """Samples of the modes with at most 8 bits per sample."""
    notes = _unread_channels(image)
    if image.mode in ("CMYK", "LAB"):
        image, converted = _to_rgb(image)
        notes += converted
    gray = image.mode in GRAY
    if image.mode in ("1", "L", "RGB") and "transparency" in image.info:
        values = np.asarray(image.convert("L" if gray else "RGB"))
        bits = {"L;2": 2, "L;4": 4}.get(raw, 8)
        key = _key(image, 2**bits - 1)
        # Pillow scales pixels of 2 or 4 bits, not the key; and that of 1 bit in some versions only.
        if key is not None:
            key = (key > 0) * 255 if image.mode == "1" else key * 255 // (2**bits - 1)
        samples = _with_alpha(values[..., None] if gray else values, key, 8, value_range)
    elif image.has_transparency_data:
        samples = _with_alpha(np.asarray(image.convert("LA" if gray else "RGBA")), None, 8, value_range)
    else:
        values = np.asarray(image.convert("L" if gray else "RGB"))
        samples = _with_alpha(values[..., None] if gray else values, None, 8, value_range)
    return samples._replace(notes=notes + samples.notes)


def unread_note(count: int) -> tuple[str, ...]:
    """The note about further channels of a TIFF; none if there are none."""
    if not count:
        return ()
    return (f"{count} further channel{'s' if count > 1 else ''} of the TIFF {'were' if count > 1 else 'was'} not read",)


def _unread_channels(image: Image.Image) -> tuple[str, ...]:
    """The note about the samples of a TIFF that Pillow skips without a word."""
    tags = getattr(image, "tag_v2", {})
    read = TIFF_COLOURS.get(tags.get(262, 2), 3) + image.mode.upper().endswith("A")
    return unread_note(max(0, int(tags.get(277, read)) - read))


def _to_rgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """A CMYK or CIELAB image as sRGB: through its colour profile if it has one, else by Pillow's formula.

    The formula for CMYK is red = (1 - cyan)(1 - black), and so on.
    """
    profile = image.info.get("icc_profile")
    standard = ImageCms.createProfile("sRGB")
    if image.mode == "LAB":
        converted = ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), standard, outputMode="RGB")
        assert converted is not None, "only a conversion in place returns nothing"
        return converted, ("CIELAB was converted to sRGB",)
    try:
        if profile:
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                standard,
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            assert converted is not None, "only a conversion in place returns nothing"
            return converted, ("CMYK was converted to sRGB through the file's colour profile",)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return image.convert("RGB"), ("CMYK was converted to RGB by formula, as the file's colour profile is unusable",)
    return image.convert("RGB"), ("CMYK was converted to RGB by formula, as the file has no colour profile",)


def _portable(image: ImageFile.ImageFile, content: bytes, value_range: Range | None) -> Samples:
    """Samples of a PGM or PPM file with any largest value: Pillow reduces colours of 16 bits to 8."""
    codec, _, offset, arguments = image.tile[0]
    largest = arguments[1] if isinstance(arguments, tuple) else 65535 if arguments == "I;16B" else 255
    shape = (image.height, image.width, 3 if image.mode == "RGB" else 1)
    count = int(np.prod(shape))
    if codec == "ppm_plain":
        text = re.sub(rb"#[^\r\n]*", b"", content[offset:]).decode("ascii")
        # Asked for a number of values, NumPy would make up those that the text lacks.
        values = np.fromstring(text, np.int64, sep=" ")[:count]
    else:
        kind = np.dtype(">u2" if largest > 255 else "u1")
        values = np.frombuffer(content, kind, min(count, (len(content) - offset) // kind.itemsize), offset)
    if len(values) < count:
        raise ImageError(f"ends after {len(values)} of {count} values: copy it again")
    if values.size and not 0 <= values.min() <= values.max() <= largest:
        raise ImageError(f"contains values above {largest}, the largest that its header states: write it again")
    top = 255 if largest < 256 else 65535
    kind = np.dtype(np.uint8 if top == 255 else np.uint16)
    if value_range is None and largest != top:
        values = (values.astype(np.uint32) * top + largest // 2) // largest
    return from_integers(values.reshape(shape).astype(kind), None, top.bit_length(), value_range)
