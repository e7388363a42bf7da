"""Opened data sets: how they describe themselves, which splits they get, and their hash."""

import hashlib
import itertools

import numpy as np
import pytest

from aeden.data.dataset import Dataset, hash_splits, name_splits
from aeden.data.splits import Split


def numbered(count, labels=True, classes=()):
    """Images whose pixels are their own position."""
    number = np.arange(count, dtype=np.uint8)
    images = np.broadcast_to(number[:, None, None, None], (count, 3, 2, 1)).copy()
    return Split(images, (number % 3).astype(np.int32) if labels else None, classes)


def test_a_data_set_describes_itself():
    data = Dataset("glyphs/digits", "mnist", numbered(4), numbered(3), numbered(2), "ab", ("a note",))
    assert data.describe() == {
        "dataset": "glyphs/digits",
        "requested_dataset": "mnist",
        "dataset_sha256": "ab",
        "dataset_notes": ["a note"],
        "label_noise": None,
        "examples": {"train": 4, "validation": 3, "test": 2},
    }
    assert data.identity() == {"name": "glyphs/digits", "requested": "mnist", "sha256": "ab"}
    assert data.label == "glyphs/digits (in place of mnist)"
    assert data.is_fallback
    assert data.image_shape == (3, 2, 1)


def test_label_noise_is_a_field_of_any_data_set():
    split = numbered(4)
    data = Dataset("letters", "letters", split, split, split, "", label_noise={"train": 0.1, "test": 0.0})
    assert data.describe()["label_noise"] == {"train": 0.1, "test": 0.0}
    assert data.label == "letters"
    assert Dataset("notmnist/small", "notmnist/small", split, split, split, "").describe()["label_noise"] is None


def test_classes_are_names_or_numbers_or_nothing():
    def classes(train, test):
        return Dataset("x", "x", train, train, test, "").classes

    assert classes(numbered(6, classes=("a", "b", "c")), numbered(1)) == ("a", "b", "c")
    assert classes(numbered(2), numbered(6)) == ("0", "1", "2")
    assert classes(numbered(6, labels=False), numbered(6, labels=False)) == ()


def pixels(splits):
    return {name: split.images[:, 0, 0, 0].tolist() for name, split in splits.items()}


def test_without_a_validation_split_the_last_twelfth_of_train_is_used():
    splits = name_splits({"train": numbered(25), "test": numbered(4)}, "here")
    assert pixels(splits) == {"train": list(range(23)), "validation": [23, 24], "test": [0, 1, 2, 3]}


@pytest.mark.parametrize("name", ["validation", "val", "dev"])
def test_an_existing_validation_split_is_used(name):
    splits = name_splits({"train": numbered(25), name: numbered(3), "test": numbered(4)}, "here")
    assert pixels(splits) == {"train": list(range(25)), "validation": [0, 1, 2], "test": [0, 1, 2, 3]}


def test_without_a_test_split_train_is_divided_by_content():
    splits = name_splits({"train": numbered(200)}, "here")
    assert list(splits) == ["train", "validation", "test"]
    assert sorted(itertools.chain(*pixels(splits).values())) == list(range(200))
    assert len(splits["train"]) > 5 * len(splits["validation"]) > 0 < len(splits["test"])
    own = name_splits({"train": numbered(200), "val": numbered(3)}, "here")
    assert pixels(own) == {**pixels(splits), "validation": [0, 1, 2]}


def test_a_set_without_a_train_split_is_refused():
    with pytest.raises(ValueError, match="here has no train split, only test"):
        name_splits({"test": numbered(4)}, "here")


def test_the_hash_covers_names_shapes_types_and_contents():
    """Run folders are bound to this value, so it is computed here a second time, from its definition."""
    splits = {"train": numbered(5), "validation": numbered(3, labels=False), "test": numbered(2)}
    expected = hashlib.sha256()
    for name, array in (
        ("train", splits["train"].images),
        ("train", splits["train"].labels),
        ("validation", splits["validation"].images),
        ("test", splits["test"].images),
        ("test", splits["test"].labels),
    ):
        expected.update(f"{name} {array.shape} {array.dtype}".encode() + array.tobytes())
    assert hash_splits(splits) == expected.hexdigest()
    assert hash_splits(splits) == "e4f4a8a784f48078a57b070d62b0ee97913d206b0d019b9037097f3b84f3c4bd"
    assert hash_splits({**splits, "test": numbered(3)}) != hash_splits(splits)


def test_names_of_classes_can_be_printed_whatever_the_folders_are_called():
    folders = ("a", "b\nc", "d\udcff")
    data = Dataset("folder", "folder", *[numbered(3, classes=folders)] * 3, "ab")
    assert data.classes == ("a", "b\ufffdc", "d\ufffd")
    "".join(data.classes).encode()
