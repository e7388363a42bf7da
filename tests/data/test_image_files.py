"""Image files: reading folders and archives, including damaged and hostile ones, and decoding to pixels."""

import io
import tarfile

import numpy as np
import pytest
from conftest import write_images
from PIL import Image

from aeden.data.image_files import decode, read_members, skipped_note


def png(image):
    content = io.BytesIO()
    Image.fromarray(image).save(content, "png")
    return content.getvalue()


def archive(path, members, mode="w:gz"):
    """Writes (name, content) members; the content may also be a complete TarInfo."""
    with tarfile.open(path, mode) as tar:
        for name, content in members:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                tar.addfile(info)
    return path


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (60, 8, 8), dtype=np.uint8)


def test_an_archive_yields_the_same_files_as_its_folder(tmp_path, images):
    write_images(tmp_path / "set", images)
    (tmp_path / "set" / "A" / ".hidden.png").write_bytes(b"hidden")
    (tmp_path / "set" / "A" / "notes.txt").write_bytes(b"text")
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "set", "set")
    unpacked = {f"set/{name}": content for name, content in read_members(tmp_path / "set")}
    assert dict(read_members(tmp_path / "set.tar.gz")) == unpacked
    assert len(unpacked) == len(images)


def link(kind, name="s/A/x.png", target="/etc/passwd"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("../outside.png", b"x"),
        ("/absolute.png", b"x"),
        ("s/A/../../../x.png", b"x"),
        ("", link(tarfile.SYMTYPE)),
        ("", link(tarfile.LNKTYPE)),
        ("", link(tarfile.FIFOTYPE)),
    ],
)
def test_members_that_point_outside_the_archive_are_refused(tmp_path, images, name, content):
    path = archive(tmp_path / "x.tar.gz", [("s/A/0.png", png(images[0])), (name, content)])
    with pytest.raises(ValueError, match="points outside"):
        list(read_members(path))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_archive_is_refused(tmp_path, images, share):
    path = archive(tmp_path / "x.tar.gz", [(f"s/A/{i}.png", png(image)) for i, image in enumerate(images)])
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="truncated or damaged"):
        list(read_members(path))


def test_a_file_that_is_not_an_archive_is_refused(tmp_path):
    (tmp_path / "x.tar.gz").write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match="truncated or damaged"):
        list(read_members(tmp_path / "x.tar.gz"))
    with pytest.raises(FileNotFoundError, match=r"y.tar.gz"):
        list(read_members(tmp_path / "y.tar.gz"))


@pytest.mark.parametrize(
    ("mode", "expected"), [("1", "L"), ("L", "L"), ("LA", "L"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGB")]
)
def test_images_are_decoded_to_gray_or_rgb(rng, mode, expected):
    image = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)).convert(mode)
    content = io.BytesIO()
    image.save(content, "png")
    pixels = decode(content.getvalue())
    assert pixels.dtype == np.uint8
    reference = np.asarray(image.convert(expected))
    np.testing.assert_array_equal(pixels, reference if expected == "RGB" else reference[..., None])


@pytest.mark.parametrize("keep", [0, 4, 40])
def test_a_damaged_image_is_decoded_to_none(images, keep):
    assert decode(png(images[0])[:keep]) is None


def test_the_note_about_skipped_images():
    assert skipped_note(0) == ()
    assert skipped_note(1) == ("1 unreadable image was skipped",)
    assert skipped_note(2) == ("2 unreadable images were skipped",)
