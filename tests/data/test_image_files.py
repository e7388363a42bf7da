"""Decoding image files: each kind gives the values that the file states, whatever wrote it."""

import contextlib
import io
import struct
import subprocess
import sys

import numpy as np
import png as pypng
import pytest
from conftest import ROOT
from image_writers import GRAY, GRAY_ALPHA, PALETTE, RGB, RGBA, cmyk_profile, png, tiff
from PIL import Image, ImageCms, features

from aeden.data.image_files import DecodedImage, ImageError, Limits, decode_image


def saved(image, kind="png", **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def cmyk(ink):
    return Image.frombytes("CMYK", ink.shape[1::-1], ink.tobytes())


def integers(rng, *shape, bits=8):
    return rng.integers(0, 2**bits, shape, dtype=np.uint16 if bits > 8 else np.uint8)


@pytest.mark.parametrize(("colour_type", "channels"), [(GRAY, 1), (RGB, 3), (GRAY_ALPHA, 2), (RGBA, 4)])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("filter_type", [0, 1])
def test_png_keeps_all_bits_and_its_alpha(rng, colour_type, channels, bits, filter_type):
    values = integers(rng, 5, 7, channels, bits=bits)
    image = decode_image(png(values, bits, colour_type, filter_type=filter_type))
    colours = 1 if channels < 3 else 3
    assert image.pixels.dtype == (np.uint16 if bits == 16 else np.uint8)
    assert (image.black, image.white, image.format, image.frames) == (0, 2**bits - 1, "PNG", 1)
    np.testing.assert_array_equal(image.pixels, values[..., :colours])
    if channels in (2, 4):
        np.testing.assert_array_equal(image.alpha, values[..., -1])
    else:
        assert image.alpha is None


def test_a_full_range_16_bit_png_is_scaled_and_not_clipped():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    image = decode_image(png(values, 16))
    exact = values.astype(np.float64) / 65535
    np.testing.assert_allclose(image.unit(), exact, atol=1e-7)
    np.testing.assert_array_equal(image.uint8(), np.floor(exact * 255 + 0.5).astype(np.uint8))
    assert image.unit().dtype == np.float32


def test_an_interlaced_16_bit_png(rng):
    # Pillow decodes it in seven passes.
    values = integers(rng, 9, 11, 3, bits=16)
    content = io.BytesIO()
    pypng.Writer(11, 9, greyscale=False, bitdepth=16, interlace=True).write(content, values.reshape(9, -1).tolist())
    np.testing.assert_array_equal(decode_image(content.getvalue()).pixels, values)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_gray_of_few_bits_with_a_transparent_value(bits):
    values = (np.arange(48) % 2**bits).astype(np.uint8).reshape(6, 8, 1)
    image = decode_image(png(values, bits, GRAY, [(b"tRNS", struct.pack(">H", 1))]))
    np.testing.assert_array_equal(image.pixels, values * (255 // (2**bits - 1)))
    np.testing.assert_array_equal(image.alpha, np.where(values[..., 0] == 1, 0, 255))


@pytest.mark.parametrize(
    ("bits", "colour_type", "key"), [(16, GRAY, (300,)), (16, RGB, (1, 2, 300)), (8, RGB, (1, 2, 3))]
)
def test_a_transparent_colour(rng, bits, colour_type, key):
    values = integers(rng, 4, 6, len(key), bits=bits)
    values[1, 2] = key
    image = decode_image(png(values, bits, colour_type, [(b"tRNS", struct.pack(f">{len(key)}H", *key))]))
    expected = np.full((4, 6), 2**bits - 1)
    expected[1, 2] = 0
    np.testing.assert_array_equal(image.pixels, values)
    np.testing.assert_array_equal(image.alpha, expected)


@pytest.mark.parametrize("transparent", [None, bytes([0, 100, 255]), bytes([255, 0])])
def test_a_palette_gives_its_colours(rng, transparent):
    palette = integers(rng, 4, 3)
    values = (np.arange(15) % 4).astype(np.uint8).reshape(3, 5, 1)
    chunks = [(b"PLTE", palette.tobytes())] + ([(b"tRNS", transparent)] if transparent else [])
    image = decode_image(png(values, 8, PALETTE, chunks))
    np.testing.assert_array_equal(image.pixels, palette[values[..., 0]])
    if transparent:
        opacity = np.frombuffer(transparent.ljust(4, b"\xff"), np.uint8)
        np.testing.assert_array_equal(image.alpha, opacity[values[..., 0]])
    assert image.mode == "P"


def test_one_bit_images_are_black_and_white(rng):
    values = integers(rng, 6, 9, 1) % 2
    image = decode_image(png(values, 1))
    np.testing.assert_array_equal(image.pixels, values * 255)


def test_a_sprite_drawn_in_its_alpha(rng):
    shape = integers(rng, 6, 6)
    for colour, expected in ((10, 255 - shape / 255 * 245), (200, shape / 255 * 200)):
        values = np.dstack([np.full((6, 6, 3), colour, np.uint8), shape])
        image = decode_image(png(values, 8, RGBA))
        np.testing.assert_array_equal(image.pixels, values[..., :3])
        seen = image.opaque()
        assert seen.alpha is None
        assert "drawn in its alpha" in seen.notes[0]
        np.testing.assert_allclose(seen.pixels[..., 1], expected, atol=0.51)
    values[0, 0, 0] ^= 1
    image = decode_image(png(values, 8, RGBA)).opaque()
    np.testing.assert_array_equal(image.pixels, values[..., :3])
    assert (image.alpha, image.notes) == (None, ())


def test_an_opaque_alpha_channel_is_left_out(rng):
    values = np.dstack([integers(rng, 3, 4, 3), np.full((3, 4), 255, np.uint8)])
    assert decode_image(png(values, 8, RGBA)).alpha is None


def test_cmyk_by_formula(rng):
    ink = integers(rng, 4, 5, 4)
    image = decode_image(saved(cmyk(ink), "tiff"))
    share = ink / 255
    np.testing.assert_allclose(image.pixels, 255 * (1 - share[..., :3]) * (1 - share[..., 3:]), atol=1.01)
    assert image.mode == "CMYK"
    assert "by formula, as the file has no colour profile" in image.notes[0]


def test_cmyk_goes_through_its_profile():
    """Without a profile cyan, magenta and yellow ink are colours; by this one each is a gray of a known lightness."""
    lightness = np.full((2, 2, 2, 2), 0)
    lightness[0, 0, 0, 0], lightness[1, 0, 0, 0], lightness[0, 1, 0, 0], lightness[0, 0, 1, 0] = 255, 128, 64, 200
    ink = np.eye(4, dtype=np.uint8)[None] * 255
    ink[0, 3] = 0  # the paper
    content = saved(cmyk(ink), "tiff", icc_profile=cmyk_profile(lightness))
    image = decode_image(content)
    light = np.array([128, 64, 200, 255]) / 255 * 100
    # CIE 1976 lightness to luminance, and sRGB's transfer function.
    y = np.where(light > 8, ((light + 16) / 116) ** 3, light / 903.3)
    expected = 255 * np.where(y > 0.0031308, 1.055 * y ** (1 / 2.4) - 0.055, 12.92 * y)
    np.testing.assert_allclose(image.pixels[0], np.repeat(expected[:, None], 3, axis=1), atol=2)
    assert image.notes == ("CMYK was converted to sRGB through the file's colour profile",)
    assert "icc_profile" not in image.info


def test_cmyk_with_an_unusable_profile(rng):
    image = decode_image(saved(cmyk(integers(rng, 4, 5, 4)), "tiff", icc_profile=b"x" * 200))
    assert "the file's colour profile is unusable" in image.notes[0]
    assert "icc_profile" not in image.info


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "png16"])
def test_the_orientation_is_applied(orientation, kind):
    # By the specification: where row 0 and column 0 of what is stored lie in the upright image.
    upright = np.kron(np.array([[0, 90, 180], [255, 40, 130]], np.uint8), np.ones((8, 8), np.uint8))
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: upright.T[::-1],
        7: upright.T[::-1, ::-1],
        8: upright.T[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "maker"
    if kind == "png16":
        body = exif.tobytes().removeprefix(b"Exif\0\0")
        values = np.repeat(stored[..., None], 3, axis=2).astype(np.uint16) * 257
        content = png(values, 16, RGB, after=[(b"eXIf", body)])
    else:
        content = saved(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif)
    image = decode_image(content)
    np.testing.assert_allclose(image.uint8()[..., 0], upright, atol=4 if kind == "jpeg" else 0)
    kept = Image.Exif()
    kept.load(image.info["exif"])
    assert (kept.get(0x0112), kept.get(0x010F)) == (None, "maker")


def test_what_is_needed_to_write_an_image_back(rng):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(integers(rng, 4, 5, 3))
    info = decode_image(saved(image, icc_profile=profile, dpi=(300, 300))).info
    assert info["icc_profile"] == profile
    np.testing.assert_allclose(info["dpi"], 300, rtol=1e-3)
    assert decode_image(saved(image, "jpeg", comment=b"a comment")).info["comment"] == b"a comment"


@pytest.mark.parametrize("kind", ["gif", "tiff", "webp", "png"])
def test_the_first_frame_is_read_and_the_others_are_named(kind):
    frames = [Image.new("RGB", (6, 4), (level, level, level)) for level in (0, 255, 0)]
    options = {"lossless": True} if kind == "webp" else {}
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    image = decode_image(content)
    assert (image.frames, image.notes) == (3, ("1 of 3 frames was read",))
    assert image.pixels.max() == 0
    assert decode_image(content, frame=1).pixels.min() == 255
    with pytest.raises(ImageError, match="no frame 3: its 3 frames count from 0"):
        decode_image(content, frame=3)


@pytest.mark.parametrize(
    ("header", "kind", "channels", "largest"),
    [
        (b"P5", ">u2", 1, 65535),
        (b"P5", ">u2", 1, 4095),
        (b"P6", ">u2", 3, 65535),
        (b"P6", ">u2", 3, 1000),
        (b"P5", "u1", 1, 255),
        (b"P6", "u1", 3, 15),
        (b"P2", "text", 1, 4095),
        (b"P3", "text", 3, 1000),
    ],
)
def test_portable_maps_of_any_depth(rng, header, kind, channels, largest):
    values = rng.integers(0, largest + 1, (4, 5, channels))
    values[0, 0] = largest
    body = " ".join(map(str, values.ravel())).encode() if kind == "text" else values.astype(kind).tobytes()
    image = decode_image(b"%s\n# comment\n5 4\n%d\n" % (header, largest) + body)
    top = 255 if largest < 256 else 65535
    np.testing.assert_array_equal(image.pixels, np.floor(values / largest * top + 0.5))
    assert image.white == top


def test_a_given_range_scales_integers(rng):
    values = rng.integers(0, 4096, (8, 8, 1)).astype(np.uint16)
    values[0, 0] = 4095
    content = png(values, 16)
    assert "brightest value is 4095 of 65535" in decode_image(content).notes[0]
    image = decode_image(content, value_range=(0, 4095))
    np.testing.assert_allclose(image.unit(), values / 4095, atol=1e-7)
    assert image.notes == ()
    clipped = decode_image(content, value_range=(100, 2000))
    assert (clipped.unit().min(), clipped.unit().max()) == (0, 1)
    assert "outside of the range from 100 to 2000" in clipped.notes[0]
    with pytest.raises(ValueError, match="two different numbers"):
        decode_image(content, value_range=(3, 3))


MODES = {
    "png": ("1", "L", "LA", "P", "RGB", "RGBA"),
    "jpeg": ("1", "L", "RGB", "CMYK", "YCbCr"),
    "bmp": ("1", "L", "P", "RGB", "RGBA"),
    "gif": ("1", "L", "LA", "P", "RGB", "RGBA"),
    "tiff": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"),
    "webp": ("L", "RGB", "RGBA"),
    **({"avif": ("RGB", "RGBA")} if features.check("avif") else {}),
}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes])
def test_8_bit_images_keep_the_pixels_of_earlier_versions(rng, mode, kind):
    """The hash of a data set is that of its pixels: what was read right before must stay as it was."""
    image = Image.fromarray(integers(rng, 5, 7, 3)).convert(mode)
    content = saved(image, kind)
    with Image.open(io.BytesIO(content)) as opened:
        gray = opened.mode in ("1", "L", "LA")
        before = np.asarray(opened.convert("L" if gray else "RGB"))
    np.testing.assert_array_equal(decode_image(content).opaque().uint8(), before[..., None] if gray else before)


