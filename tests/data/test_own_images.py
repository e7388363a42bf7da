"""Own images of any size: splits, channels, limits, pairs, and what is refused."""

import tarfile

import numpy as np
import pytest
from PIL import Image

from aeden.data import crops, own_images
from aeden.data.dataset import Dataset
from aeden.data.image_store import with_channels
from aeden.data.own_images import cut, open_images
from aeden.data.splits import Split, content_hash, hash_split, split_images


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AEDEN_CACHE", str(tmp_path / "cache"))


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write(folder, rng, count=10, colour=()):
    """Images of `count` sizes, those at the positions `colour` in RGB: name -> pixels [h, w, c]."""
    images = {}
    for i in range(count):
        pixels = rng.integers(0, 256, (6 + i, 40 - i, *((3,) if i in colour else ())), dtype=np.uint8)
        save(folder / f"{i}.png", pixels)
        images[f"{i}.png"] = pixels if pixels.ndim == 3 else pixels[..., None]
    return images


def hashes(images):
    return {content_hash(images[i]) for i in range(len(images))}


@pytest.mark.parametrize("count", [3, 4, 5, 10, 30])
def test_each_split_has_an_image_and_large_sets_follow_the_hash(count):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        digests = [rng.bytes(32).hex() for _ in range(count)]
        found = split_images(digests)
        assert sorted(np.concatenate(list(found.values()))) == list(range(count))
        assert min(map(len, found.values())) >= 1
        wanted = [hash_split(digest) for digest in digests]
        if set(wanted) == {"train", "validation", "test"}:
            assert all({wanted[i] for i in index} == {name} for name, index in found.items())
        for index in found.values():
            assert [digests[i] for i in index] == sorted(digests[i] for i in index)


def test_ten_images_are_enough_and_none_is_in_two_splits(tmp_path, rng):
    images = write(tmp_path / "set", rng)
    save(tmp_path / "set" / "copy.png", images["3.png"][..., 0])
    data = open_images(tmp_path / "set", 4)
    assert data.cropped is not None
    train, test = hashes(data.cropped.train.images), hashes(data.cropped.test.images)
    assert len(train) >= 1
    assert len(test) >= 1
    assert not train & test
    assert train | test < {content_hash(image) for image in images.values()}
    assert data.image_shape == (4, 4, 1)
    assert data.validation.images.shape[1:] == (4, 4, 1)
    assert not data.pairs


