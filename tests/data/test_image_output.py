"""Images written back: read again by aeden, by Pillow, by tifffile and by pypng, they are what was written."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from image_writers import RGB, png
from PIL import Image, ImageCms, JpegImagePlugin

from aeden.data.image_files import decode_image
from aeden.data.image_limits import ImageError
from aeden.data.image_metadata import Metadata, left_out, metadata_of
from aeden.data.image_output import FORMATS, HOLDS, Page, check_holds, format_of_suffix, write_image

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ARTIST, EXPOSURE, EXIF_FOLDER = 315, 0x829A, 0x8769


def samples(dtype, channels, height=21, width=17):
    rng = np.random.default_rng(channels)
    values = rng.uniform(size=(height, width, channels))
    top = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    return (np.rint(values * top) if top > 1 else values).astype(dtype)


def written(name, *pages):
    file = io.BytesIO()
    write_image(file, name, iter(pages))
    return file.getvalue()


def exif_block():
    exif = Image.Exif()
    exif[ARTIST] = "A. Painter"
    exif.get_ifd(EXIF_FOLDER)[EXPOSURE] = 0.25
    return exif.tobytes()


LOSSLESS = [
    (name, dtype, channels, opacity)
    for name in ("PNG", "TIFF", "WEBP", "BMP")
    for dtype in HOLDS[name][0]
    for channels in (1, 3)
    for opacity in ((False, True) if HOLDS[name][1] else (False,))
]


@pytest.mark.parametrize(("name", "dtype", "channels", "opacity"), LOSSLESS)
def test_pixels_and_opacity_are_read_again_as_they_were(name, dtype, channels, opacity):
    page = Page(samples(dtype, channels), samples(dtype, 2)[..., 0] if opacity else None)
    decoded = decode_image(written(name, page))
    assert decoded.format == name
    # WebP has no gray images.
    expected = np.repeat(page.pixels, 3, axis=2) if name == "WEBP" and channels == 1 else page.pixels
    np.testing.assert_array_equal(decoded.pixels, expected)
    assert decoded.pixels.dtype == dtype
    if opacity:
        np.testing.assert_array_equal(decoded.alpha, page.alpha)
    else:
        assert decoded.alpha is None


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pngs_of_16_bits_are_those_that_pypng_reads(channels):
    png = pytest.importorskip("png")
    values = samples("uint16", channels, height=300)
    page = Page(values[..., : channels - 1], values[..., -1]) if channels in (2, 4) else Page(values)
    content = written("PNG", page)
    width, height, rows, info = png.Reader(bytes=content).read()
    assert (width, height, info["bitdepth"], info["planes"]) == (17, 300, 16, channels)
    np.testing.assert_array_equal(np.stack([np.asarray(row) for row in rows]).reshape(300, 17, channels), values)
    with Image.open(io.BytesIO(content)) as image:
        image.verify()  # every chunk has the right checksum


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pages_of_a_tiff_are_those_that_tifffile_reads(dtype, channels, monkeypatch):
    monkeypatch.setattr("aeden.data.tiff_output.STRIP", 500)  # several strips
    pages = [samples(dtype, channels, height) for height in (21, 8, 1)]
    opacity = channels in (2, 4)
    page = [Page(one[..., :-1], one[..., -1]) if opacity else Page(one) for one in pages]
    content = written("TIFF", *page)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        assert len(file.pages) == 3
        for found, expected in zip(file.pages, pages, strict=True):
            assert [int(kind) for kind in found.extrasamples] == [2] * opacity
            np.testing.assert_array_equal(_undone(found, expected.shape), expected)
    for number, one in enumerate(page):
        decoded = decode_image(content, frame=number)
        np.testing.assert_array_equal(decoded.pixels, one.pixels)


def _undone(page, shape):
    """The samples of a page by its own tags, since tifffile needs another package for predictors."""
    import zlib

    file, parts = page.parent.filehandle, []
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        file.seek(offset)
        parts.append(np.frombuffer(zlib.decompress(file.read(count)), page.dtype.newbyteorder("<")))
    values = np.concatenate(parts).reshape(shape)
    return np.cumsum(values, axis=1, dtype=page.dtype) if page.predictor == 2 else values


@pytest.mark.parametrize(
    ("name", "dtype"), [("PNG", "uint8"), ("PNG", "uint16"), ("TIFF", "uint16"), ("JPEG", "uint8")]
)
def test_profile_exif_resolution_and_xmp_are_kept(name, dtype):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'
    metadata = Metadata(icc_profile=SRGB, exif=exif_block(), dpi=(300.0, 150.0), xmp=xmp, text={"Title": "Grüße"})
    content = written(name, Page(samples(dtype, 3), metadata=metadata))
    decoded = decode_image(content)
    assert decoded.info["icc_profile"] == SRGB
    assert decoded.info["dpi"] == pytest.approx((300, 150), abs=0.1)
    assert decoded.info["xmp"].strip(b"\0") == xmp
    tags = metadata_of(decoded, content).exif_tags()
    assert tags[ARTIST] == "A. Painter"
    assert float(tags[EXIF_FOLDER][EXPOSURE]) == 0.25
    if name == "PNG":
        assert decoded.info["text"] == {"Title": "Grüße"}
    # And once more, from what was read.
    again = decode_image(written(name, Page(decoded.pixels, metadata=metadata_of(decoded, content))))
    assert {key: again.info[key] for key in decoded.info} == dict(decoded.info)


def test_a_profile_for_other_channels_is_not_written():
    content = written("PNG", Page(samples("uint8", 1), metadata=Metadata(icc_profile=SRGB)))
    decoded = decode_image(content)
    assert metadata_of(decoded, content).icc_profile is None
    assert left_out(decoded) == ("its colour profile is not one for gray pixels, and was left out",)
    assert not left_out(decode_image(written("PNG", Page(samples("uint8", 3), metadata=Metadata(icc_profile=SRGB)))))


@pytest.mark.parametrize(("quality", "sampling"), [(40, 2), (90, 0)])
def test_jpegs_keep_quality_sampling_and_comment(quality, sampling):
    file = io.BytesIO()
    image = Image.fromarray(samples("uint8", 3, 64, 64))
    image.save(file, "JPEG", quality=quality, subsampling=sampling, comment=b"a comment", progressive=True)
    decoded = decode_image(file.getvalue())
    content = written("JPEG", Page(decoded.pixels, metadata=metadata_of(decoded, file.getvalue())))
    with Image.open(file) as before, Image.open(io.BytesIO(content)) as after:
        assert after.quantization == before.quantization
        assert JpegImagePlugin.get_sampling(after) == sampling
        assert after.info["comment"] == b"a comment"
        assert after.info["progressive"]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("profile", [None, SRGB])
def test_what_a_png_says_of_its_colours_is_kept(bits, profile):
    """Without its code points, a picture for HDR looks pale."""
    chunks = [
        (b"cICP", bytes([9, 16, 0, 1])),
        (b"gAMA", struct.pack(">I", 45455)),
        (b"cHRM", struct.pack(">8I", 31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600)),
        (b"iCCP", b"any\0\0" + zlib.compress(profile)) if profile else (b"sRGB", b"\1"),
    ]
    content = png(samples("uint8" if bits == 8 else "uint16", 3), bits, RGB, chunks)
    decoded = decode_image(content)
    again = written("PNG", Page(decoded.pixels, metadata=metadata_of(decoded, content)))
    kept = {name: body for name, body in chunks_of(again) if name in dict(chunks)}
    assert kept.keys() == dict(chunks).keys()
    assert {name: body for name, body in kept.items() if name != b"iCCP"} == dict(
        chunk for chunk in chunks if chunk[0] != b"iCCP"
    )
    assert decode_image(again).info.get("icc_profile") == profile


def chunks_of(content):
    """The (name, content) of the chunks of a PNG."""
    at = 8
    while at < len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        yield name, content[at + 8 : at + 8 + length]
        at += 12 + length


@pytest.mark.parametrize("numbers", [(1, 0), (0, 2), (2, 3)])
def test_the_tables_of_a_jpeg_may_have_any_numbers(numbers):
    file = io.BytesIO()
    Image.fromarray(samples("uint8", 3)).save(file, "JPEG", quality=60)
    content = bytearray(file.getvalue())
    before, frame = tables_of(content), content.index(b"\xff\xc0")
    places = [content.index(b"\xff\xdb\0\x43" + bytes([table])) + 4 for table in (0, 1)]
    for place, number in zip(places, numbers, strict=True):
        content[place] = number
    for component, number in enumerate((numbers[0], numbers[1], numbers[1])):
        content[frame + 12 + 3 * component] = number
    decoded = decode_image(bytes(content))
    again = written("JPEG", Page(decoded.pixels, metadata=metadata_of(decoded, bytes(content))))
    assert tables_of(content) == tables_of(again) == before
    assert before[0] != before[1]


def tables_of(content):
    """The table of each component of a JPEG."""
    with Image.open(io.BytesIO(content)) as image:
        return [list(image.quantization[layer[3]]) for layer in image.layer]


def test_the_range_of_a_float_image_is_written_and_read_again():
    pixels = samples("float32", 3) * 5000 - 1000
    decoded = decode_image(written("TIFF", Page(pixels)), value_range=(-1000.0, 4000.0))
    content = written("TIFF", Page(decoded.pixels, metadata=metadata_of(decoded, b"")))
    again = decode_image(content)
    assert (again.black, again.white) == (-1000, 4000)
    np.testing.assert_array_equal(again.pixels, pixels)


@pytest.mark.parametrize(
    ("name", "dtype", "opacity", "pages", "said"),
    [
        ("JPEG", "uint16", False, 1, "16-bit image: name the result .png or .tif"),
        ("PNG", "float32", False, 1, "float image: name the result .tif"),
        ("JPEG", "uint8", True, 1, "opacity"),
        ("PNG", "uint8", False, 3, "3 pages"),
    ],
)
def test_a_format_that_cannot_hold_an_image_is_refused(name, dtype, opacity, pages, said):
    with pytest.raises(ImageError, match=said):
        check_holds(name, np.dtype(dtype), opacity, pages, (9, 9))
    with pytest.raises(ImageError, match="at most 16383 pixels"):
        check_holds("WEBP", np.dtype("uint8"), False, 1, (9, 20000))


def test_formats_of_suffixes():
    assert {format_of_suffix(suffix.upper()) for suffix in FORMATS} == set(HOLDS)
    for suffix, said in ((".gif", "256 colours"), (".txt", "no format for results"), ("", "a name without suffix")):
        with pytest.raises(ImageError, match=said):
            format_of_suffix(suffix)


def test_metadata_that_cannot_be_written_are_left_out():
    metadata = Metadata(exif=b"Exif\0\0II*\0broken")
    np.testing.assert_array_equal(
        decode_image(written("TIFF", Page(samples("uint8", 1), metadata=metadata))).pixels, samples("uint8", 1)
    )