@pytest.mark.parametrize("keep", [4, 40, 60, -40])
def test_a_damaged_image_is_an_error(rng, keep):
    content = png(integers(rng, 50, 50, 3, bits=16), 16, RGB)
    with pytest.raises(ImageError, match=r"damaged|convert or remove it"):
        decode_image(content[:keep])


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "empty file"),
        (b"a text file", r"neither a PNG, .* nor a PGM or PPM image, whatever its name: convert or remove it"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "neither a PNG"),
        (b"P5 4 4 255 ab", "ends after 2 of 16 values"),
        (b"P5 1 1 9 a", "above 9"),
        (b"P2 3 1 999 12 ", "ends after 1 of 3 values"),
        (b"P2 3 1 999 12 abc 3", "damaged"),
        (b"P5 0 3 255 ", "neither a PNG"),
        (b"II*\0garbage", "TIFF without an image"),
    ],
)
def test_what_is_not_an_image_is_an_error_of_one_line(content, match):
    with pytest.raises(ImageError, match=match) as error:
        decode_image(content)
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        decode_image(tmp_path / "none.png")
    with pytest.raises(ImageError, match="a folder, not a file"):
        decode_image(tmp_path)


def test_limits_name_the_remedy(rng, monkeypatch):
    content = png(integers(rng, 20, 30, 1))
    with pytest.raises(ImageError, match=r"30 x 20 pixels, more than 599 in all: scale it down or cut it into parts"):
        decode_image(content, limits=Limits(pixels=599))
    assert isinstance(decode_image(content, limits=Limits(pixels=600)), DecodedImage)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ImageError, match="more than 200 pixels: scale it down"):
        decode_image(content)


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "tiff", "bmp", "webp", "deep png", "deep tiff"])
def test_damage_anywhere_is_an_image_error_or_harmless(rng, kind):
    if kind == "deep png":
        content = png(integers(rng, 12, 14, 3, bits=16), 16, RGB)
    elif kind == "deep tiff":
        content = tiff(rng.random((12, 14, 3)).astype(np.float32), 2)
    else:
        content = saved(Image.fromarray(integers(rng, 12, 14, 3)), kind)
    for place in rng.integers(0, len(content), 25):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        for change in (bytes(damaged), content[:place]):
            with contextlib.suppress(ImageError):
                decode_image(change, limits=Limits(pixels=10**6, memory=10**8))


@pytest.mark.proof
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_40_megapixels_of_16_bits_take_less_than_2_gib(tmp_path, kind):
    values = np.broadcast_to(np.arange(8000, dtype=np.uint16)[None, :, None] * np.uint16(8), (5000, 8000, 3))
    (tmp_path / "large").write_bytes(png(values, 16, RGB) if kind == "png" else tiff(values, 2))
    code = (
        "import resource, sys, pathlib; from aeden.data.image_files import decode_image; "
        "image = decode_image(pathlib.Path(sys.argv[1])); unit = image.unit(); "
        "assert image.pixels.shape == (5000, 8000, 3) and image.pixels[7, 5, 1] == 40; "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "large"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 2 * 1024**2  # KiB


def test_a_1_x_1_image():
    image = decode_image(png(np.full((1, 1, 1), 7, np.uint8)))
    assert image.uint8().tolist() == [[[7]]]
