"""TIFF files of more than 8 bits, signed and floating-point: the values that the file states, whatever wrote it."""

import io

import numpy as np
import pytest
import tifffile
from image_writers import tiff
from PIL import Image, ImageCms

from aeden.data.image_files import ImageError, Limits, decode_image
from aeden.data.image_metadata import metadata_of

CMYK = 5


def integers(rng, kind, *shape):
    return rng.integers(0, np.iinfo(kind).max, shape, dtype=kind, endpoint=True)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("channels", "photometric"), [(1, 1), (3, 2)])
@pytest.mark.parametrize("compression", [1, 8])
def test_16_bits_in_either_byte_order(rng, order, channels, photometric, compression):
    values = integers(rng, np.uint16, 5, 7, channels)
    image = decode_image(tiff(values, photometric, order, compression=compression))
    np.testing.assert_array_equal(image.pixels, values)
    assert (image.pixels.dtype, image.black, image.white, image.format) == (np.uint16, 0, 65535, "TIFF")
    assert image.pixels.dtype.isnative


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_gray_of_16_bits(rng, compression):
    values = integers(rng, np.uint16, 40, 30)
    content = io.BytesIO()
    Image.fromarray(values).save(content, "tiff", compression=compression)
    np.testing.assert_array_equal(decode_image(content.getvalue()).pixels[..., 0], values)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_white_may_be_zero(rng, order, kind):
    values = rng.random((4, 5, 1)).astype(kind) if kind == np.float32 else integers(rng, kind, 4, 5, 1)
    image = decode_image(tiff(values, 0, order))
    np.testing.assert_allclose(image.unit(), 1 - values / image.white, atol=1e-6)


def test_12_bits_are_scaled_to_16():
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64, 1)
    image = decode_image(tiff(values, bits=12))
    np.testing.assert_array_equal(image.pixels, np.floor(values / 4095 * 65535 + 0.5))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [1, 8])
def test_32_bit_integers_have_the_range_of_their_type(rng, order, compression):
    values = integers(rng, np.uint32, 6, 5, 1)
    image = decode_image(tiff(values, 1, order, compression=compression))
    assert (image.pixels.dtype, image.black, image.white) == (np.float32, 0, 2**32 - 1)
    np.testing.assert_allclose(image.unit(), values / (2**32 - 1), atol=1e-7)
    np.testing.assert_array_equal(image.uint8(), np.floor(values / (2**32 - 1) * 255 + 0.5))


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32])
def test_signed_integers_need_a_range_if_any_is_negative(rng, kind):
    values = integers(rng, kind, 6, 5, 1)
    largest = np.iinfo(kind).max
    np.testing.assert_allclose(decode_image(tiff(values)).unit(), values / largest, atol=1e-6)
    values[0, 0] = -5
    content = tiff(values)
    with pytest.raises(ImageError, match=r"signed integers from -5 .* value_range"):
        decode_image(content)
    unit = decode_image(content, value_range=(-5, largest)).unit()
    np.testing.assert_allclose(unit, (values.astype(float) + 5) / (largest + 5), atol=1e-6)


@pytest.mark.parametrize(("kind", "type_"), [(np.float32, 11), (np.float64, 12)])
@pytest.mark.parametrize(("channels", "photometric"), [(1, 1), (3, 2)])
def test_floats_have_the_range_that_is_given_or_stated(rng, kind, type_, channels, photometric):
    values = rng.uniform(-3, 9, (6, 5, channels)).astype(kind)
    stated = [(340, type_, [-4.0] * channels), (341, type_, [10.0] * channels)]
    image = decode_image(tiff(values, photometric, tags=stated))
    assert (image.black, image.white, image.pixels.dtype) == (-4, 10, np.float32)
    np.testing.assert_allclose(image.unit(), (values + 4) / 14, atol=1e-6)
    given = decode_image(tiff(values, photometric, tags=stated), value_range=(-3, 9))
    np.testing.assert_allclose(given.unit(), (values + 3) / 12, atol=1e-6)
    with pytest.raises(ImageError, match=r"does not state which are black and white: give them as value_range"):
        decode_image(tiff(values, photometric))


def test_values_that_float32_does_not_hold_are_refused(rng):
    content = tiff(rng.uniform(0, 1e300, (4, 5, 1)))
    with pytest.raises(ImageError, match="more than float32 holds"):
        decode_image(content, value_range=(0, 1e30))


