"""notMNIST: its splits by content, from folders and archives, and the choice between small and large."""

import shutil
import tarfile

import numpy as np
import pytest
from conftest import write_images

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
    assert data.notes == ("1 unreadable image was skipped",)
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
    contents = [{image.tobytes() for image in split.images} for split in splits]
    assert sum(map(len, contents)) == len(set.union(*contents)) == 18_232
