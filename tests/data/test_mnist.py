"""MNIST: from IDX files in several layouts, from a download, and what is refused."""

import gzip
import shutil

import numpy as np
import pytest
from conftest import idx, write_mnist

from aeden.data import mnist
from aeden.data.sources import open_dataset


@pytest.fixture
def digits(rng):
    """A small data set in MNIST's format: its arrays by part."""
    counts = {"train": 120, "test": 30}
    images = {f"{split}_images": rng.integers(0, 256, (n, 28, 28), dtype=np.uint8) for split, n in counts.items()}
    labels = {f"{split}_labels": rng.integers(0, 10, n, dtype=np.uint8) for split, n in counts.items()}
    return {**images, **labels}


@pytest.mark.parametrize(("subfolder", "suffix"), [("", ".gz"), ("mnist", ""), ("MNIST/raw", "")])
def test_mnist_from_idx_files(tmp_path, digits, subfolder, suffix):
    write_mnist(tmp_path / subfolder, digits, suffix)
    data = open_dataset("mnist", str(tmp_path))
    assert (data.name, data.requested, data.is_fallback) == ("mnist", "mnist", False)
    np.testing.assert_array_equal(
        np.concatenate([data.train.images, data.validation.images])[..., 0], digits["train_images"]
    )
    assert len(data.validation) == 10
    np.testing.assert_array_equal(data.test.images[..., 0], digits["test_images"])
    np.testing.assert_array_equal(data.test.labels, digits["test_labels"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        {(tmp_path / subfolder).relative_to(tmp_path).parts[0]}
        if subfolder
        else {f"{name}.gz" for name in mnist.FILES.values()}
    )


def test_a_truncated_idx_file_is_an_error_and_causes_no_fallback(tmp_path, digits):
    write_mnist(tmp_path, digits, ".gz")
    path = tmp_path / f"{mnist.FILES['train_images']}.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.gz is truncated"):
        open_dataset("mnist", str(tmp_path))


@pytest.mark.parametrize(
    ("content", "match"),
    [(b"", "not an IDX file"), (b"<html>", "not an IDX file"), (idx(np.zeros((3, 2, 2), np.uint8))[:-1], "promises")],
)
def test_files_that_are_not_idx_files_are_refused(tmp_path, content, match):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match=match):
        mnist.read_idx(tmp_path / "x")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mnist_is_downloaded_once(tmp_path, digits, server, monkeypatch, capfd):
    monkeypatch.setattr(mnist, "URL", server.url)
    monkeypatch.setattr(mnist, "MD5", {})
    write_mnist(server.folder, digits, ".gz")
    (tmp_path / "data").mkdir()
    first = open_dataset("mnist", str(tmp_path / "data"))
    np.testing.assert_array_equal(first.test.images[..., 0], digits["test_images"])
    assert "downloading its four IDX files from http" in capfd.readouterr().err
    shutil.rmtree(server.folder)
    assert open_dataset("mnist", str(tmp_path / "data")).sha256 == first.sha256


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_download_of_other_content_is_refused_and_not_used_again(tmp_path, digits, server, monkeypatch):
    monkeypatch.setattr(mnist, "URL", server.url)
    write_mnist(server.folder, digits, ".gz")
    (tmp_path / "data").mkdir()
    with pytest.raises(ValueError, match="is not the published file"):
        open_dataset("mnist", str(tmp_path / "data"))
    assert [path.name for path in (tmp_path / "data").rglob("*images*.gz*") if "train" in path.name] == []


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"test_images": np.zeros((0, 28, 28), np.uint8), "test_labels": np.zeros(0, np.uint8)}, "not MNIST: 0 images"),
        ({"test_labels": np.full(30, 10, np.uint8)}, "30 images with labels up to 10"),
        ({"test_images": np.zeros((30, 28, 27), np.uint8)}, r"not MNIST: \(30, 28, 27\) images"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_idx_files_of_another_set_are_refused(tmp_path, digits, change, match):
    write_mnist(tmp_path, {**digits, **change}, "")
    with pytest.raises(ValueError, match=match):
        open_dataset("mnist", str(tmp_path))


def test_an_idx_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "LARGEST", 1000)
    (tmp_path / "x.gz").write_bytes(gzip.compress(idx(np.zeros(2000, np.uint8))))
    with pytest.raises(ValueError, match="more than 1,000 bytes"):
        mnist.read_idx(tmp_path / "x.gz")


def test_a_changed_file_changes_the_hash(tmp_path, digits):
    """The hash is kept in the cache; a file that changes by one bit must not get the hash of the old one."""
    write_mnist(tmp_path, digits, "")
    first = open_dataset("mnist", str(tmp_path))
    digits["test_images"][3, 4, 5] ^= 1
    write_mnist(tmp_path, digits, "")
    second = open_dataset("mnist", str(tmp_path))
    assert first.sha256 != second.sha256
    np.testing.assert_array_equal(second.test.images[..., 0], digits["test_images"])


def test_the_real_mnist(real_data):
    data = open_dataset("mnist", str(real_data))
    assert [len(split) for split in (data.train, data.validation, data.test)] == [55_000, 5_000, 10_000]
    assert data.sha256 == "5666cf4789cb0b5d0423418a7af1d7e0dc3d12df072eca42445b5edb447314c7"
