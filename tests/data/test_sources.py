"""Where data come from: prepared TFDS folders, local files, a download, or glyphs in their stead."""

import functools
import gzip
import http.server
import shutil
import struct
import tarfile
import threading
import time

import numpy as np
import pytest
from conftest import write_images
from PIL import Image

from aeden.data import mnist, notmnist, sources
from aeden.data.sources import DatasetNotFound, open_dataset
from aeden.tasks import execute


def idx(array):
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape) + array.tobytes()


@pytest.fixture
def digits(rng):
    """A small set in MNIST's form: the parts by name."""
    counts = {"train": 120, "test": 30}
    images = {f"{split}_images": rng.integers(0, 256, (n, 28, 28), dtype=np.uint8) for split, n in counts.items()}
    labels = {f"{split}_labels": rng.integers(0, 10, n, dtype=np.uint8) for split, n in counts.items()}
    return {**images, **labels}


def write_mnist(folder, digits, suffix):
    folder.mkdir(parents=True, exist_ok=True)
    for part, array in digits.items():
        content = idx(array)
        (folder / f"{mnist.FILES[part]}{suffix}").write_bytes(gzip.compress(content) if suffix else content)


@pytest.fixture
def letters(tmp_path, rng):
    """A small notMNIST folder, A to J, with two exact duplicates and an unreadable file."""
    root = tmp_path / "letters" / "notMNIST_small"
    images = rng.integers(0, 256, (200, 28, 28), dtype=np.uint8)
    write_images(root, images, notmnist.CLASSES)
    shutil.copy(root / "A" / "0.png", root / "A" / "copy.png")
    shutil.copy(root / "B" / "1.png", root / "C" / "copy.png")
    (root / "D" / "broken.png").write_bytes(b"not a png")
    return root


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


def test_a_truncated_idx_file_is_an_error_not_a_fallback(tmp_path, digits):
    write_mnist(tmp_path, digits, ".gz")
    path = tmp_path / f"{mnist.FILES['train_images']}.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.gz is truncated"):
        open_dataset("mnist", str(tmp_path))


@pytest.mark.parametrize(
    ("content", "match"),
    [(b"", "no IDX file"), (b"<html>", "no IDX file"), (idx(np.zeros((3, 2, 2), np.uint8))[:-1], "promises")],
)
def test_what_is_no_idx_file(tmp_path, content, match):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match=match):
        mnist.read_idx(tmp_path / "x")


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
    assert "notMNIST large is not at hand" in chosen.notes[-1]


def test_notmnist_large_trains_on_nothing_that_small_holds(letters, rng):
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


def prepare_generic(folder, name, shapes):
    """A prepared TFDS set that aeden has no builder for."""
    import tensorflow_datasets as tfds
    from etils import epath

    images = [np.random.default_rng(i).integers(0, 256, shape, dtype=np.uint8) for i, shape in enumerate(shapes)]

    class Generic(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return self.dataset_info_from_configs(
                features=tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(None, None, 3))}),
                disable_shuffling=True,
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for i, image in enumerate(images):
                yield i, {"image": Image.fromarray(image)}

    Generic.name, Generic.pkg_dir_path = name, epath.Path(folder)
    Generic(data_dir=folder, file_format="array_record").download_and_prepare()
    return images


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_any_prepared_tfds_set(tmp_path):
    images = prepare_generic(tmp_path, "flowers", [(10, 12, 3)] * 40)
    data = open_dataset("flowers", str(tmp_path))
    assert data.image_shape == (10, 12, 3)
    seen = {image.tobytes() for split in (data.train, data.validation, data.test) for image in split.images}
    assert seen == {image.tobytes() for image in images}
    prepare_generic(tmp_path, "mixed", [(10, 12, 3), (12, 12, 3)])
    with pytest.raises(ValueError, match=r"mixes image sizes: \(12, 12, 3\) after \(10, 12, 3\)"):
        open_dataset("mixed", str(tmp_path))