@pytest.mark.parametrize("compression", [1, 8])
def test_floats_from_0_to_1_need_no_range(rng, compression):
    values = rng.random((6, 5, 1)).astype(np.float32)
    image = decode_image(tiff(values, compression=compression))
    np.testing.assert_array_equal(image.unit(), values)
    values[2, 3] = np.nan
    with pytest.raises(ImageError, match="NaN"):
        decode_image(tiff(values, compression=compression))


def test_half_precision_and_separate_planes(rng):
    half = rng.random((6, 5, 1)).astype(np.float16)
    np.testing.assert_array_equal(decode_image(tiff(half)).pixels, half)
    for kind in (np.float32, np.uint16):
        planes = rng.random((3, 6, 5)).astype(kind) if kind == np.float32 else integers(rng, kind, 3, 6, 5)
        content = io.BytesIO()
        tifffile.imwrite(content, planes, photometric="rgb", planarconfig="separate")
        np.testing.assert_array_equal(decode_image(content.getvalue()).pixels, planes.transpose(1, 2, 0))


@pytest.mark.parametrize("extra", [1, 2])
@pytest.mark.parametrize("compression", [1, 8])
def test_16_bit_alpha_of_both_kinds(rng, extra, compression):
    """1: the colours are stored multiplied by their opacity; 2: as they are."""
    alpha = integers(rng, np.uint16, 8, 9, 1) // 2 + 20000
    colours = integers(rng, np.uint16, 8, 9, 3)
    stored = np.rint(colours * (alpha / 65535)).astype(np.uint16) if extra == 1 else colours
    values = np.concatenate([stored, alpha], axis=-1)
    image = decode_image(tiff(values, 2, compression=compression, tags=[(338, 3, [extra])]))
    np.testing.assert_array_equal(image.alpha, alpha[..., 0])
    # The multiplied colours were rounded: 2 levels of 65,535 at an opacity above 0.3.
    np.testing.assert_allclose(image.pixels.astype(float), colours, atol=2 if extra == 1 else 0)


def test_16_bit_gray_with_alpha(rng):
    values = integers(rng, np.uint16, 4, 5, 2)
    image = decode_image(tiff(values, 1, tags=[(338, 3, [2])]))
    np.testing.assert_array_equal(image.pixels, values[..., :1])
    np.testing.assert_array_equal(image.alpha, values[..., 1])


def test_further_channels_are_named(rng):
    values = integers(rng, np.uint16, 4, 5, 4)
    image = decode_image(tiff(values, 1, tags=[(338, 3, [0, 0, 0])]))
    np.testing.assert_array_equal(image.pixels, values[..., :1])
    assert image.notes == ("3 further channels of the TIFF were not read",)


