"""Splits: selections of examples, padded batches, and the assignment of images to splits by content."""

import numpy as np
import pytest

from aeden.data.splits import Split, content_hash, hash_split, split_images, spread


def labelled(counts):
    """Images whose pixels are their own position, sorted by class."""
    labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    return Split(images, labels, tuple("ABC"[: len(counts)]))


@pytest.mark.parametrize(
    ("counts", "budget", "expected"),
    [
        ((20, 20, 20), 9, [3, 3, 3]),
        ((20, 20, 20), 60, [20, 20, 20]),
        ((2, 20, 20), 12, [2, 5, 5]),
        ((5, 5), 2, [1, 1]),
    ],
)
def test_a_label_budget_is_divided_evenly_among_the_classes(counts, budget, expected):
    subset = labelled(counts).stratified(budget, seed=0)
    assert np.bincount(subset.labels).tolist() == expected
    np.testing.assert_array_equal(subset.labels, labelled(counts).labels[subset.images[:, 0, 0, 0]])
    assert len(set(subset.images[:, 0, 0, 0].tolist())) == budget
    assert subset.classes == labelled(counts).classes


def test_the_seed_decides_which_examples_a_label_budget_selects():
    split = labelled((30, 30, 30))
    selected = {seed: split.stratified(10, seed).images[:, 0, 0, 0].tolist() for seed in (0, 1)}
    assert selected[0] == split.stratified(10, 0).images[:, 0, 0, 0].tolist() != selected[1]
    assert sorted(np.bincount(split.stratified(10, 0).labels)) == [3, 3, 4]
    assert split.stratified(0, 0) is split


@pytest.mark.parametrize(
    ("budget", "match"),
    [
        (91, "91 labels is more than the 90 examples"),
        (2, "2 labels is less than one of each of 3 classes"),
    ],
)
def test_impossible_label_budgets_are_refused(budget, match):
    with pytest.raises(ValueError, match=match):
        labelled((30, 30, 30)).stratified(budget, 0)
    with pytest.raises(ValueError, match="no labels"):
        Split(np.zeros((3, 2, 2, 1), np.uint8)).stratified(2, 0)


def test_the_first_examples_and_any_selection():
    split = labelled((3, 4))
    assert split.first(0) is split
    assert split.first(7) is split
    assert split.first(2).images[:, 0, 0, 0].tolist() == [0, 1]
    chosen = split.select(np.array([5, 0]))
    assert chosen.images[:, 0, 0, 0].tolist() == [5, 0]
    assert chosen.labels.tolist() == [1, 0]
    assert chosen.classes == ("A", "B")


def test_a_batch_is_padded_with_masked_zero_images():
    batch = labelled((3, 4)).take(np.array([4, 2]), 4)
    assert batch["image"][:, 0, 0, 0].tolist() == [4, 2, 0, 0]
    assert batch["index"].tolist() == [4, 2, 0, 0]
    assert batch["mask"].tolist() == [True, True, False, False]
    assert batch["label"].tolist() == [1, 0, 0, 0]
    assert {name: value.dtype.name for name, value in batch.items()} == {
        "image": "uint8",
        "index": "int32",
        "mask": "bool",
        "label": "int32",
    }


@pytest.mark.parametrize(
    ("count", "most", "expected"), [(10, 3, [0, 3, 6]), (3, 10, [0, 1, 2]), (0, 5, []), (8, 4, [0, 2, 4, 6])]
)
def test_evenly_spaced_positions(count, most, expected):
    assert spread(count, most).tolist() == expected


def test_splits_by_content_have_shares_of_80_10_and_10_percent():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4000, 2, 3, 1), dtype=np.uint8)
    assigned = [hash_split(content_hash(image)) for image in images]
    shares = [assigned.count(name) / len(images) for name in ("train", "validation", "test")]
    np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.02)


def test_the_share_held_out_can_be_chosen():
    digests = [f"{i:012x}" + "0" * 52 for i in range(0, 16**12, 16**12 // 1000)]
    assigned = [hash_split(digest, 0.02) for digest in digests]
    shares = [assigned.count(name) / len(digests) for name in ("train", "validation", "test")]
    np.testing.assert_allclose(shares, [0.96, 0.02, 0.02], atol=0.002)
    # What is trained on with a large share held out is also trained on with a small one.
    assert {d for d in digests if hash_split(d) == "train"} < {d for d in digests if hash_split(d, 0.02) == "train"}
    splits = split_images(digests, 0.02)
    assert {name: [digests[i] for i in index] for name, index in splits.items()} == {
        name: sorted(d for d, its in zip(digests, assigned, strict=True) if its == name) for name in splits
    }


def test_the_content_hash_depends_on_shape_and_pixels_only():
    image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    assert content_hash(image) == content_hash(np.asfortranarray(image))
    assert content_hash(image) != content_hash(image.reshape(3, 2, 1))
    assert content_hash(image) != content_hash(image + 1)
    assert (hash_split("0" * 64), hash_split("cd" + "0" * 62), hash_split("f" * 64)) == ("train", "validation", "test")
