"""Prepared TFDS folders: any image set can be read, and its hash is computed once."""

import concurrent.futures
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aeden.data import dataset, sources, tfds_folder
from aeden.data.dataset import hash_splits
from aeden.data.sources import open_dataset
from aeden.runtime.cache import cache_folder

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def prepare_generic(folder, name, shapes, seed=0):
    """Prepares a TFDS set that aeden has no builder for, with one split, and returns its images."""
    import tensorflow_datasets as tfds
    from etils import epath

    rng = np.random.default_rng(seed)
    images = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]

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


def test_any_prepared_tfds_set(tmp_path):
    images = prepare_generic(tmp_path, "flowers", [(10, 12, 3)] * 40)
    data = open_dataset("flowers", str(tmp_path))
    assert data.image_shape == (10, 12, 3)
    seen = {image.tobytes() for split in (data.train, data.validation, data.test) for image in split.images}
    assert seen == {image.tobytes() for image in images}
    prepare_generic(tmp_path, "mixed", [(10, 12, 3), (12, 12, 3)])
    with pytest.raises(ValueError, match=r"mixes image sizes: \(12, 12, 3\) after \(10, 12, 3\)"):
        open_dataset("mixed", str(tmp_path))
    assert not [path for path in (cache_folder() / "arrays").iterdir() if path.name.endswith(".tmp")]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An own, empty cache."""
    monkeypatch.setenv("AEDEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def flowers(tmp_path, cache):
    """A data folder with a prepared set."""
    (tmp_path / "data").mkdir()
    prepare_generic(tmp_path / "data", "flowers", [(4, 5, 3)] * 60)
    return str(tmp_path / "data")


@pytest.fixture
def hashed(monkeypatch):
    """One entry for each time that images are hashed."""
    calls = []

    def counting(splits):
        calls.append({name: len(split) for name, split in splits.items()})
        return hash_splits(splits)

    monkeypatch.setattr(sources, "hash_splits", counting)
    return calls


def computed_hash(data):
    """The hash, computed from the images."""
    return hash_splits({"train": data.train, "validation": data.validation, "test": data.test})


def test_images_are_hashed_once_per_selection(flowers, hashed):
    """Once every start hashed all images."""
    selections = ({}, {"limit": 4}, {"train_limit": 20}, {"limit": 4, "train_limit": 2})
    opened = [open_dataset("flowers", flowers, **selection) for selection in selections]
    assert len(hashed) == len({data.sha256 for data in opened}) == len(selections)
    assert [data.sha256 for data in opened] == [computed_hash(data) for data in opened]
    again = [open_dataset("flowers", flowers, **selection) for selection in selections]
    assert len(hashed) == len(selections)
    assert [data.sha256 for data in again] == [data.sha256 for data in opened]


def test_a_changed_set_is_hashed_again(flowers, hashed):
    first = open_dataset("flowers", flowers)
    shutil.rmtree(Path(flowers) / "flowers")
    prepare_generic(flowers, "flowers", [(4, 5, 3)] * 60, seed=1)
    second = open_dataset("flowers", flowers)
    assert len(hashed) == 2
    assert first.sha256 != second.sha256 == computed_hash(second)


def test_changed_arrays_in_the_cache_are_hashed_again(flowers, cache, hashed):
    first = open_dataset("flowers", flowers)
    (arrays,) = cache.glob("arrays/*/train_images.npy")
    np.save(arrays, 255 - np.load(arrays))
    second = open_dataset("flowers", flowers)
    assert len(hashed) == 2
    assert first.sha256 != second.sha256 == computed_hash(second)


def test_another_division_into_splits_is_hashed_again(flowers, hashed, monkeypatch):
    """The array files are the same, but a later version of aeden may divide them differently."""
    first = open_dataset("flowers", flowers)
    monkeypatch.setattr(dataset, "hash_split", lambda digest: {"0": "test", "1": "validation"}.get(digest[0], "train"))
    second = open_dataset("flowers", flowers)
    assert len(hashed) == 2
    assert first.sha256 != second.sha256 == computed_hash(second)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b'{"sha256": "%s"}' % (b"0" * 64), b'{"key": {}, "sha256": 1}', None]
)
def test_a_damaged_or_missing_kept_hash_is_computed_again(tmp_path, content):
    np.save(tmp_path / "test_images.npy", np.zeros(3))
    assert tfds_folder.remembered_sha256(tmp_path, {"limit": 0}, lambda: "a" * 64) == "a" * 64
    (kept,) = tmp_path.glob("sha256-*.json")
    whole = kept.read_bytes()
    if content is None:
        kept.unlink()
    else:
        kept.write_bytes(content)
    assert tfds_folder.remembered_sha256(tmp_path, {"limit": 0}, lambda: "b" * 64) == "b" * 64
    assert kept.read_bytes() == whole.replace(b"a" * 64, b"b" * 64)


def test_a_kept_hash_that_is_no_sha256_is_computed_again(tmp_path):
    np.save(tmp_path / "test_images.npy", np.zeros(3))
    assert tfds_folder.remembered_sha256(tmp_path, {"limit": 0}, lambda: "not a hash") == "not a hash"
    assert tfds_folder.remembered_sha256(tmp_path, {"limit": 0}, lambda: "a" * 64) == "a" * 64
    assert tfds_folder.remembered_sha256(tmp_path, {"limit": 0}, lambda: "b" * 64) == "a" * 64
    assert tfds_folder.remembered_sha256(tmp_path, {"limit": 1}, lambda: "b" * 64) == "b" * 64


def test_a_hash_is_returned_even_if_it_cannot_be_kept(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError("disk full")

    monkeypatch.setattr(tfds_folder, "write_json", full)
    assert tfds_folder.remembered_sha256(tmp_path, {}, lambda: "a" * 64) == "a" * 64


def test_several_writers_of_a_hash_leave_one_whole_file(tmp_path):
    np.save(tmp_path / "test_images.npy", np.zeros(3))
    together = threading.Barrier(4)

    def compute():
        together.wait()
        return "a" * 64

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(tfds_folder.remembered_sha256, tmp_path, {}, compute) for _ in range(4)]
    assert [job.result() for job in jobs] == ["a" * 64] * 4
    assert len(list(tmp_path.iterdir())) == 2
    assert tfds_folder.remembered_sha256(tmp_path, {}, lambda: "b" * 64) == "a" * 64
