"""notMNIST: its splits by content, from folders and archives, and the choice between small and large."""

import shutil
import tarfile

import numpy as np
import pytest
from conftest import write_images
from image_writers import png

from aeden.data import notmnist
from aeden.data.sources import open_dataset


@pytest.fixture
def letters(tmp_path, rng):
    """A small notMNIST folder, A to J, with two exact duplicates and one unreadable file."""
    root = tmp_path / "letters" / "notMNIST_small"
    images = rng.integers(0, 256, (200, 28, 28), dtype=np.uint8)
    write_images(root, images, notmnist.CLASSES)
    shutil.copy(root / "A" / "0.png", root / "A" / "copy.png")
    shutil.copy(root / "B" / "1.png", root / "C" / "copy.png")
    (root / "D" / "broken.png").write_bytes(b"not a png")
    return root


@pytest.mark.parametrize("packed", [True, False])
def test_notmnist_splits_by_content(letters, packed):
    if packed:
        with tarfile.open(letters.parent / "notMNIST_small.tar.gz", "w:gz") as tar:
            tar.add(letters, letters.name)
        shutil.rmtree(letters)
    data = open_dataset("notmnist", str(letters.parent))
    splits = (data.train, data.validation, data.test)
    contents = [{image.tobytes() for image in split.images} for split in splits]
    assert data.name == "notmnist/small"
    assert sum(map(len, splits)) == 202
    assert sum(map(len, contents)) == len(set.union(*contents)) == 200
    assert len(data.notes) == 1
    assert data.notes[0].startswith("1 unreadable image was skipped: notMNIST_small")
    assert data.classes == tuple("ABCDEFGHIJ")
    assert data.describe()["label_noise"] == {"train": 0.005, "test": 0.005}
    chosen = open_dataset("notmnist/auto", str(letters.parent))
    assert (chosen.name, chosen.requested, chosen.sha256) == ("notmnist/small", "notmnist/small", data.sha256)
    assert "notMNIST large is not on disk" in chosen.notes[-1]


def test_notmnist_large_trains_on_no_image_of_small(letters, rng):
    large = letters.parent / "notMNIST_large"
    own = rng.integers(0, 256, (300, 28, 28), dtype=np.uint8)
    write_images(large, own, notmnist.CLASSES)
    shutil.copytree(letters, large, dirs_exist_ok=True, copy_function=lambda a, b: shutil.copy(a, f"{b}.small.png"))
    data = open_dataset("notmnist/large", str(letters.parent))
    seen = {image.tobytes() for split in (data.train, data.validation) for image in split.images}
    assert seen == {image.tobytes() for image in own}
    assert len(data.test) == 202
    assert data.describe()["label_noise"] == {"train": 0.065, "test": 0.005}
    chosen = open_dataset("notmnist/auto", str(letters.parent))
    assert (chosen.name, chosen.sha256) == ("notmnist/large", data.sha256)
    assert "notMNIST large is on disk" in chosen.notes[-1]


def test_the_real_notmnist(real_data):
    data = open_dataset("notmnist", str(real_data))
    splits = (data.train, data.validation, data.test)
    assert sum(map(len, splits)) == 18_724
    assert data.sha256 == "c7d55f4ed30be4db2d96f1a9651b26aa0ca433c04fee0e759d081edd286fbf8f"
    contents = [{image.tobytes() for image in split.images} for split in splits]
    assert sum(map(len, contents)) == len(set.union(*contents)) == 18_232


def packed(folder):
    with tarfile.open(folder.parent / "notMNIST_small.tar.gz", "w:gz") as tar:
        tar.add(folder, folder.name)
    shutil.rmtree(folder)


def test_images_are_read_by_the_rules_of_all_images(letters):
    """16 bits, turned, one bit and palette: TFDS would read other pixels, or as many as do not fit into 8 bits."""
    values = np.arange(784, dtype=np.uint16).reshape(28, 28, 1) * 83
    orientation = b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    files = {
        "deep": (png(values, 16), np.floor(values / 65535 * 255 + 0.5)),
        "turned": (png(values.astype(np.uint8), after=[(b"eXIf", orientation)]), np.rot90(values.astype(np.uint8), -1)),
        "bits": (png((values % 2).astype(np.uint8), 1), values % 2 * 255),
    }
    for name, (content, _) in files.items():
        (letters / "A" / f"{name}.png").write_bytes(content)
    # `letter in "ABCDEFGHIJ"` also holds for "" and "AB".
    strays = ("stray.png", "AB/x.png")
    (letters / "AB").mkdir()
    for name in strays:
        shutil.copy(letters / "A" / "0.png", letters / name)
    packed(letters)
    data = open_dataset("notmnist", str(letters.parent))
    seen = {image.tobytes() for split in (data.train, data.validation, data.test) for image in split.images}
    for name, (_, expected) in files.items():
        assert expected.astype(np.uint8).tobytes() in seen, name
    assert sum(map(len, (data.train, data.validation, data.test))) == 205
    (note,) = data.notes
    assert note.startswith("3 unreadable images were skipped: ")
    for name in strays:
        assert f"notMNIST_small.tar.gz: notMNIST_small/{name} (not in a folder named A to J)" in note
    assert "notMNIST_small/D/broken.png (not an image that aeden reads" in note


def test_three_images_are_too_few(letters):
    shutil.rmtree(letters)
    write_images(letters, np.zeros((3, 28, 28), np.uint8), notmnist.CLASSES)
    packed(letters)
    with pytest.raises(ValueError, match=r"notMNIST_small.tar.gz has too few readable images .* split would be empty"):
        open_dataset("notmnist", str(letters.parent))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_wrong_download_is_refused_and_not_used_again(letters, tmp_path, server, monkeypatch, capfd):
    (letters / "D" / "broken.png").unlink()
    packed(letters)
    archive = letters.parent / "notMNIST_small.tar.gz"
    monkeypatch.setattr(notmnist, "URL", server.url)
    monkeypatch.setattr(notmnist, "IMAGES_IN_SMALL", 203)
    shutil.move(archive, server.folder / archive.name)
    (tmp_path / "data").mkdir()
    with pytest.raises(ValueError, match=r"bytes and is not the published file, which has 8,458,043"):
        open_dataset("notmnist", str(tmp_path / "data"))
    size = (server.folder / archive.name).stat().st_size
    monkeypatch.setattr(notmnist, "PUBLISHED_BYTES", {"small": size})
    with pytest.raises(ValueError, match=r"has 202 readable images and is not the published file, which has 203"):
        open_dataset("notmnist", str(tmp_path / "data"))
    monkeypatch.setattr(notmnist, "IMAGES_IN_SMALL", 202)
    data = open_dataset("notmnist", str(tmp_path / "data"))
    assert (data.is_fallback, sum(map(len, (data.train, data.validation, data.test)))) == (False, 202)
    assert capfd.readouterr().err.count("downloading notMNIST_small.tar.gz from http") == 3