@pytest.mark.parametrize(
    ("channels", "photometric", "extra", "said"),
    [
        (2, 1, (0,), 1),
        (4, 2, (0,), 1),
        (5, 2, (0, 0), 2),
        (5, 2, (2, 0), 1),
        (4, 2, (2,), 0),
        (3, 2, (), 0),
        (4, 5, (), 0),
    ],
)
def test_further_channels_of_8_bits_are_named_too(rng, channels, photometric, extra, said):
    values = integers(rng, np.uint8, 4, 5, channels)
    image = decode_image(tiff(values, photometric, tags=[(338, 3, list(extra))] if extra else []))
    if photometric != CMYK:
        np.testing.assert_array_equal(image.pixels, values[..., : image.pixels.shape[-1]])
    words = {
        0: [],
        1: ["1 further channel of the TIFF was not read"],
        2: ["2 further channels of the TIFF were not read"],
    }
    assert [note for note in image.notes if "further" in note] == words[said]


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.uint32])
def test_what_a_tiff_says_is_kept_whatever_its_samples_are(rng, kind, big):
    """Pillow cannot open RGB of the last two kinds."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    values = rng.uniform(0, 1, (6, 5, 3)) * (1 if kind == np.float32 else np.iinfo(kind).max)
    content = io.BytesIO()
    tifffile.imwrite(
        content,
        values.astype(kind),
        photometric="rgb",
        bigtiff=big,
        byteorder=">",
        iccprofile=profile,
        resolution=(100, 50),
        resolutionunit="centimeter",
        description="a page",
        software="a program",
        extratags=[(274, 3, 1, 6, True), (700, 1, 19, b'<x tiff:Other="6"/>', True)],
    )
    image = decode_image(content.getvalue())
    assert image.info["icc_profile"] == profile
    assert image.info["xmp"].startswith(b"<x tiff")
    assert image.info["dpi"] == pytest.approx((127, 254))
    tags = metadata_of(image, content.getvalue()).exif_tags()
    assert (tags[270], tags[305]) == ("a page", "a program")
    assert 274 not in tags
    # As an EXIF block of another file.
    jpeg = io.BytesIO()
    Image.new("RGB", (4, 4)).save(jpeg, "JPEG", exif=image.info["exif"])
    assert Image.open(jpeg).getexif()[270] == "a page"


def test_16_bit_cmyk(rng):
    ink = integers(rng, np.uint16, 4, 5, 4)
    image = decode_image(tiff(ink, CMYK))
    share = ink / 65535
    np.testing.assert_allclose(image.pixels, 65535 * (1 - share[..., :3]) * (1 - share[..., 3:]), atol=0.51)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [1, 8])
def test_the_orientation_of_deep_images(orientation, compression):
    upright = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    stored = [upright, upright[:, ::-1], upright[::-1, ::-1], upright[::-1]]
    stored += [upright.T, upright.T[::-1], upright.T[::-1, ::-1], upright.T[:, ::-1]]
    values = stored[orientation - 1][..., None]
    image = decode_image(tiff(values, compression=compression, tags=[(274, 3, [orientation])]))
    np.testing.assert_array_equal(image.pixels[..., 0], upright)


def test_pages_of_a_deep_tiff(rng):
    pages = [rng.random((4 + i, 5, 3)).astype(np.float32) for i in range(3)]
    content = io.BytesIO()
    with tifffile.TiffWriter(content) as writer:
        for page in pages:
            writer.write(page, photometric="rgb")
    for i, page in enumerate(pages):
        image = decode_image(content.getvalue(), frame=i)
        np.testing.assert_array_equal(image.pixels, page)
        assert (image.frames, image.notes) == (3, ("1 of 3 frames was read",))
    with pytest.raises(ImageError, match="no page 3"):
        decode_image(content.getvalue(), frame=3)


def test_pages_of_several_kinds(rng):
    pages = [integers(rng, np.uint8, 4, 5), rng.random((4, 5, 3)).astype(np.float32), integers(rng, np.uint16, 4, 5)]
    content = io.BytesIO()
    with tifffile.TiffWriter(content) as writer:
        for page in pages:
            writer.write(page, photometric="rgb" if page.ndim == 3 else "minisblack")
        # tifffile alone would take its bits for bytes, Pillow alone cannot open the page with floats.
        writer.write(pages[0] > 128, photometric="minisblack")
    for i, page in enumerate([*pages, (pages[0] > 128) * 255]):
        image = decode_image(content.getvalue(), frame=i)
        np.testing.assert_array_equal(image.pixels.squeeze(), page)
        assert image.frames == 4
    with pytest.raises(ImageError, match="has no"):
        decode_image(content.getvalue(), frame=4)


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
@pytest.mark.parametrize("compression", [1, 8])
def test_a_tiff_that_ends_early_is_an_error(rng, kind, compression):
    values = rng.random((50, 50, 1)).astype(kind) if kind == np.float32 else integers(rng, kind, 50, 50, 1)
    good = tiff(values, compression=compression)
    # The strip is said to be longer than it is, as if the file had lost its end.
    content = good.replace(np.uint32(50 * 50 * values.itemsize).tobytes(), np.uint32(10**6).tobytes())
    content = content if compression == 1 else good[:8] + bytes(100) + good[108:]
    assert content != good
    with pytest.raises(ImageError, match=r"ends early|damaged|cannot be decoded"):
        decode_image(content)


def test_a_tiff_that_unpacks_to_more_than_its_image_is_refused():
    values = np.zeros((300, 200, 3), np.float32)
    content = tiff(values, 2, compression=8)
    small = content.replace(np.uint32(300).tobytes(), np.uint32(3).tobytes())
    with pytest.raises(ImageError, match="larger than its image"):
        decode_image(small)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_volume_is_refused(kind):
    content = io.BytesIO()
    tifffile.imwrite(content, np.zeros((5, 32, 32), kind), photometric="minisblack", volumetric=True)
    with pytest.raises(ImageError, match="axes ZYX: save each plane as an image of its own"):
        decode_image(content.getvalue())


def test_limits_of_deep_images():
    content = tiff(np.zeros((20, 30, 3), np.float32), 2)
    with pytest.raises(ImageError, match=r"30 x 20 pixels, more than 599"):
        decode_image(content, limits=Limits(pixels=599))
    with pytest.raises(ImageError, match=r"needs 7.0 KiB, more than 100 bytes"):
        decode_image(content, limits=Limits(memory=100))
