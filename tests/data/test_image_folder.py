"""Folders and archives of images in class folders: labels, splits, and what is refused."""

import io
import tarfile

import numpy as np
import pytest
from conftest import write_images
from image_writers import png
from PIL import Image

from aeden.data import image_folder
from aeden.data.image_files import SUFFIXES, Limits
from aeden.data.sources import open_dataset


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (60, 8, 8), dtype=np.uint8)


def test_all_images_with_their_classes(tmp_path, images):
    write_images(tmp_path, images)
    splits, notes = image_folder.load(tmp_path)
    together = {
        image.tobytes(): label
        for split in splits.values()
        for image, label in zip(split.images, split.labels, strict=True)
    }
    assert together == {image.tobytes(): i % 2 for i, image in enumerate(images)}
    assert notes == ()
    assert [len(splits[name]) > 0 for name in ("train", "validation", "test")] == [True] * 3


def test_duplicates_are_in_the_same_split(tmp_path, images):
    write_images(tmp_path / "one", images)
    write_images(tmp_path / "two", images)
    splits, _ = image_folder.load(tmp_path)
    contents = [{image.tobytes() for image in split.images} for split in splits.values()]
    assert sum(map(len, contents)) == len(set.union(*contents)) == 60
    assert sum(map(len, splits.values())) == 120


def test_an_archive_gives_the_same_images_as_its_folder(tmp_path, images):
    write_images(tmp_path / "set", images)
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "set", "set")
    packed, unpacked = (
        {n: sorted(i.tobytes() for i in s.images) for n, s in image_folder.load(tmp_path / name)[0].items()}
        for name in ("set.tar.gz", "set")
    )
    assert packed == unpacked


def test_rgb_images_keep_their_colours(tmp_path, rng):
    write_images(tmp_path, rng.integers(0, 256, (40, 5, 7, 3), dtype=np.uint8))
    assert image_folder.load(tmp_path)[0]["train"].images.shape[1:] == (5, 7, 3)


def test_unreadable_images_are_skipped_and_counted(tmp_path, images):
    write_images(tmp_path, images)
    (tmp_path / "A" / "empty.png").write_bytes(b"")
    content = io.BytesIO()
    Image.fromarray(images[0]).save(content, "png")
    (tmp_path / "B" / "cut.png").write_bytes(content.getvalue()[:40])
    assert image_folder.load(tmp_path)[1] == (
        "2 unreadable images were skipped: A/empty.png (empty file: copy it again); "
        f"B/cut.png (not an image that aeden reads ({', '.join(SUFFIXES)}): convert it to PNG)",
    )


def test_mixed_sizes_are_refused(tmp_path, images):
    write_images(tmp_path, images)
    Image.new("L", (9, 8)).save(tmp_path / "B" / "z.png")
    with pytest.raises(ValueError, match=r"mixes image sizes: B/z.png is \(8, 9, 1\)"):
        image_folder.load(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no readable image.*found no files. aeden reads .png, .jpg"):
        image_folder.load(tmp_path)


def test_a_folder_of_other_kinds_of_files_is_refused_with_their_suffixes(tmp_path):
    for name in ("a.heic", "b.heic", "c.txt"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(
        ValueError, match=r"found .heic \(2\), .txt \(1\); 2 unreadable images were skipped: a.heic \(aeden"
    ):
        image_folder.load(tmp_path)


def test_images_of_all_kinds_become_8_bits_and_what_was_done_is_said(tmp_path, rng):
    deep = rng.integers(0, 65536, (30, 8, 8, 1), dtype=np.uint16)
    for i, image in enumerate(deep):
        (tmp_path / f"{i:02}.png").write_bytes(png(image // 20 if i < 2 else image, 16))
    splits, notes = image_folder.load(tmp_path)
    seen = {image.tobytes() for split in splits.values() for image in split.images}
    assert seen == {
        np.floor((image // 20 if i < 2 else image) / 65535 * 255 + 0.5).astype(np.uint8).tobytes()
        for i, image in enumerate(deep)
    }
    assert len(notes) == 2
    assert all("if the image looks too dark" in note for note in notes)


def test_more_images_than_fit_into_memory_are_refused(tmp_path, images):
    write_images(tmp_path, images)
    with pytest.raises(ValueError, match=r"60 images take more than 3.7 KiB"):
        image_folder.load(tmp_path, Limits(memory=59 * 64))


def test_an_archive_may_be_named_as_data_dir(tmp_path, images):
    write_images(tmp_path / "set", images)
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "set", "set")
    packed, unpacked = (open_dataset("folder", str(tmp_path / name)) for name in ("set.tar.gz", "set"))
    assert packed.sha256 == unpacked.sha256


def test_a_damaged_or_missing_archive_is_refused(tmp_path):
    (tmp_path / "x.tar.gz").write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match="truncated or damaged"):
        image_folder.load(tmp_path / "x.tar.gz")
    with pytest.raises(FileNotFoundError, match=r"y.tar.gz"):
        image_folder.load(tmp_path / "y.tar.gz")
