"""The cache of decoded images: memory mapped, built once by one process, complete or absent, renewed with its files."""

import errno
import os
import threading

import numpy as np
import pytest
from PIL import Image

from aeden.data import decoded_folder
from aeden.data.decoded_folder import open_folder
from aeden.data.image_files import decode_image
from aeden.data.splits import content_hash


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AEDEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


@pytest.fixture
def folder(tmp_path, rng):
    """Five images of three sizes, gray and colour, and a damaged one."""
    for i, shape in enumerate([(4, 5), (6, 3, 3), (4, 5), (1, 1), (2, 9, 3)]):
        path = tmp_path / "images" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(path)
    (tmp_path / "images" / "bad.png").write_bytes(b"no image")
    return tmp_path / "images"


@pytest.fixture
def decoded(monkeypatch):
    """The files that were decoded, one entry each time."""
    calls = []

    def counting(content, **options):
        calls.append(content)
        return decode_image(content, **options)

    monkeypatch.setattr(decoded_folder, "decode_image", counting)
    return calls


def test_every_image_is_decoded_once_into_a_memory_map(folder, decoded):
    first, second = open_folder(folder), open_folder(folder)
    assert len(decoded) == 6
    for opened in (first, second):
        assert opened.names == ("a/0.png", "a/2.png", "a/4.png", "b/1.png", "b/3.png")
        assert isinstance(opened.images.values, np.memmap)
        (note,) = opened.notes
        assert note.startswith("1 unreadable image was skipped: bad.png (")
        for i, name in enumerate(opened.names):
            pixels = np.asarray(Image.open(folder / name))
            np.testing.assert_array_equal(opened.images[i].squeeze(), pixels.squeeze())
            assert opened.hashes[i] == content_hash(opened.images[i])


def test_a_changed_folder_is_decoded_again(folder, decoded):
    before = open_folder(folder)
    Image.new("L", (7, 7), 9).save(folder / "new.png")
    assert len(open_folder(folder).images) == len(before.images) + 1
    os.utime(folder / "new.png", ns=(1, 1))
    open_folder(folder)
    assert len(decoded) == 6 + 7 + 7


def test_processes_that_start_together_decode_once(folder, decoded):
    found = []
    threads = [threading.Thread(target=lambda: found.append(open_folder(folder))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(decoded) == 6
    assert {opened.hashes for opened in found} == {found[0].hashes}


def test_a_build_that_is_killed_leaves_nothing_that_is_used(folder, cache, monkeypatch, decoded):
    def killed(file):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(decoded_folder.os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            open_folder(folder)
    (lock,) = cache.iterdir()
    left = cache / f".{lock.name.removesuffix('.lock')}.killed"
    left.mkdir()
    assert len(open_folder(folder).images) == 5
    assert not left.exists()
    assert len(decoded) == 12


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_cache_is_built_again(folder, cache, decoded, damage):
    expected = open_folder(folder).hashes
    (pixels,) = cache.glob("*/pixels.bin")
    if damage == "cut":
        os.truncate(pixels, 10)
    else:
        pixels.with_name("index.json").unlink()
    assert open_folder(folder).hashes == expected
    assert len(decoded) == 12


def test_a_full_disk_is_named_with_the_remedy(folder, cache, monkeypatch):
    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(decoded_folder.os, "fsync", full)
    with pytest.raises(OSError, match=r"no space is left in .*images.*another folder with AEDEN_CACHE"):
        open_folder(folder)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_folders_without_a_readable_image_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no image folder or archive .*gone: correct data\.dir"):
        open_folder(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty contains no readable image, but no files\. aeden reads \.png"):
        open_folder(tmp_path / "empty")
    for name in "abc":
        (tmp_path / "empty" / f"{name}.png").write_text("text")
    with pytest.raises(
        ValueError, match=r"no readable image, but .png \(3\); 3 unreadable images were skipped: a.png \(.*; b.png"
    ):
        open_folder(tmp_path / "empty")


def test_what_cannot_be_read_stops_nothing(folder):
    (folder / "link").symlink_to(folder / "gone")
    os.mkfifo(folder / "pipe.png")
    opened = open_folder(folder)
    assert len(opened.images) == 5
    assert "3 unreadable images were skipped" in opened.notes[0]


def test_images_of_16_bits_are_scaled_and_alpha_is_left_out(tmp_path):
    folder = tmp_path / "deep"
    folder.mkdir()
    Image.fromarray(np.array([[0, 257, 65535]], np.uint16)).save(folder / "a.png")
    rgba = np.array([[[9, 8, 7, 0], [1, 2, 3, 255]]], np.uint8)
    Image.fromarray(rgba).save(folder / "b.png")
    opened = open_folder(folder)
    assert opened.images[0].tolist() == [[[0], [1], [255]]]
    np.testing.assert_array_equal(opened.images[1], rgba[..., :3])