@pytest.fixture
def server(tmp_path):
    """A loopback web server of `tmp_path/www`: its address."""
    (tmp_path / "www").mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "www")
    handler.log_message = lambda *_: None
    http.server.SimpleHTTPRequestHandler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mnist_is_downloaded_once(tmp_path, digits, server, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(mnist, "URL", server)
    monkeypatch.setattr(mnist, "MD5", {})
    write_mnist(tmp_path / "www", digits, ".gz")
    (tmp_path / "data").mkdir()
    first = open_dataset("mnist", str(tmp_path / "data"))
    np.testing.assert_array_equal(first.test.images[..., 0], digits["test_images"])
    shutil.rmtree(tmp_path / "www")
    assert open_dataset("mnist", str(tmp_path / "data")).sha256 == first.sha256


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_download_of_other_content_is_refused(tmp_path, digits, server, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(mnist, "URL", server)
    write_mnist(tmp_path / "www", digits, ".gz")
    (tmp_path / "data").mkdir()
    with pytest.raises(ValueError, match="is not the published file"):
        open_dataset("mnist", str(tmp_path / "data"))


@pytest.mark.parametrize(("requested", "used"), [("mnist", "glyphs/digits"), ("notmnist", "glyphs/letters")])
def test_glyphs_stand_in_within_seconds(tmp_path, requested, used):
    began = time.monotonic()
    data = open_dataset(requested, str(tmp_path), limit=50)
    assert time.monotonic() - began < 2 * sources.PROBE_SECONDS
    assert (data.name, data.is_fallback, len(data.train)) == (used, True, 50)
    banner = execute.banner(data)
    assert f"TRAINING ON {used.upper()} INSTEAD" in banner
    assert str(tmp_path) in " ".join(banner.split())
    assert len({len(line) for line in banner.splitlines()}) == 1


def test_without_a_fallback_the_remedies_are_listed(tmp_path):
    with pytest.raises(DatasetNotFound, match=r"four IDX files.*--config.data.dir=FOLDER or AEDEN_DATA=FOLDER"):
        open_dataset("mnist", str(tmp_path), fallback="")
    with pytest.raises(DatasetNotFound, match=r"notMNIST_large.tar.gz and notMNIST_small.tar.gz"):
        open_dataset("notmnist/large", str(tmp_path), fallback="")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("mnits",), "unknown data set 'mnits'"),
        (("notmnist/medium",), "notmnist/medium"),
        (("glyphs/runes",), "runes"),
        (("mnist", "/does/not/exist"), "/does/not/exist"),
        (("folder",), "data.dir"),
        (("mnist", "", "glyph"), "'glyph'"),
        (("glyphs", "", "", -1), "-1 is negative"),
    ],
)
def test_what_cannot_be_opened_is_named(arguments, match):
    with pytest.raises((ValueError, FileNotFoundError), match=match):
        open_dataset(*arguments)


def test_a_limit_takes_the_first_of_each_split(image_folder):
    whole, few = open_dataset("folder", str(image_folder)), open_dataset("folder", str(image_folder), limit=7)
    np.testing.assert_array_equal(few.train.images, whole.train.images[:7])
    assert whole.sha256 != few.sha256


def test_the_real_mnist(real_data):
    data = open_dataset("mnist", str(real_data))
    assert [len(split) for split in (data.train, data.validation, data.test)] == [55_000, 5_000, 10_000]
    assert data.sha256 == "5666cf4789cb0b5d0423418a7af1d7e0dc3d12df072eca42445b5edb447314c7"


def test_the_real_notmnist(real_data):
    data = open_dataset("notmnist", str(real_data))
    splits = (data.train, data.validation, data.test)
    assert sum(map(len, splits)) == 18_724
    contents = [{image.tobytes() for image in split.images} for split in splits]
    assert sum(map(len, contents)) == len(set.union(*contents)) == 18_232