def test_the_data_do_not_depend_on_names_or_folders(tmp_path, rng):
    images = write(tmp_path / "one", rng)
    for i, (name, image) in enumerate(sorted(images.items(), reverse=True)):
        save(tmp_path / "two" / "ab"[i % 2] / f"x{i}{name}", image[..., 0])
    with tarfile.open(tmp_path / "two.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "two", "two")
    one, two, three = (open_images(tmp_path / name, 4) for name in ("one", "two", "two.tar.gz"))
    assert one.sha256 == two.sha256 == three.sha256
    np.testing.assert_array_equal(one.validation.images, two.validation.images)
    np.testing.assert_array_equal(one.train.images, three.train.images)


@pytest.mark.parametrize(
    ("channels", "colour", "expected"), [("auto", (), 1), ("auto", (4,), 3), ("1", (4,), 1), ("3", (), 3)]
)
def test_gray_and_colour_images_get_the_same_channels(tmp_path, rng, channels, colour, expected):
    images = write(tmp_path / "set", rng, 10, colour)
    data = open_images(tmp_path / "set", 4, channels)
    assert data.image_shape == (4, 4, expected)
    whole = {(h, w): with_channels(image, expected) for image in images.values() for h, w in [image.shape[:2]]}
    crops = data.cropped.train
    index = np.arange(len(crops))
    for crop, (image, top, left) in zip(crops.take(index, len(index))["image"], crops.positions(index), strict=True):
        source = whole[tuple(crops.images.shapes[image, :2].tolist())]
        np.testing.assert_array_equal(crop, source[top : top + 4, left : left + 4])


def test_limits_count_images(tmp_path, rng):
    write(tmp_path / "set", rng, 12)
    whole, few = open_images(tmp_path / "set", 4), open_images(tmp_path / "set", 4, train_limit=2)
    assert len(few.cropped.train.images) == 2 < len(whole.cropped.train.images)
    assert len(few.cropped.test) == len(whole.cropped.test)
    assert few.sha256 != whole.sha256
    one = open_images(tmp_path / "set", 4, limit=1)
    assert (len(one.cropped.train.images), len(one.cropped.test)) == (1, 1)


def test_what_the_run_says_of_its_data(tmp_path, rng):
    write(tmp_path / "set", rng)
    (tmp_path / "set" / "bad.png").write_bytes(b"")
    data = open_images(tmp_path / "set", 4)
    crops, images = len(data.cropped.train), len(data.cropped.train.images)
    assert data.contents.startswith(f"{images} images ({crops} crops of 4 x 4 per epoch) to train on, ")
    assert data.describe()["examples"]["train"] == crops
    assert data.describe()["training_images"] == images
    assert data.notes[0].startswith("1 unreadable image was skipped: bad.png")


def write_pairs(folder, rng, count=8):
    clean = {i: rng.integers(0, 200, (6 + i, 9), dtype=np.uint8) for i in range(count)}
    for i, image in clean.items():
        save(folder / "clean" / "deep" / f"{i}.png", image)
        save(folder / "noisy" / "deep" / f"{i}.{'bmp' if i % 2 else 'png'}", image + np.uint8(50))
    return clean


def test_pairs_are_found_by_their_names(tmp_path, rng):
    write_pairs(tmp_path / "set", rng)
    data = open_images(tmp_path / "set", 4)
    assert data.pairs
    assert data.notes == ()
    for batch in (
        data.cropped.train.take(np.arange(5), 5),
        data.cropped.test.take(np.array([0]), 1),
        data.validation.take(np.array([0]), 2),
    ):
        kept = batch["mask"]
        np.testing.assert_array_equal(batch["noisy"][kept], batch["image"][kept] + np.uint8(50))
    alone = open_images(tmp_path / "set" / "clean", 4)
    assert not alone.pairs
    assert alone.sha256 != data.sha256


def test_images_without_a_partner_are_left_out_and_named(tmp_path, rng):
    write_pairs(tmp_path / "set", rng)
    gray = rng.integers(0, 256, (7, 7), dtype=np.uint8)
    for name in ("noisy/alone.png", "clean/only.png", "other/x.png", "noisy/deep/1.png"):
        save(tmp_path / "set" / name, gray)
    save(tmp_path / "set/noisy/small.png", gray)
    save(tmp_path / "set/clean/small.png", gray[:5])
    (note,) = open_images(tmp_path / "set", 4).notes
    assert note.startswith("5 images are in no pair and left out: ")
    for part in (
        "noisy/alone.png (not in clean)",
        "clean/only.png (not in noisy)",
        "other/x.png (in neither noisy nor clean)",
        "a second image with the name deep/1",
        "noisy/small.png (not of the size of its clean image)",
    ):
        assert part in note
    save(tmp_path / "none/noisy/a.png", gray)
    save(tmp_path / "none/clean/b.png", gray)
    with pytest.raises(
        ValueError, match=r"no pair of images; 2 images are in no pair and left out: noisy/a.png \(not in clean\)"
    ):
        open_images(tmp_path / "none", 4)


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_images_are_refused_with_what_was_left_out(tmp_path, rng, count):
    write(tmp_path / "set", rng, count)
    (tmp_path / "set" / "bad.png").write_bytes(b"")
    with pytest.raises(
        ValueError, match=rf"{count} different image.*3 at least.*1 unreadable image was skipped: bad.png"
    ):
        open_images(tmp_path / "set", 4)


def test_images_of_one_pixel_are_images(tmp_path):
    for value in range(10):
        save(tmp_path / "set" / f"{value}.png", np.full((1, 1), value, np.uint8))
    data = open_images(tmp_path / "set", 4)
    assert len(data.cropped.train) == len(data.cropped.train.images)
    batch = data.cropped.train.take(np.array([1]), 1)["image"]
    assert (batch == batch[0, 0, 0, 0]).all()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"crop": 0}, r"data.crop 0 is not a size"),
        ({"crop": -3}, r"data.crop -3"),
        ({"crop": 4, "channels": "2"}, r"unknown data.channels '2': use one of auto, 1, 3"),
        ({"crop": 4, "limit": -1}, r"data.limit -1 is negative"),
        ({"crop": 4, "train_limit": -1}, r"data.train_limit -1 is negative"),
    ],
)
def test_arguments_out_of_range_are_refused(tmp_path, rng, options, match):
    write(tmp_path / "set", rng)
    with pytest.raises(ValueError, match=match):
        open_images(tmp_path / "set", **options)


def test_crops_of_a_set_of_one_size(rng):
    splits = [Split(rng.integers(0, 256, (count, 9, 12, 1), dtype=np.uint8)) for count in (5, 3, 2)]
    whole = Dataset("pages", "pages", *splits, sha256="abc", notes=("drawn",))
    data = cut(whole, 6)
    assert (data.name, data.sha256, data.notes) == ("pages", "abc", ("drawn",))
    assert data.cropped is not None
    assert len(data.cropped.train) == 5 * (9 * 12 // 36)
    np.testing.assert_array_equal(data.cropped.test.take(np.array([1, 0]), 2)["image"], splits[2].images[[1, 0]])
    assert data.image_shape == (6, 6, 1)
    assert len(data.validation) == 9
    assert cut(whole, 6, "3").image_shape == (6, 6, 3)


def test_test_images_of_very_many_sizes_are_limited(tmp_path, rng, monkeypatch):
    write(tmp_path / "set", rng, 30)
    whole = open_images(tmp_path / "set", 4)
    monkeypatch.setattr(own_images, "MOST_SIZES", 1)
    few = open_images(tmp_path / "set", 4)
    assert len(few.cropped.test) == 1 < len(whole.cropped.test)
    np.testing.assert_array_equal(few.cropped.test.images[0], whole.cropped.test.images[0])
    assert few.notes[0].endswith(f"1 of {len(whole.cropped.test)} are tested")
    assert few.sha256 == whole.sha256


def test_the_user_is_told_that_the_centre_of_large_images_is_tested(tmp_path, rng, monkeypatch):
    write(tmp_path / "set", rng, 10)
    monkeypatch.setattr(crops, "MOST_PIXELS", 60)
    assert open_images(tmp_path / "set", 4).notes[0].endswith("their central part is tested")
